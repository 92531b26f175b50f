//! `longpoll`: WAMP by requests of curl, as Autobahn|JS makes them.

use jackfield_tests::{Node, TempDir, curl, signal_pid, until, wait_for_end};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

const CONFIG: &str = r#"{"version": 2, "workers": [{"type": "router", "sandbox": true,
    "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [{"uri": "", "match": "prefix",
        "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]}]}],
    "transports": [{"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "paths": {
        "/": {"type": "none"},
        "lp": {"type": "longpoll"},
        "hasty": {"type": "longpoll", "options": {"request_timeout": 1, "session_timeout": 1}},
        "small": {"type": "longpoll", "options": {"queue_limit_messages": 3, "max_sessions": 2}}
    }}]}]}"#;

/// A client: where its transport is.
struct Client<'a> {
    node: &'a Node,
    url: String,
}

fn node() -> Node {
    Node::start_in(TempDir::new(), CONFIG)
}

/// One whose clients may come to any of two processes.
fn several() -> Node {
    let config = CONFIG.replacen("\"sandbox\": true", "\"sandbox\": true, \"processes\": 2", 1);
    Node::start_in(TempDir::new(), &config.replacen("\"port\": 8080", "\"port\": 8080, \"shared\": true", 1))
}

/// Status and content of the answer to a POST.
fn post(url: &str, args: &[&str]) -> (String, String) {
    let answer = curl(&[&["-X", "POST", "-w", "\n%{http_code}"], args, &[url]].concat());
    let (content, status) = answer.rsplit_once('\n').unwrap();
    (status.to_owned(), content.to_owned())
}

impl<'a> Client<'a> {
    fn open(node: &'a Node, path: &str, protocol: &str) -> Self {
        let base = format!("http://{}:8080/{path}", node.addr);
        let content = json!({"protocols": ["wamp.2.nonsense", protocol]}).to_string();
        let (status, answer) = post(&format!("{base}/open"), &["-d", &content]);
        assert_eq!(status, "200", "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["protocol"], protocol);
        Self { node, url: format!("{base}/{}", answer["transport"].as_str().unwrap()) }
    }

    /// One that has joined.
    fn join(node: &'a Node, path: &str) -> Self {
        let client = Self::open(node, path, "wamp.2.json");
        client.send(
            &json!([1, "realm1", {"roles": {"caller": {}, "callee": {}, "publisher": {}, "subscriber": {}}}]),
        );
        let welcome = client.receive();
        assert_eq!((&welcome[0], &welcome[2]["authrole"]), (&json!(2), &json!("anonymous")), "{welcome}");
        client
    }

    /// The process that has its session.
    fn home(&self) -> u32 {
        let (_, name) = self.url.rsplit_once('/').unwrap();
        u32::from_str_radix(name.split_once('-').unwrap().0, 16).unwrap()
    }

    fn post(&self, action: &str, args: &[&str]) -> (String, String) {
        post(&format!("{}/{action}", self.url), args)
    }

    fn send(&self, message: &Value) {
        let (status, answer) = self.post("send", &["-d", &message.to_string()]);
        assert_eq!((status.as_str(), answer.as_str()), ("204", ""));
    }

    fn receive(&self) -> Value {
        let (status, answer) = self.post("receive", &[]);
        assert_eq!(status, "200", "{answer}");
        serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}"))
    }

    /// Sends and receives bytes.
    fn bytes(&self, action: &str, sent: &[u8]) -> Vec<u8> {
        let (from, to) = (self.node.dir.path().join("sent"), self.node.dir.path().join("got"));
        fs::write(&from, sent).unwrap();
        fs::write(&to, "").unwrap();
        let data = format!("@{}", from.display());
        self.post(action, &["--data-binary", &data, "-o", to.to_str().unwrap()]);
        fs::read(&to).unwrap()
    }
}

#[test]
fn clients_talk_by_requests_alone() {
    talk(&node());
}

#[test]
fn requests_of_a_session_come_to_any_process() {
    let node = several();
    talk(&node);
    // Each connection comes to either of two processes, so that none of them has all sessions, and each session is asked for
    // at both.
    let clients: Vec<_> = (0..16).map(|_| Client::join(&node, "lp")).collect();
    assert_eq!(clients.iter().map(Client::home).collect::<BTreeSet<_>>().len(), 2);
    for client in &clients {
        for number in 1..=4 {
            client.send(&json!([48, number, {}, "com.test.none"]));
            assert_eq!(client.receive()[2], number);
        }
    }
    let base = format!("http://{}:8080/lp", node.addr);
    for name in ["1-abc", "ffffffff-abc", "-", "%2F-x", &format!("{:x}-abc", node.pid())] {
        for _ in 0..4 {
            assert_eq!(post(&format!("{base}/{name}/send"), &["-d", "[]"]).0, "404", "{name}");
        }
    }
}

