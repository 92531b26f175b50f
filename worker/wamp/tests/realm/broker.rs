//! The broker of a realm.

use crate::world::{FEATURES, World, config};
use jackfield_wamp::Id;
use serde_json::{Value as Json, json};

#[test]
fn an_event_goes_to_all_subscriptions_that_cover_its_topic() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let exact = world.subscribe(a, json!({}), "com.x.y");
    let prefix = world.subscribe(a, json!({"match": "prefix"}), "com.");
    let wildcard = world.subscribe(a, json!({"match": "wildcard"}), "com..y");
    assert_eq!(world.subscribe(a, json!({}), "com.x.y"), exact);
    let publication = world.id_of(b, json!([16, 7, {"acknowledge": true}, "com.x.y", [1], {"k": 2}]));
    assert_eq!(
        world.take(a),
        [
            json!([36, exact, publication, {}, [1], {"k": 2}]),
            json!([36, prefix, publication, {"topic": "com.x.y"}, [1], {"k": 2}]),
            json!([36, wildcard, publication, {"topic": "com.x.y"}, [1], {"k": 2}]),
        ]
    );
    assert_eq!(world.ask(a, json!([34, 2, exact])), [json!([35, 2])]);
    assert_eq!(
        world.ask(a, json!([34, 3, exact])),
        [json!([8, 34, 3, {}, "wamp.error.no_such_subscription"])]
    );
    assert_eq!(world.ask(b, json!([16, 8, {}, "com.z"])), [] as [Json; 0]);
    assert_eq!(world.take(a).len(), 1);
}

#[test]
fn publishers_are_excluded_unless_they_want_their_events() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let id = world.subscribe(a, json!({}), "com.t");
    world.subscribe(b, json!({}), "com.t");
    assert!(world.ask(a, json!([16, 1, {}, "com.t"])).is_empty());
    assert_eq!(world.take(b).len(), 1);
    let own = world.ask(a, json!([16, 2, {"exclude_me": false}, "com.t"]));
    assert_eq!((own.len(), &own[0][1]), (1, &json!(id)));
    assert_eq!(world.take(b).len(), 1);
}

#[test]
fn a_subscription_has_the_same_id_as_long_as_an_event_is_retained() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let first = world.subscribe(b, json!({}), "com.t");
    let publication = world.id_of(a, json!([16, 1, {"acknowledge": true, "retain": true}, "com.t", [1]]));
    world.take(b);
    world.ask(b, json!([34, 2, first]));
    assert_eq!(
        world.ask(b, json!([32, 3, {"get_retained": true}, "com.t"])),
        [json!([33, 3, first]), json!([36, first, publication, {"retained": true}, [1]])]
    );
    world.ask(b, json!([34, 4, first]));
    assert!(world.realm.forget_retained("com.t"));
    assert_ne!(world.subscribe(b, json!({}), "com.t"), first);
    assert_eq!(world.realm.status().retained_bytes, 0);
}

#[test]
fn retained_events_are_replayed_to_those_who_would_have_got_them() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let c = world.join_as("ann", "anonymous", FEATURES);
    let keep = |world: &mut World, options: Json, number: u64| {
        let mut options = options;
        options["acknowledge"] = json!(true);
        options["retain"] = json!(true);
        world.id_of(a, json!([16, 1, options, "com.x.z", [number]]))
    };
    let numbers = |world: &mut World, session: Id, options: Json, topic: &str| {
        let answers = world.ask(session, json!([32, 1, options, topic]));
        let id = answers[0][2].clone();
        world.ask(session, json!([34, 2, id]));
        let events = answers[1..].iter().filter(|event| event[3]["retained"] == true);
        events.map(|event| event[4][0].as_u64().unwrap_or_default()).collect::<Vec<_>>()
    };
    let retained = json!({"get_retained": true});
    keep(&mut world, json!({}), 1);
    keep(&mut world, json!({"eligible_authid": ["ann"]}), 2);
    keep(&mut world, json!({"exclude": [b]}), 3);
    assert_eq!(numbers(&mut world, b, retained.clone(), "com.x.z"), [1]);
    assert_eq!(numbers(&mut world, c, retained.clone(), "com.x.z"), [3]);
    assert_eq!(numbers(&mut world, a, retained.clone(), "com.x.z"), [0; 0], "the publisher itself");
    assert_eq!(numbers(&mut world, b, json!({}), "com.x.z"), [0; 0], "who does not ask");
    keep(&mut world, json!({"exclude": [b]}), 4);
    assert_eq!(numbers(&mut world, c, retained.clone(), "com.x.z"), [4]);
    world.send(a, json!([16, 1, {"retain": true}, "com.x.a", [5]]));
    world.send(a, json!([16, 1, {"retain": true}, "org.x", [6]]));
    for (options, topic, expected) in [
        (json!({"get_retained": true, "match": "prefix"}), "com.", vec![4, 5]),
        (json!({"get_retained": true, "match": "prefix"}), "", vec![4, 5, 6]),
        (json!({"get_retained": true, "match": "wildcard"}), "com..z", vec![4]),
    ] {
        assert_eq!(numbers(&mut world, c, options, topic), expected, "{topic}");
    }
    keep(&mut world, json!({}), 7);
    assert_eq!(numbers(&mut world, b, retained, "com.x.z"), [7]);
    let answers = world.ask(b, json!([32, 1, {"get_retained": true, "match": "prefix"}, "com.x.z"]));
    assert_eq!(answers[1][3], json!({"topic": "com.x.z", "retained": true}));
}

