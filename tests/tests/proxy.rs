//! Proxy workers: their clients have their sessions with routers elsewhere.

use jackfield_tests::{Node, TempDir, Wamp, curl, python, signal_pid};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

/// The public key of 32 bytes 0x07 as the private one, in hex.
const PUBLIC: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";

const NETWORK: &str = "wamp.error.network_failure";

/// Roles that may do everything.
fn roles() -> Value {
    let all =
        json!([{"uri": "*", "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]);
    ["anonymous", "user", "auth"].into_iter().map(|name| json!({"name": name, "permissions": all})).collect()
}

/// A router worker whose Unix socket takes proxies for who they say that they are.
fn router(id: &str) -> Value {
    let path = format!("{id}.sock");
    json!({"type": "router", "id": id, "sandbox": true, "watchdog": 120, "realms": [{"name": "realm1", "roles": roles()}],
        "transports": [{"type": "universal", "endpoint": {"type": "unix", "path": path},
            "rawsocket": {"auth": {"anonymous-proxy": {"type": "static"}}},
            "websocket": {"ws": {"type": "websocket", "auth": {"anonymous-proxy": {"type": "static"}}}}}]})
}

/// A connection to such a router.
fn to(id: &str) -> Value {
    json!({"transport": {"type": "rawsocket", "serializer": "cbor", "url": "rs://localhost",
        "endpoint": {"type": "unix", "path": format!("{id}.sock")}}})
}

/// Anonymous clients, and some with tickets.
fn auth() -> Value {
    json!({"anonymous": {"type": "static"}, "ticket": {"type": "static", "principals": {
        "joe": {"ticket": "word", "role": "user"}, "ghost": {"ticket": "word", "role": "ghost"}}}})
}

/// A proxy worker at port 8080.
fn proxy(connections: Value, routes: Value) -> Value {
    json!({"type": "proxy", "id": "proxy1", "sandbox": true, "connections": connections, "routes": {"realm1": routes},
        "transports": [{"type": "universal", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "rawsocket": {"auth": auth()}, "websocket": {"ws": {"type": "websocket", "auth": auth()}}}]})
}

fn node(dir: TempDir, workers: &[Value]) -> Node {
    Node::start_in(dir, &json!({"version": 2, "workers": workers}).to_string())
}

fn at(node: &Node) -> (Ipv4Addr, u16) {
    (node.addr, 8080)
}

fn process_of<'a>(status: &'a Value, worker: &str) -> &'a Value {
    let workers = status["workers"].as_array().unwrap();
    &workers.iter().find(|one| one["id"] == worker).unwrap()["processes"][0]
}

fn pid_of(node: &Node, worker: &str) -> u32 {
    u32::try_from(process_of(&node.status().unwrap(), worker)["pid"].as_u64().unwrap()).unwrap()
}

#[test]
fn autobahn_clients_have_their_sessions_with_a_router_over_every_kind_of_connection() {
    let websocket = json!({"auth": {"anonymous-proxy": {"type": "static"}}, "transport": {"type": "websocket",
        "url": "ws://localhost/ws", "serializers": ["json"], "endpoint": {"type": "unix", "path": "router1.sock"}}});
    let connections = json!({"raw": to("router1"), "web": websocket});
    let node = node(
        TempDir::new(),
        &[router("router1"), proxy(connections, json!({"user": "raw", "anonymous": "web"}))],
    );
    let ticket = ["ticket", "joe", "word"];
    for (url, serializer, who) in [
        (format!("ws://{}:8080/ws", node.addr), "json", Some(ticket)),
        (format!("rs://{}:8080", node.addr), "cbor", Some(ticket)),
        (format!("ws://{}:8080/ws", node.addr), "msgpack", None),
    ] {
        let mut args = vec![url.as_str(), serializer, "realm1"];
        args.extend(who.into_iter().flatten());
        let said = python("wamp_peer.py", &args);
        let expected = if who.is_some() { "ok joe user ticket" } else { "ok " };
        assert!(said.starts_with(expected), "{url} {serializer}: {said}");
    }
    let mut client = Wamp::dial(at(&node));
    let welcome = client.join(Some(("joe", "word")));
    let details = &welcome[2];
    assert_eq!([&details["authid"], &details["authrole"], &details["authmethod"]], ["joe", "user", "ticket"]);
    let extra = &details["authextra"];
    assert_eq!([&details["x_cb_worker"], &extra["x_cb_proxy_worker"]], ["router1", "proxy1"], "{details}");
    // The router knows the session by the id that the client knows, and the client's own address.
    let known = client.ask(&json!([48, 1, {}, "wamp.session.get", [welcome[1]]]));
    let own = client.0.local_addr().unwrap();
    let transport = &known[3][0]["transport"];
    assert_eq!(transport["peer"], extra["x_cb_proxy_peer"], "{known}");
    assert!(transport["peer"].as_str().unwrap().contains(&own.to_string()), "{known}");
    assert_eq!(transport["channel_framing"], "rawsocket");
    // The session ends as its client wants, and is gone then; another one follows on the same connection.
    assert_eq!(client.ask(&json!([6, {}, "wamp.close.close_realm"]))[0], 6);
    node.until("the router has no session", |status| status["realms"][0]["sessions"] == 0);
    assert_eq!(client.join(Some(("joe", "word")))[0], 2);
    let status = node.until("a session over the connection", |status| {
        status["connections"].as_array().unwrap().iter().any(|one| one["sessions"] == 1)
    });
    let raw = status["connections"].as_array().unwrap().iter().find(|one| one["name"] == "raw").unwrap();
    assert_eq!((&raw["worker"], &raw["joined"], &raw["failed"]), (&json!("proxy1"), &json!(4), &json!(0)));
    drop(client);
    node.until("the router has no session", |status| status["realms"][0]["sessions"] == 0);
    node.stop();
}

#[test]
fn over_tcp_a_proxy_proves_by_the_key_of_its_node_that_it_is_one() {
    let dir = TempDir::new();
    dir.write(".jackfield/key.priv", format!("Kept safe.\n\nprivate-key-ed25519: {}\n", "07".repeat(32)));
    let transport = |port: u16, key: &str| {
        json!({"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "ADDR", "port": port}, "auth": {
            "cryptosign-proxy": {"type": "static", "principals": {"node1": {"role": "anonymous", "authorized_keys": [key]}}}}})
    };
    let mut router = router("router1");
    router["transports"] = json!([transport(8998, PUBLIC), transport(8999, &"0a".repeat(32))]);
    let to = |port: u16| {
        json!({"auth": {"cryptosign-proxy": {"type": "static"}}, "transport": {"type": "rawsocket", "serializer": "msgpack",
            "endpoint": {"type": "tcp", "host": "ADDR", "port": port}}})
    };
    let connections = json!({"known": to(8998), "unknown": to(8999)});
    let node = node(dir, &[router, proxy(connections, json!({"user": "known", "anonymous": "unknown"}))]);
    let welcome = Wamp::dial(at(&node)).join(Some(("joe", "word")));
    assert_eq!((&welcome[0], &welcome[2]["authid"]), (&json!(2), &json!("joe")), "{welcome}");
    let refused = Wamp::dial(at(&node)).join(None);
    assert_eq!((&refused[0], &refused[2]), (&json!(3), &json!("wamp.error.not_authorized")), "{refused}");
    let status = node.until("the refusal is seen", |status| status["connections"][1]["failed"] == 1);
    assert!(status["connections"][1]["last_error"].as_str().unwrap().contains("not_authorized"), "{status}");
    node.stop();
}

