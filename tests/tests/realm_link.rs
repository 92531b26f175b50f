//! The bounds of the links between the processes of a router (`realm_link`).

use jackfield_tests::{DEADLINE, Node, Wamp, signal_pid};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{ErrorKind, Write};
use std::time::Duration;

/// A router with two processes with clients, none of which is replaced because it is silent.
fn start(realm_link: Value) -> Node {
    let all = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let roles = json!([{"name": "anonymous", "permissions": [{"uri": "*", "allow": all}]}]);
    let store = json!({"type": "memory", "event-history": [{"uri": "com.past", "limit": 10}]});
    let router = json!({"type": "router", "id": "router1", "processes": 2, "watchdog": 0, "realm_watchdog": 0,
        "realm_link": realm_link, "realms": [{"name": "realm1", "roles": roles, "store": store}],
        "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}}]});
    Node::start(&json!({"version": 2, "workers": [router]}).to_string())
}

fn pid(status: &Value, index: usize) -> u32 {
    u32::try_from(status["workers"][0]["processes"][index]["pid"].as_u64().unwrap_or_default()).unwrap()
}

fn is_ready(status: &Value) -> bool {
    let processes = status["workers"][0]["processes"].as_array().unwrap();
    processes.iter().all(|process| process["state"] == "ready")
}

#[test]
fn an_edge_that_says_nothing_at_a_takeover_is_replaced_in_the_time_configured() {
    let node = start(json!({"takeover_timeout": 0.5}));
    let status = node.ready();
    let (edge, realm) = (pid(&status, 0), pid(&status, 2));
    signal_pid(edge, Signal::STOP);
    signal_pid(realm, Signal::KILL);
    node.until("another edge and another realm process", |status| {
        is_ready(status) && pid(status, 0) != edge && pid(status, 2) != realm
    });
    Wamp::joined((node.addr, 8080));
    let log = node.stop().join("\n");
    assert!(log.contains("did not tell the new realm process within 0.5 s"), "{log}");
}

#[test]
fn clients_are_read_no_further_than_configured_while_the_realm_process_is_away_and_then_again() {
    let node = start(json!({"max_unsettled_size": 65536}));
    let realm = pid(&node.ready(), 2);
    let mut client = Wamp::joined((node.addr, 8080));
    signal_pid(realm, Signal::STOP);
    // Below what is kept by default, above what the kernel keeps.
    let event = json!([16, 1, {}, "com.topic", ["x".repeat(60_000)]]).to_string();
    let length = u32::try_from(event.len()).unwrap().to_be_bytes();
    let all = [&length[..], event.as_bytes()].concat().repeat(800);
    client.0.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut sent = 0;
    let full = loop {
        match client.0.write(&all[sent..]) {
            Ok(0) => break false,
            Ok(count) => sent += count,
            Err(e) => {
                assert!(matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{e}");
                break true;
            }
        }
    };
    assert!(full, "all {} bytes were read", all.len());
    signal_pid(realm, Signal::CONT);
    client.0.set_write_timeout(Some(DEADLINE)).unwrap();
    client.0.write_all(&all[sent..]).unwrap();
    let answer = client.ask(&json!([48, 2, {}, "wamp.session.count"]));
    assert_eq!((&answer[0], &answer[3]), (&json!(50), &json!([1])), "{answer}");
    node.stop();
}

#[test]
fn calls_given_up_while_the_realm_process_hangs_end_with_it_and_are_not_delivered_later() {
    let node = start(json!({}));
    let realm = pid(&node.ready(), 2);
    let mut callee = Wamp::dial((node.addr, 8080));
    let features = json!({"call_canceling": true});
    callee.say(&json!([1, "realm1", {"roles": {"callee": {"features": features}}}])).unwrap();
    assert_eq!(callee.hear()[0], 2);
    let registered = callee.ask(&json!([64, 1, {}, "com.slow"]));
    assert_eq!(registered[0], 65, "{registered}");
    let mut caller = Wamp::joined((node.addr, 8080));
    let mut invoked = Vec::new();
    for request in [1, 2] {
        caller.say(&json!([48, request, {}, "com.slow"])).unwrap();
        invoked.push(callee.hear()[1].clone());
    }
    signal_pid(realm, Signal::STOP);
    caller.say(&json!([49, 1, {"mode": "killnowait"}])).unwrap();
    // Never delivered: they are given up before anybody routes them.
    caller.say(&json!([48, 3, {"timeout": 1}, "com.slow"])).unwrap();
    caller.say(&json!([48, 4, {}, "com.slow"])).unwrap();
    caller.say(&json!([49, 4, {}])).unwrap();
    signal_pid(realm, Signal::KILL);
    let mut answers: Vec<_> = (0..3).map(|_| caller.hear()).map(|m| (m[2].clone(), m[4].clone())).collect();
    answers.sort_by_key(|(request, _)| request.as_u64());
    let [canceled, timeout] = ["wamp.error.canceled", "wamp.error.timeout"].map(|error| json!(error));
    assert_eq!(answers, [(json!(1), canceled.clone()), (json!(3), timeout), (json!(4), canceled)]);
    let interrupt = callee.hear();
    assert_eq!((&interrupt[0], &interrupt[1]), (&json!(69), &invoked[0]), "{interrupt}");
    // Only the one that is still wanted has a result.
    for invocation in &invoked {
        callee.say(&json!([70, invocation, {}, ["done"]])).unwrap();
    }
    let result = caller.hear();
    assert_eq!((&result[0], &result[1]), (&json!(50), &json!(2)), "{result}");
    node.until("a result that came too late", |status| status["realms"][0]["results_dropped"] == 1);
    node.stop();
}

/// A client, and the process that it is connected to.
fn joined(node: &Node) -> (Wamp, u32) {
    let mut client = Wamp::dial((node.addr, 8080));
    let welcome = client.join(None);
    (client, u32::try_from(welcome[2]["x_cb_pid"].as_u64().unwrap()).unwrap())
}

/// Clients of both processes.
fn apart(node: &Node) -> [(Wamp, u32); 2] {
    let first = joined(node);
    let second = std::iter::repeat_with(|| joined(node)).find(|other| other.1 != first.1).unwrap();
    [first, second]
}

#[test]
fn retained_events_and_the_event_history_outlive_the_realm_process_again_and_again() {
    let node = start(json!({}));
    let mut realm = pid(&node.ready(), 2);
    let mut publisher = Wamp::joined((node.addr, 8080));
    let mut history = Vec::new();
    for round in 1..=3 {
        let options = json!({"acknowledge": true, "retain": true});
        for topic in ["com.kept", "com.past"] {
            let published = publisher.ask(&json!([16, round, options, topic, [round]]));
            assert_eq!(published[0], 17, "{published}");
        }
        history.insert(0, json!([round]));
        signal_pid(realm, Signal::KILL);
        let status =
            node.until("another realm process", |status| is_ready(status) && pid(status, 2) != realm);
        realm = pid(&status, 2);
        let mut subscriber = Wamp::joined((node.addr, 8080));
        assert_eq!(subscriber.ask(&json!([32, 1, {"get_retained": true}, "com.kept"]))[0], 33);
        let event = subscriber.hear();
        assert_eq!((&event[3]["retained"], &event[4]), (&json!(true), &json!([round])), "{event}");
        let subscribed = subscriber.ask(&json!([32, 2, {}, "com.past"]));
        let question = json!([48, 3, {}, "wamp.subscription.get_events", [subscribed[2]]]);
        let events = subscriber.ask(&question)[3][0].clone();
        let args: Vec<_> = events.as_array().unwrap().iter().map(|event| event["args"].clone()).collect();
        assert_eq!(args, history);
    }
    node.stop();
}

#[test]
fn sessions_of_an_edge_that_dies_with_the_realm_process_leave_with_their_testaments() {
    let node = start(json!({}));
    let realm = pid(&node.ready(), 2);
    let [(mut stays, _), (mut dies, edge)] = apart(&node);
    for topic in ["wamp.session.on_leave", "com.testament"] {
        let subscribed = stays.ask(&json!([32, 1, {}, topic]));
        assert_eq!(subscribed[0], 33, "{subscribed}");
    }
    let testament = json!(["com.testament", ["gone"], {}]);
    let added = dies.ask(&json!([48, 1, {}, "wamp.session.add_testament", testament]));
    assert_eq!(added[0], 50, "{added}");
    // What is asked later is answered later: the one before is settled by then.
    assert_eq!(dies.ask(&json!([64, 2, {}, "com.slow"]))[0], 65);
    stays.say(&json!([48, 2, {}, "com.slow"])).unwrap();
    assert_eq!(dies.hear()[0], 68);
    // The realm process does not hear of the end of the edge.
    signal_pid(realm, Signal::STOP);
    signal_pid(edge, Signal::KILL);
    signal_pid(realm, Signal::KILL);
    let mut heard: Vec<_> = (0..3).map(|_| stays.hear()).collect();
    heard.sort_by_key(|message| message[0].as_u64());
    assert_eq!((&heard[0][0], &heard[0][4]), (&json!(8), &json!("wamp.error.network_failure")), "{heard:?}");
    assert_eq!(heard[1..].iter().filter(|event| event[4] == json!(["gone"])).count(), 1, "{heard:?}");
    assert_eq!(heard[1..].iter().filter(|event| event[4][1].is_string()).count(), 1, "{heard:?}");
    node.stop();
}

#[test]
fn a_realm_pauses_from_a_quarter_of_the_queue_on_so_that_an_edge_that_is_behind_is_not_lost() {
    let node = start(json!({"max_queue_size": 1_048_576, "send_timeout": 600, "takeover_timeout": 600}));
    node.ready();
    let [(mut publisher, _), (mut subscriber, edge)] = apart(&node);
    assert_eq!(subscriber.ask(&json!([32, 1, {}, "com.flood"]))[0], 33);
    signal_pid(edge, Signal::STOP);
    // Twelve times of what may wait for an edge.
    let (count, filler) = (200, "x".repeat(60_000));
    for number in 1..=count {
        publisher.say(&json!([16, number, {}, "com.flood", [number, filler]])).unwrap();
    }
    publisher.say(&json!([48, count + 1, {}, "wamp.session.count"])).unwrap();
    publisher.0.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let early = publisher.0.peek(&mut [0]).map_err(|e| e.kind());
    assert!(
        matches!(early, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)),
        "the realm went on: {early:?}"
    );
    publisher.0.set_read_timeout(Some(DEADLINE)).unwrap();
    signal_pid(edge, Signal::CONT);
    for number in 1..=count {
        let event = subscriber.hear();
        assert_eq!((&event[0], &event[4][0]), (&json!(36), &json!(number)));
    }
    let answer = publisher.hear();
    assert_eq!((&answer[0], &answer[3]), (&json!(50), &json!([2])), "{answer}");
    let log = node.stop().join("\n");
    assert!(!log.contains("holds up"), "{log}");
}