#[test]
fn a_session_ends_with_its_process_and_stays_where_that_is_replaced() {
    let node = several();
    let clients: Vec<_> = (0..8).map(|_| Client::join(&node, "lp")).collect();
    for client in &clients {
        client.send(&json!([32, 1, {}, "com.test.topic"]));
        assert_eq!(client.receive()[0], 33);
    }
    let done = node.run(&["worker", "restart", "worker001"]);
    assert!(done.status.success(), "{done:?}");
    clients[0].send(&json!([16, 2, {"exclude_me": false}, "com.test.topic", ["there"]]));
    for client in &clients {
        assert_eq!(client.receive()[4], json!(["there"]), "{}", client.url);
    }
    let killed = clients[0].home();
    signal_pid(killed, Signal::KILL);
    assert!(wait_for_end(killed));
    until("the end of the session", || (clients[0].post("send", &["-d", "[]"]).0 == "404").then_some(()));
    for client in clients.iter().filter(|client| client.home() != killed) {
        client.send(&json!([48, 3, {}, "com.test.none"]));
        assert_eq!(client.receive()[0], 8);
        assert_eq!(client.post("close", &[]).0, "204");
    }
}

#[test]
fn a_process_that_hangs_is_answered_for() {
    let node = several();
    let client = Client::join(&node, "lp");
    signal_pid(client.home(), Signal::STOP);
    let call = |number: u64| json!([48, number, {}, "com.test.none"]);
    // Requests that come to the process itself get no answer.
    let mut requests: Vec<_> = (0..12)
        .map(|_| {
            let mut command = Command::new("curl");
            command.args([
                "-s",
                "-i",
                "-m",
                "8",
                "-d",
                &call(1).to_string(),
                &format!("{}/send", client.url),
            ]);
            command.stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let refused = until("an answer of the other one", || {
        let ended = requests.iter_mut().position(|request| request.try_wait().unwrap().is_some())?;
        let answer = requests.remove(ended).wait_with_output().unwrap();
        answer.status.success().then(|| String::from_utf8(answer.stdout).unwrap())
    });
    requests.iter_mut().for_each(|request| {
        let _ = request.kill();
        let _ = request.wait();
    });
    signal_pid(client.home(), Signal::CONT);
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.to_ascii_lowercase().contains("retry-after: 1"), "{refused}");
    client.send(&call(2));
    // What was answered for may have come to the process nevertheless.
    until("the answer to the second call", || (client.receive()[2] == 2).then_some(()));
}

/// Two clients do what clients do.
fn talk(node: &Node) {
    let (caller, callee) = (Client::join(node, "lp"), Client::join(node, "lp"));
    callee.send(&json!([64, 1, {}, "com.test.add"]));
    let registration = callee.receive();
    assert_eq!(registration[0], 65);
    std::thread::scope(|scope| {
        // It waits before there is something to say.
        let served = scope.spawn(|| {
            let invocation = callee.receive();
            assert_eq!((&invocation[0], &invocation[2]), (&json!(68), &registration[2]));
            callee.send(&json!([70, invocation[1], {}, [5, "ü"]]));
        });
        caller.send(&json!([48, 1, {}, "com.test.add", [2, 3]]));
        let result = caller.receive();
        assert_eq!((&result[0], &result[1], &result[3]), (&json!(50), &json!(1), &json!([5, "ü"])));
        served.join().unwrap();
    });
    // Several messages wait, and come one by one, in order.
    callee.send(&json!([32, 2, {}, "com.test.topic"]));
    for number in 0..5 {
        caller.send(&json!([16, 2 + number, {}, "com.test.topic", [number]]));
    }
    assert_eq!(callee.receive()[0], 33);
    for number in 0..5 {
        let event = callee.receive();
        assert_eq!((&event[0], &event[4]), (&json!(36), &json!([number])));
    }
    caller.send(&json!([6, {}, "wamp.close.normal"]));
    assert_eq!(caller.receive()[0], 6);
    assert_eq!(caller.post("close", &[]).0, "204");
    for action in ["send", "receive", "close"] {
        assert_eq!(caller.post(action, &["-d", "[]"]).0, "404", "{action}");
    }
}

#[test]
fn batches_of_json_and_msgpack_are_spoken() {
    let node = node();
    let client = Client::open(&node, "lp", "wamp.2.json.batched");
    let hello = r#"[1,"realm1",{"roles":{"subscriber":{},"publisher":{}}}]"#;
    let batch = [hello, r#"[32,1,{},"com.test.a"]"#, r#"[16,2,{"exclude_me":false},"com.test.a",[7]]"#, ""]
        .join("\x18");
    client.bytes("send", batch.as_bytes());
    let got = String::from_utf8(client.bytes("receive", b"")).unwrap();
    let got: Vec<Value> =
        got.split_terminator('\x18').map(|message| serde_json::from_str(message).unwrap()).collect();
    let kinds: Vec<_> = got.iter().map(|message| message[0].as_u64().unwrap()).collect();
    assert_eq!(kinds, [2, 33, 36], "all that waited comes at once");
    let client = Client::open(&node, "lp", "wamp.2.msgpack");
    client.bytes("send", b"\x93\x01\xa6realm1\x81\xa5roles\x81\xa6caller\x80");
    let welcome = client.bytes("receive", b"");
    assert_eq!(welcome[..2], [0x93, 2], "{welcome:?}");
}

#[test]
fn requests_and_sessions_have_their_time() {
    let node = node();
    let client = Client::join(&node, "hasty");
    let start = Instant::now();
    assert_eq!(client.post("receive", &[]), ("200".into(), String::new()), "nothing in time");
    assert!(start.elapsed().as_millis() >= 1000);
    // Whoever does not ask is gone, with his session.
    let other = Client::join(&node, "lp");
    until("the end of the session", || {
        other.send(&json!([48, 1, {}, "wamp.session.count"]));
        (other.receive()[3] == json!([1])).then_some(())
    });
    assert_eq!(client.post("send", &["-d", "[]"]).0, "404");
}

#[test]
fn one_request_of_a_client_waits_at_a_time() {
    let node = node();
    let client = Client::join(&node, "lp");
    std::thread::scope(|scope| {
        let requests = [(); 2].map(|()| scope.spawn(|| client.post("receive", &[])));
        until("the end of one of them", || {
            requests.iter().any(|request| request.is_finished()).then_some(())
        });
        client.send(&json!([48, 1, {}, "com.test.none"]));
        let mut answers = requests.map(|request| request.join().unwrap().1);
        answers.sort();
        assert_eq!(answers[0], "");
        assert!(answers[1].starts_with("[8,48,1,"), "{answers:?}");
    });
}

#[test]
fn what_waits_is_limited() {
    let node = node();
    let (slow, quick) = (Client::join(&node, "small"), Client::join(&node, "lp"));
    slow.send(&json!([32, 1, {}, "com.test.topic"]));
    assert_eq!(slow.receive()[0], 33);
    for number in 1..=4 {
        quick.send(&json!([16, number, {}, "com.test.topic"]));
    }
    for _ in 0..3 {
        assert_eq!(slow.receive()[0], 36);
    }
    assert_eq!(slow.post("receive", &[]), ("200".into(), String::new()), "the session has ended");
    assert_eq!(slow.post("receive", &[]).0, "404");
    quick.send(&json!([48, 9, {}, "wamp.session.count"]));
    assert_eq!(quick.receive()[3], json!([1]));
}

#[test]
fn requests_that_are_none_are_refused() {
    let node = node();
    let base = format!("http://{}:8080/small", node.addr);
    for (path, content, status) in [
        ("open", "", "400"),
        ("open", "{}", "400"),
        ("open", r#"{"protocols": ["wamp.2.ubjson"]}"#, "400"),
        ("nobody/send", "[]", "404"),
        ("nobody", "", "404"),
        ("", "", "404"),
    ] {
        assert_eq!(post(&format!("{base}/{path}"), &["-d", content]).0, status, "{path} {content}");
    }
    let status = curl(&["-o", "/dev/null", "-w", "%{http_code}", &format!("{base}/open")]);
    assert_eq!(status, "405");
    let client = Client::open(&node, "small", "wamp.2.json");
    client.send(&json!({"no": "message"}));
    assert_eq!(client.receive()[2], "wamp.error.protocol_violation");
    let _other = Client::open(&node, "small", "wamp.2.json");
    let third = || post(&format!("{base}/open"), &["-d", r#"{"protocols": ["wamp.2.json"]}"#]).0;
    assert!(["200", "503"].contains(&third().as_str()));
    until("no more than two", || (third() == "503").then_some(()));
}