#[test]
fn clients_of_a_router_that_dies_are_told_and_come_in_again_when_it_is_back() {
    let node = node(
        TempDir::new(),
        &[router("router1"), proxy(json!({"c": to("router1")}), json!({"anonymous": "c"}))],
    );
    let mut callee = Wamp::joined(at(&node));
    assert_eq!(callee.ask(&json!([64, 1, {}, "com.never"]))[0], 65);
    let mut caller = Wamp::joined(at(&node));
    caller.say(&json!([48, 1, {}, "com.never"])).unwrap();
    assert_eq!(callee.hear()[0], 68);
    signal_pid(pid_of(&node, "router1"), Signal::KILL);
    for client in [&mut caller, &mut callee] {
        let goodbye = client.hear();
        assert_eq!((&goodbye[0], &goodbye[2]), (&json!(6), &json!(NETWORK)), "{goodbye}");
        client.say(&json!([6, {}, "wamp.close.goodbye_and_out"])).unwrap();
        // Whoever comes while nobody routes waits in the queue of the router's socket.
        let welcome = client.join(None);
        assert_eq!(welcome[0], 2, "{welcome}");
    }
    assert_eq!(callee.ask(&json!([64, 1, {}, "com.now"]))[0], 65);
    caller.say(&json!([48, 1, {}, "com.now", [7]])).unwrap();
    let invocation = callee.hear();
    callee.say(&json!([70, invocation[1], {}, invocation[4]])).unwrap();
    assert_eq!(caller.hear(), json!([50, 1, {}, [7]]));
    node.stop();
}