#[test]
fn retained_events_are_bounded() {
    let mut config = config();
    config.bounds.retained_bytes = 2_000;
    config.bounds.retained_variants = 2;
    let mut world = World::new(config);
    let (a, b) = (world.join(), world.join());
    let big = "x".repeat(1_000);
    world.id_of(a, json!([16, 1, {"acknowledge": true, "retain": true}, "com.a", [big]]));
    let refused = world.ask(a, json!([16, 2, {"acknowledge": true, "retain": true}, "com.b", [big]]));
    assert_eq!(refused[0][4], "jackfield.error.limit_reached");
    // One for the same topic takes the place of the one before.
    world.id_of(a, json!([16, 3, {"acknowledge": true, "retain": true}, "com.a", [big]]));
    for session in 1..10 {
        world.send(a, json!([16, 4, {"retain": true, "eligible": [session]}, "com.c"]));
    }
    assert!(world.realm.status().retained_bytes < 2_000);
    assert_eq!(world.ask(b, json!([32, 1, {"get_retained": true}, "com.c"])).len(), 1);
}

#[test]
fn lists_decide_who_gets_an_event() {
    let mut world = World::new(config());
    let a = world.join_as("a", "anonymous", FEATURES);
    let b = world.join_as("b", "anonymous", FEATURES);
    let publisher = world.join();
    world.subscribe(a, json!({}), "com.t");
    world.subscribe(b, json!({"match": "prefix"}), "com.");
    for (options, to_a, to_b) in [
        (json!({}), true, true),
        (json!({"eligible": [a]}), true, false),
        (json!({"eligible": []}), true, true),
        (json!({"exclude": [a, b]}), false, false),
        (json!({"eligible_authid": ["b", "x"]}), false, true),
        (json!({"exclude_authid": ["b"]}), true, false),
        (json!({"eligible_authrole": ["admin"]}), false, false),
        (json!({"eligible": [a], "eligible_authid": ["b"]}), false, false),
    ] {
        world.send(publisher, json!([16, 1, options, "com.t"]));
        let got = (!world.take(a).is_empty(), !world.take(b).is_empty());
        assert_eq!(got, (to_a, to_b), "{options}");
    }
}

