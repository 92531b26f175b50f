use super::*;
use mqttbytes::v4::{SubAck, Subscribe, SubscribeFilter, Unsubscribe};

fn joined() -> Bridge {
    let mut bridge = Bridge::new("realm1", false);
    let steps = bridge.packet(Packet::Connect(Connect::new("me")));
    assert!(matches!(&steps[..], [Step::Route(Message::Hello { .. })]), "{steps:?}");
    let (steps, _) = bridge.message(&Message::Welcome { session: 1, details: Dict::new() });
    assert!(matches!(
        &steps[..],
        [Step::Send(Packet::ConnAck(ConnAck { code: ConnectReturnCode::Success, .. }))]
    ));
    bridge
}

fn event(subscription: Id, details: Dict) -> Message {
    Message::Event { subscription, publication: 9, details, payload: Payload::one("x") }
}

#[test]
fn a_password_is_a_ticket() {
    let mut bridge = Bridge::new("realm1", true);
    let mut connect = Connect::new("me");
    connect.set_login("joe", "secret");
    let [Step::Route(Message::Hello { realm, details })] = &bridge.packet(Packet::Connect(connect))[..]
    else {
        panic!()
    };
    assert_eq!(realm.as_deref(), Some("realm1"));
    assert_eq!(details.get("authid").and_then(Value::as_str), Some("joe"));
    assert_eq!(details.get("authmethods"), Some(&Value::List(vec!["tls".into(), "ticket".into()])));
    let challenge = Message::Challenge { method: "ticket".into(), extra: Dict::new() };
    let (steps, _) = bridge.message(&challenge);
    assert!(
        matches!(&steps[..], [Step::Route(Message::Authenticate { signature, .. })] if signature == "secret")
    );
    let abort = Message::Abort { details: Dict::new(), reason: "no".into(), payload: Payload::None };
    let (steps, _) = bridge.message(&abort);
    let refused = ConnectReturnCode::NotAuthorized;
    assert!(matches!(&steps[0], Step::Send(Packet::ConnAck(ConnAck { code, .. })) if *code == refused));
    assert!(matches!(&steps[1], Step::Close(_)));
}

#[test]
fn what_is_not_spoken_is_refused() {
    let with = |change: fn(&mut Connect)| {
        let mut connect = Connect::new("me");
        change(&mut connect);
        Bridge::new("realm1", false).packet(Packet::Connect(connect))
    };
    for steps in [
        with(|connect| connect.clean_session = false),
        with(|connect| connect.protocol = mqttbytes::Protocol::V5),
        with(|connect| connect.last_will = Some(LastWill::new("a", "x", QoS::ExactlyOnce, false))),
        with(|connect| connect.last_will = Some(LastWill::new("a/#", "x", QoS::AtMostOnce, false))),
    ] {
        assert!(matches!(&steps[..], [Step::Send(Packet::ConnAck(_)), Step::Close(_)]), "{steps:?}");
    }
    let mut bridge = Bridge::new("realm1", false);
    assert!(matches!(&bridge.packet(Packet::PingReq)[..], [Step::Close(_)]));
    let mut bridge = joined();
    assert!(matches!(&bridge.packet(Packet::Connect(Connect::new("me")))[..], [Step::Close(_)]));
    let steps = bridge.packet(Packet::Publish(Publish::new("a", QoS::ExactlyOnce, "x")));
    assert!(matches!(&steps[..], [Step::Close(_)]));
}