#[test]
fn sessions_take_turns_over_the_connections_of_a_route_and_pass_over_those_where_nobody_answers() {
    let connections = json!({"one": to("router1"), "two": to("router2")});
    let routes = json!({"anonymous": ["one", "two"]});
    let node = node(TempDir::new(), &[router("router1"), router("router2"), proxy(connections, routes)]);
    let mut clients = Vec::new();
    let mut join = || {
        let mut client = Wamp::dial(at(&node));
        let welcome = client.join(None);
        assert_eq!(welcome[0], 2, "{welcome}");
        clients.push(client);
        welcome[2]["x_cb_worker"].as_str().unwrap().to_owned()
    };
    let seen: Vec<_> = (0..4).map(|_| join()).collect();
    assert_eq!(seen, ["router1", "router2", "router1", "router2"]);
    let stopped = node.run(&["worker", "stop", "router2"]);
    assert!(stopped.status.success(), "{stopped:?}");
    let seen: Vec<_> = (0..3).map(|_| join()).collect();
    assert_eq!(seen, ["router1"; 3]);
    let goodbye = clients[1].hear();
    assert_eq!((&goodbye[0], &goodbye[2]), (&json!(6), &json!("wamp.close.system_shutdown")), "{goodbye}");
    assert_eq!(
        clients[0].ask(&json!([32, 1, {}, "com.topic"]))[0],
        33,
        "sessions with the other router go on"
    );
    node.stop();
}

#[test]
fn whoever_has_no_router_is_told_why_and_never_left_waiting() {
    let dir = TempDir::new();
    // It takes connections, and says nothing.
    std::fs::create_dir(dir.path().join(".jackfield")).unwrap();
    let silent = UnixListener::bind(dir.path().join(".jackfield/silent.sock")).unwrap();
    let mut late = to("silent");
    late["timeout"] = json!(1);
    let connections = json!({"gone": to("gone"), "silent": late});
    let node =
        node(dir, &[router("router1"), proxy(connections, json!({"anonymous": "gone", "user": "silent"}))]);
    let mut client = Wamp::dial(at(&node));
    let abort = client.join(None);
    assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!(NETWORK)), "{abort}");
    assert!(!abort.to_string().contains("gone.sock"), "where routers are is nobody's business: {abort}");
    let began = Instant::now();
    let abort = client.join(Some(("joe", "word")));
    assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!(NETWORK)), "{abort}");
    assert!(began.elapsed() >= Duration::from_secs(1));
    let abort = Wamp::dial(at(&node)).join(Some(("ghost", "word")));
    assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wamp.error.no_such_role")), "{abort}");
    // Whoever goes on before there is a session violates the protocol.
    let mut client = Wamp::dial(at(&node));
    client
        .say(&json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "joe"}]))
        .unwrap();
    assert_eq!(client.hear()[0], 4);
    client.say(&json!([5, "word", {}])).unwrap();
    let abort = client.ask(&json!([48, 1, {}, "com.early"]));
    assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wamp.error.protocol_violation")), "{abort}");
    let error = node.status().unwrap()["connections"][0]["last_error"].to_string();
    assert!(error.contains("gone.sock"), "the operator is told: {error}");
    drop(silent);
    node.stop();
}

#[test]
fn a_client_that_does_not_read_slows_its_own_session_down_and_fills_no_memory_of_the_proxy() {
    const EVENTS: u64 = 10_000;
    let node = node(
        TempDir::new(),
        &[router("router1"), proxy(json!({"c": to("router1")}), json!({"anonymous": "c"}))],
    );
    let mut slow = Wamp::joined(at(&node));
    assert_eq!(slow.ask(&json!([32, 1, {}, "com.flood"]))[0], 33);
    let mut publisher = Wamp::joined(at(&node));
    let text = "x".repeat(4096);
    for number in 0..EVENTS {
        publisher.say(&json!([16, number + 1, {}, "com.flood", [number, text]])).unwrap();
    }
    let published = publisher.ask(&json!([16, EVENTS + 1, {"acknowledge": true}, "com.other"]));
    assert_eq!(published[0], 17, "{published}");
    // What it does not take, its router drops, as it does for each of its clients.
    let status = node.until("events are dropped", |status| status["realms"][0]["events_dropped"] != 0);
    let rss = process_of(&status, "proxy1")["rss_bytes"].as_u64().unwrap();
    assert!(rss < 200 << 20, "the proxy has {rss} bytes");
    assert_eq!(publisher.ask(&json!([48, 1, {}, "wamp.session.count"]))[0], 50);
    let first = slow.hear();
    assert_eq!((&first[0], &first[4][0]), (&json!(36), &json!(0)), "what comes is in order");
    assert_eq!(slow.hear()[4][0], 1);
    drop(slow);
    let status = node.until("it is gone", |status| status["realms"][0]["sessions"] == 1);
    assert_ne!(status["realms"][0]["events_dropped"], 0, "what it did not take is still counted");
    node.stop();
}