#[test]
fn requests_that_cannot_be_read_are_refused_and_the_session_stays() {
    let mut world = World::new(config());
    let a = world.join();
    for (message, error) in [
        (json!([32, 5, {"match": "fuzzy"}, "com.t"]), "invalid_argument"),
        (json!([32, 5, {"match": 1}, "com.t"]), "invalid_argument"),
        (json!([32, 5, {"get_retained": "yes"}, "com.t"]), "invalid_argument"),
        (json!([32, 5, {}, "com..t"]), "invalid_uri"),
        (json!([32, 5, {"match": "prefix"}, "com..t"]), "invalid_uri"),
        (json!([16, 5, {"acknowledge": true, "exclude_me": 0}, "com.t"]), "invalid_argument"),
        (json!([16, 5, {"acknowledge": 7}, "com.t"]), "invalid_argument"),
        (json!([16, 5, {"acknowledge": true, "eligible": [null]}, "com.t"]), "invalid_argument"),
        (json!([16, 5, {"acknowledge": true, "exclude": ["x"]}, "com.t"]), "invalid_argument"),
        (json!([16, 5, {"acknowledge": true, "eligible_authid": "joe"}, "com.t"]), "invalid_argument"),
        (json!([16, 5, {"acknowledge": true, "transaction_hash": 7}, "com.t"]), "invalid_argument"),
        (json!([16, 5, {"acknowledge": true, "enc_algo": "rot13"}, "com.t"]), "invalid_argument"),
        (json!([16, 5, {"acknowledge": true, "forward_for": 1}, "com.t"]), "invalid_argument"),
        (json!([16, 5, {"acknowledge": true}, "com.t "]), "invalid_uri"),
        (json!([16, 5, {"acknowledge": true}, "wamp.session.on_join"]), "invalid_uri"),
        (json!([64, 5, {"invoke": "sometimes"}, "com.p"]), "invalid_argument"),
        (json!([64, 5, {"concurrency": -1}, "com.p"]), "invalid_argument"),
        (json!([64, 5, {"concurrency": "2"}, "com.p"]), "invalid_argument"),
        (json!([64, 5, {"force_reregister": "x"}, "com.p"]), "invalid_argument"),
        (json!([64, 5, {}, "wamp.p"]), "invalid_uri"),
        (json!([64, 5, {"match": "prefix"}, "wamp.p."]), "invalid_uri"),
        (json!([48, 5, {"timeout": -1}, "com.p"]), "invalid_argument"),
        (json!([48, 5, {"timeout": 1.5}, "com.p"]), "invalid_argument"),
        (json!([48, 5, {"receive_progress": 1}, "com.p"]), "invalid_argument"),
        (json!([48, 5, {}, "com.p#"]), "invalid_uri"),
        (json!([48, 5, {}, "com.p"]), "no_such_procedure"),
        (json!([48, 5, {}, "wamp.session.on_join"]), "no_such_procedure"),
        (json!([34, 5, 4711]), "no_such_subscription"),
        (json!([66, 5, 4711]), "no_such_registration"),
    ] {
        let answers = world.ask(a, message.clone());
        let expected = json!([8, message[0], 5, {}, format!("wamp.error.{error}")]);
        assert_eq!(answers.len(), 1, "{message}");
        assert_eq!(json!(answers[0].as_array().map(|a| &a[..5])), expected, "{message}");
    }
    // Without a wish for an answer there is none.
    assert!(world.ask(a, json!([16, 6, {"exclude_me": 0}, "com.t"])).is_empty());
    assert!(world.ask(a, json!([16, 6, {}, "com.t "])).is_empty());
    // Null is as absent, and what is not known is ignored.
    world.subscribe(a, json!({"match": null, "x_y": 1, "nkey": 7}), "com.t");
    world.register(a, json!({"invoke": null, "nonsense": 1}), "com.p");
}

#[test]
fn what_belongs_to_a_payload_is_passed_on() {
    let mut world = World::new(config());
    let (a, b) = (world.join(), world.join());
    let id = world.subscribe(a, json!({}), "com.t");
    let passed = json!({
        "ppt_scheme": "x_test", "ppt_serializer": "cbor", "ppt_cipher": "xsalsa20poly1305", "ppt_keyid": "k",
        "transaction_hash": "abc", "forward_for": [{"session": 1, "authid": "a", "authrole": "b"}],
    });
    let mut options = passed.clone();
    options["x_other"] = json!(1);
    options["enc_algo"] = json!("cryptobox");
    world.send(b, json!([16, 1, options, "com.t", [1]]));
    let events = world.take(a);
    assert_eq!((&events[0][1], &events[0][3]), (&json!(id), &passed));
}

#[test]
fn subscriptions_are_bounded() {
    let mut config = config();
    config.bounds.subscriptions = 1;
    config.bounds.registrations = 1;
    let mut world = World::new(config);
    let a = world.join();
    let first = world.subscribe(a, json!({}), "com.a");
    let refused = world.ask(a, json!([32, 2, {}, "com.b"]));
    assert_eq!(refused[0][4], "jackfield.error.limit_reached");
    assert_eq!(world.subscribe(a, json!({}), "com.a"), first);
    world.register(a, json!({}), "com.a");
    let refused = world.ask(a, json!([64, 2, {}, "com.b"]));
    assert_eq!(refused[0][4], "jackfield.error.limit_reached");
}