#[test]
fn several_filters_have_one_answer_and_events_the_quality_of_their_filter() {
    let mut bridge = joined();
    let filter = |path: &str, qos| SubscribeFilter { path: path.into(), qos };
    let filters =
        [filter("a/#", QoS::ExactlyOnce), filter("a/#/b", QoS::AtMostOnce), filter("c", QoS::AtMostOnce)];
    let mut subscribe = Subscribe::new_many(filters);
    subscribe.pkid = 7;
    let steps = bridge.packet(Packet::Subscribe(subscribe));
    let uris: Vec<_> = steps
        .iter()
        .map(|step| match step {
            Step::Route(Message::Subscribe { request, topic, .. }) => (*request, topic.as_str()),
            found => panic!("{found:?}"),
        })
        .collect();
    assert_eq!(uris, [(1, "a."), (2, "c")]);
    assert!(bridge.message(&Message::Subscribed { request: 1, subscription: 100 }).0.is_empty());
    let denied = Message::Error {
        request_type: kind::SUBSCRIBE,
        request: 2,
        details: Dict::new(),
        error: "no".into(),
        payload: Payload::None,
    };
    let (steps, _) = bridge.message(&denied);
    let [Step::Send(Packet::SubAck(ack))] = &steps[..] else { panic!("{steps:?}") };
    let failed = SubscribeReasonCode::Failure;
    assert_eq!(ack, &SubAck::new(7, vec![SubscribeReasonCode::Success(QoS::AtLeastOnce), failed, failed]));

    let (_, found) = bridge.message(&event(100, Dict::new().with("topic", "a.b").with("retained", true)));
    let found = found.unwrap();
    let Some(Packet::Publish(publish)) = bridge.deliver(&found, b"x".to_vec()) else { panic!() };
    assert_eq!((publish.topic.as_str(), publish.qos, publish.retain), ("a/b", QoS::AtLeastOnce, true));
    assert_eq!(bridge.deliver(&found, Vec::new()), None, "it was taken back");
    assert!(bridge.message(&event(5, Dict::new())).1.is_none());

    let unsubscribe = Unsubscribe { pkid: 8, topics: vec!["a/#".into(), "unknown".into()] };
    let steps = bridge.packet(Packet::Unsubscribe(unsubscribe));
    assert!(matches!(&steps[..], [Step::Route(Message::Unsubscribe { request: 3, subscription: 100 })]));
    let (steps, _) = bridge.message(&Message::Unsubscribed { request: 3, details: None });
    assert!(matches!(&steps[..], [Step::Send(Packet::UnsubAck(UnsubAck { pkid: 8 }))]));
}

#[test]
fn who_does_not_acknowledge_gets_no_more() {
    let mut bridge = joined();
    let event = Event { uri: "a".into(), payload: Payload::None, retained: false, qos: QoS::AtLeastOnce };
    let mut numbers = HashSet::new();
    while bridge.has_room() {
        let Some(Packet::Publish(publish)) = bridge.deliver(&event, b"x".to_vec()) else { panic!() };
        assert!(publish.pkid > 0 && numbers.insert(publish.pkid));
    }
    assert_eq!(numbers.len(), MOST_IN_FLIGHT);
    bridge.packet(Packet::PubAck(PubAck::new(5)));
    assert!(bridge.has_room());
}

#[test]
fn a_publication_is_acknowledged_whatever_becomes_of_it() {
    let mut bridge = joined();
    let mut publish = Publish::new("a/b", QoS::AtLeastOnce, "x");
    (publish.pkid, publish.retain) = (5, true);
    let steps = bridge.publish(&publish, Some((Dict::new(), Payload::None)));
    let [Step::Route(Message::Publish { request, options, topic, .. })] = &steps[..] else {
        panic!("{steps:?}")
    };
    assert_eq!(topic, "a.b");
    let all = ["exclude_me", "retain", "acknowledge"].map(|key| options.get(key).and_then(Value::as_bool));
    assert_eq!(all, [Some(false), Some(true), Some(true)]);
    let (steps, _) = bridge.message(&Message::Published { request: *request, publication: 1 });
    assert!(matches!(&steps[..], [Step::Send(Packet::PubAck(PubAck { pkid: 5 }))]));
    assert!(matches!(&bridge.publish(&publish, None)[..], [Step::Send(Packet::PubAck(_))]));
}

#[test]
fn a_will_is_for_who_goes_without_a_word() {
    let with_will = || {
        let mut bridge = Bridge::new("realm1", false);
        let mut connect = Connect::new("me");
        connect.last_will = Some(LastWill::new("a/b", "gone", QoS::AtLeastOnce, true));
        bridge.packet(Packet::Connect(connect));
        bridge
    };
    let mut never_joined = with_will();
    assert_eq!(never_joined.take_will(), None);
    let mut bridge = with_will();
    bridge.message(&Message::Welcome { session: 1, details: Dict::new() });
    let will = bridge.take_will().unwrap();
    assert_eq!((will.topic.as_str(), &will.payload[..], will.retain), ("a/b", &b"gone"[..], true));
    let mut polite = with_will();
    polite.message(&Message::Welcome { session: 1, details: Dict::new() });
    polite.packet(Packet::Disconnect);
    assert_eq!(polite.take_will(), None);
}