#[test]
fn a_router_that_does_not_read_slows_its_clients_down_and_loses_nothing_of_what_they_say() {
    let node = node(
        TempDir::new(),
        &[router("router1"), proxy(json!({"c": to("router1")}), json!({"anonymous": "c"}))],
    );
    let mut publisher = Wamp::joined(at(&node));
    let router = pid_of(&node, "router1");
    signal_pid(router, Signal::STOP);
    publisher.0.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let text = "x".repeat(64 << 10);
    let (mut sent, most) = (0_u64, 1000);
    while sent < most {
        let message = json!([16, sent + 1, {"acknowledge": true}, "com.topic", [text]]);
        match publisher.say(&message) {
            Ok(()) => sent += 1,
            Err(e) => {
                assert!(matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{e}");
                break;
            }
        }
    }
    // What the kernel's buffers take is the kernel's.
    assert!(sent > 0 && sent < most / 2, "{sent} messages of 64 KiB");
    signal_pid(router, Signal::CONT);
    for request in 1..=sent {
        let answer = publisher.hear();
        assert_eq!((&answer[0], &answer[1]), (&json!(17), &json!(request)), "{answer}");
    }
    node.stop();
}

#[test]
fn services_and_authenticators_of_a_proxy_worker_work_over_its_connections() {
    let dynamic = json!({"anonymous": {"type": "static"}, "ticket": {"type": "dynamic", "authenticator": "com.judge",
        "authenticator-realm": "realm1", "authenticator-role": "auth"}});
    let mut proxy = proxy(json!({"c": to("router1")}), json!({"anonymous": "c", "user": "c", "auth": "c"}));
    proxy["transports"][0]["rawsocket"]["auth"] = dynamic;
    proxy["transports"][0]["web"] = json!({"paths": {"/": {"type": "none"},
        "call": {"type": "caller", "realm": "realm1", "role": "user"},
        "lost": {"type": "caller", "realm": "realm1", "role": "nobody"}}});
    let node = node(TempDir::new(), &[router("router1"), proxy]);
    let mut callee = Wamp::joined(at(&node));
    assert_eq!(callee.ask(&json!([64, 1, {}, "com.judge"]))[0], 65);
    assert_eq!(callee.ask(&json!([64, 2, {}, "com.add"]))[0], 65);
    let answering = std::thread::spawn(move || {
        for _ in 0..3 {
            let invocation = callee.hear();
            let given = &invocation[4];
            let answer = match given.as_array().map_or(0, Vec::len) {
                3 if given[2]["ticket"] == "right" => {
                    json!([70, invocation[1], {}, [{"role": "user", "authid": "tom"}]])
                }
                3 => json!([8, 68, invocation[1], {}, "com.wrong", ["no such ticket"]]),
                _ => {
                    json!([70, invocation[1], {}, [given[0].as_u64().unwrap() + given[1].as_u64().unwrap()]])
                }
            };
            callee.say(&answer).unwrap();
        }
    });
    let welcome = Wamp::dial(at(&node)).join(Some(("tim", "right")));
    assert_eq!((&welcome[0], &welcome[2]["authid"]), (&json!(2), &json!("tom")), "{welcome}");
    let refused = Wamp::dial(at(&node)).join(Some(("tim", "left")));
    assert_eq!((&refused[0], &refused[2]), (&json!(3), &json!("com.wrong")), "{refused}");
    let call = |path: &str| {
        let url = format!("http://{}:8080/{path}", node.addr);
        let body = r#"{"procedure": "com.add", "args": [3, 4]}"#;
        let answer = curl(&["-s", "-H", "Content-Type: application/json", "-d", body, &url]);
        serde_json::from_str::<Value>(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"))
    };
    assert_eq!(call("call")["args"], json!([7]));
    assert!(call("lost").to_string().contains("nobody"));
    answering.join().unwrap();
    node.stop();
}
