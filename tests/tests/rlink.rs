//! Links between routers: what clients of one node have is to be had at another one.

use jackfield_tests::{DEADLINE, Node, TempDir, Wamp, signal_pid};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::time::Instant;

/// The public key of 32 bytes 0x07 as the private one, in hex.
const PUBLIC: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";

fn role(name: &str) -> Value {
    json!({"name": name, "permissions": [{"uri": "*", "disclose": {"caller": true, "publisher": true},
        "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]})
}

/// A router at 8080, whose links come in at 8081 by their key.
fn router(processes: u16, links: Value) -> Value {
    let raw = |port: u16, auth: Value| json!({"type": "rawsocket", "auth": auth, "endpoint": {"type": "tcp", "interface": "ADDR", "port": port}});
    let cryptosign = json!({"cryptosign": {"type": "static", "principals": {"node2": {
        "realm": "realm1", "role": "link", "authorized_keys": [PUBLIC]}}}});
    let anonymous = json!({"anonymous": {"type": "static"}});
    json!({"type": "router", "id": "router1", "processes": processes, "watchdog": 120, "realm_watchdog": 120,
        "realms": [{"name": "realm1", "roles": [role("anonymous"), role("link")], "rlinks": links}],
        "transports": [raw(8080, anonymous), raw(8081, cryptosign)]})
}

fn start(router: &Value) -> Node {
    let dir = TempDir::new();
    dir.write(".jackfield/key.priv", format!("private-key-ed25519: {}\n", "07".repeat(32)));
    Node::start_in(dir, &json!({"version": 2, "workers": [router]}).to_string())
}

fn link(to: Ipv4Addr) -> Value {
    json!([{"id": "link1", "realm": "realm1", "retry_max": 0.2, "transport": {"type": "rawsocket", "serializer": "cbor",
        "endpoint": {"type": "tcp", "host": to.to_string(), "port": 8081}}}])
}

/// A client that can do all that goes over a link.
fn join(node: &Node) -> Wamp {
    let mut client = Wamp::dial((node.addr, 8080));
    let features = json!({"features": {"call_canceling": true, "progressive_call_results": true}});
    let roles = json!({"caller": features, "callee": features, "publisher": {}, "subscriber": {}});
    assert_eq!(client.ask(&json!([1, "realm1", {"roles": roles}]))[0], 2);
    client
}

fn is_linked(node: &Node) -> Value {
    node.until("the link is there", |status| status["connections"][0]["sessions"] == 1)
}

/// Asks a procedure of the meta API, until it finds something, or nothing.
fn until_found(client: &mut Wamp, procedure: &str, args: &Value, found: bool) {
    let deadline = Instant::now() + DEADLINE;
    for request in 1000.. {
        let answer = client.ask(&json!([48, request, {}, procedure, args]));
        assert_eq!(answer[0], 50, "{answer}");
        if answer[3][0].is_null() != found {
            return;
        }
        assert!(Instant::now() < deadline, "{procedure} {args}: {answer}");
    }
}

#[test]
fn events_and_calls_go_both_ways_with_patterns_progress_and_cancelling() {
    let far = start(&router(1, json!([])));
    let near = start(&router(2, link(far.addr)));
    let status = is_linked(&near);
    assert_eq!(status["connections"][0]["name"], "link1");
    let (mut a, mut b) = (join(&far), join(&near));
    // Both subscriptions of one client match; the event comes once by each.
    assert_eq!(b.ask(&json!([32, 1, {"match": "prefix"}, "com."]))[0], 33);
    assert_eq!(b.ask(&json!([32, 2, {}, "com.a"]))[0], 33);
    until_found(&mut a, "wamp.subscription.lookup", &json!(["com.", {"match": "prefix"}]), true);
    until_found(&mut a, "wamp.subscription.lookup", &json!(["com.a"]), true);
    a.say(&json!([16, 3, {}, "com.a", [1]])).unwrap();
    a.say(&json!([16, 4, {}, "com.a", [2]])).unwrap();
    let events: Vec<_> = (0..4).map(|_| b.hear()).collect();
    let numbers: Vec<_> = events.iter().map(|event| event[4][0].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 1, 2, 2], "{events:?}");
    assert!(events[0][3]["forward_for"][0]["session"].is_u64(), "{events:?}");
    // A procedure of each node is called at the other one.
    assert_eq!(a.ask(&json!([64, 5, {"match": "prefix"}, "com.far."]))[0], 65);
    assert_eq!(b.ask(&json!([64, 5, {}, "com.near"]))[0], 65);
    until_found(&mut b, "wamp.registration.lookup", &json!(["com.far.", {"match": "prefix"}]), true);
    until_found(&mut a, "wamp.registration.lookup", &json!(["com.near"]), true);
    b.say(&json!([48, 6, {"receive_progress": true}, "com.far.count", [3]])).unwrap();
    let invocation = a.hear();
    assert_eq!((&invocation[0], &invocation[3]["procedure"]), (&json!(68), &json!("com.far.count")));
    a.say(&json!([70, invocation[1], {"progress": true}, [1]])).unwrap();
    a.say(&json!([70, invocation[1], {}, [2]])).unwrap();
    let (first, last) = (b.hear(), b.hear());
    assert_eq!((&first[2]["progress"], &first[3], &last[3]), (&json!(true), &json!([1]), &json!([2])));
    a.say(&json!([48, 7, {}, "com.near"])).unwrap();
    let invocation = b.hear();
    a.say(&json!([49, 7, {"mode": "kill"}])).unwrap();
    let interrupt = b.hear();
    assert_eq!((&interrupt[0], &interrupt[1]), (&json!(69), &invocation[1]));
    b.say(&json!([8, 68, invocation[1], {}, "com.stopped"])).unwrap();
    let answer = a.hear();
    assert_eq!((&answer[0], &answer[4]), (&json!(8), &json!("com.stopped")));
    // What its client takes away is gone at the other node, too.
    drop(b);
    until_found(&mut a, "wamp.registration.lookup", &json!(["com.near"]), false);
    until_found(&mut a, "wamp.subscription.lookup", &json!(["com.a"]), false);
    near.stop();
    far.stop();
}

#[test]
fn a_link_is_made_again_in_full_whoever_dies() {
    let far = start(&router(1, json!([])));
    let near = start(&router(2, link(far.addr)));
    is_linked(&near);
    let mut b = join(&near);
    assert_eq!(b.ask(&json!([64, 1, {}, "com.near"]))[0], 65);
    until_found(&mut join(&far), "wamp.registration.lookup", &json!(["com.near"]), true);
    // The other router.
    let pid = far.status().unwrap()["workers"][0]["processes"][0]["pid"].as_u64().unwrap();
    signal_pid(u32::try_from(pid).unwrap(), Signal::KILL);
    far.until("another process serves", |status| {
        let process = &status["workers"][0]["processes"][0];
        process["pid"] != pid && process["state"] == "ready"
    });
    until_found(&mut join(&far), "wamp.registration.lookup", &json!(["com.near"]), true);
    // Both processes of this node with clients, one after the other: one of them serves the link.
    drop(b);
    for slot in 0..2 {
        let process = |status: &Value| status["workers"][0]["processes"][slot].clone();
        let pid = process(&near.ready())["pid"].as_u64().unwrap();
        signal_pid(u32::try_from(pid).unwrap(), Signal::KILL);
        near.until("another process serves", |status| {
            process(status)["pid"] != pid && process(status)["state"] == "ready"
        });
        let mut b = join(&near);
        let procedure = format!("com.near.{slot}");
        assert_eq!(b.ask(&json!([64, 1, {}, procedure]))[0], 65);
        until_found(&mut join(&far), "wamp.registration.lookup", &json!([procedure]), true);
    }
    near.stop();
    far.stop();
}

#[test]
fn a_link_that_is_refused_or_leads_back_says_so() {
    let far = start(&router(1, json!([])));
    let mut nowhere = link(far.addr);
    nowhere[0]["realm"] = json!("realm9");
    let near = start(&router(1, nowhere));
    let status =
        near.until("the refusal is seen", |status| status["connections"][0]["last_error"].is_string());
    let error = status["connections"][0]["last_error"].as_str().unwrap();
    assert!(error.contains("realm9") && !error.contains("Error"), "{error}");
    let mut own = link(near.addr);
    own[0]["transport"]["endpoint"]["host"] = json!("ADDR");
    let circle = start(&router(1, own));
    let back = circle.until("it leads back", |status| status["connections"][0]["last_error"].is_string());
    let error = back["connections"][0]["last_error"].as_str().unwrap();
    assert!(error.contains("leads back to its own realm"), "{error}");
    for node in [circle, near, far] {
        node.stop();
    }
}
