//! `publisher`, `caller` and `webhook`: curl on the one side, an Autobahn client on the other.

use jackfield_tests::{Lines, Node, TempDir, curl, until, venv_python};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const CONFIG: &str = r#"{"version": 2, "workers": [{"type": "router", "sandbox": true,
    "realms": [{"name": "realm1", "roles": [
        {"name": "anonymous", "permissions": [{"uri": "", "match": "prefix",
            "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]},
        {"name": "bridge", "permissions": [
            {"uri": "com.test.", "match": "prefix", "disclose": {"caller": true, "publisher": true},
                "allow": {"call": true, "publish": true}},
            {"uri": "com.test.secret", "allow": {"call": false, "publish": false}},
            {"uri": "wamp.session.", "match": "prefix", "allow": {"call": true}}]}]}],
    "transports": [{"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "paths": {
        "/": {"type": "none"},
        "ws": {"type": "websocket"},
        "publish": {"type": "publisher", "realm": "realm1", "role": "bridge", "options": {"post_body_limit": 1000}},
        "call": {"type": "caller", "realm": "realm1", "role": "bridge", "options": {"debug": true}},
        "brief": {"type": "caller", "realm": "realm1", "role": "bridge", "options": {"timeout": 0.2}},
        "one": {"type": "caller", "realm": "realm1", "role": "bridge", "options": {"max_waiting": 1}},
        "signed": {"type": "publisher", "realm": "realm1", "role": "bridge",
            "options": {"key": "bazapp", "secret": "foobar", "timestamp_delta_limit": 60}},
        "far": {"type": "caller", "realm": "realm1", "role": "bridge", "options": {"require_ip": ["192.0.2.0/24"]}},
        "tls": {"type": "caller", "realm": "realm1", "role": "bridge", "options": {"require_tls": true}},
        "nobody": {"type": "caller", "realm": "realm1", "role": "nobody"},
        "hook": {"type": "webhook", "realm": "realm1", "role": "bridge", "options": {"topic": "com.test.hook",
            "success_response": "taken"}},
        "denied": {"type": "webhook", "realm": "realm1", "role": "bridge", "options": {"topic": "com.test.secret",
            "error_response": "not taken"}},
        "github": {"type": "webhook", "realm": "realm1", "role": "bridge", "options": {"topic": "com.test.github",
            "github_secret": "deadbeef"}}
    }}]}]}"#;

/// A node, and a client of its realm.
struct Bridge {
    node: Node,
    client: Child,
    said: Lines,
    at: usize,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.client.kill();
        let _ = self.client.wait();
    }
}

impl Bridge {
    fn start() -> Self {
        let node = Node::start_in(TempDir::new(), CONFIG);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/wamp_bridge.py");
        let url = format!("ws://{}:8080/ws", node.addr);
        let mut client = Command::new(venv_python())
            .arg(script)
            .args([&url, "realm1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = Lines::follow(client.stdout.take().unwrap());
        let mut bridge = Self { node, client, said, at: 0 };
        bridge.said("ready");
        bridge
    }

    /// The next line of the client that has this in it.
    fn said(&mut self, text: &str) -> Value {
        let (line, next) = self.said.wait(self.at, text);
        self.at = next;
        serde_json::from_str(&line).unwrap()
    }

    /// Status and content of the answer to a request.
    fn ask(&self, path: &str, args: &[&str]) -> (String, String) {
        let url = format!("http://{}:8080/{path}", self.node.addr);
        let answer = curl(&[&["-w", "\n%{http_code}"], args, &[url.as_str()]].concat());
        let (content, status) = answer.rsplit_once('\n').unwrap();
        (status.to_owned(), content.to_owned())
    }

    /// The same for a JSON request that is answered in JSON.
    fn post(&self, path: &str, content: &Value) -> (String, Value) {
        let content = content.to_string();
        let (status, answer) = self.ask(path, &["-H", "Content-Type: application/json", "-d", &content]);
        (status, serde_json::from_str(&answer).unwrap_or_else(|e| panic!("{e}: {answer}")))
    }

    /// A call that nobody answers, under way.
    fn hanging(&mut self, path: &str) -> Child {
        let url = format!("http://{}:8080/{path}", self.node.addr);
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "-d", r#"{"procedure": "com.test.hang"}"#, &url]);
        curl.args(["-H", "Content-Type: application/json"]);
        let child = curl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.said(r#""called": "hang""#);
        child
    }
}

fn ok(answer: Value) -> (String, Value) {
    ("200".to_owned(), answer)
}

#[test]
fn a_request_is_an_event() {
    let mut bridge = Bridge::start();
    let event =
        json!({"topic": "com.test.a", "args": [1, "ü", null, 9007199254740993_u64], "kwargs": {"k": [1.5]}});
    let (status, answer) = bridge.post("publish", &event);
    assert_eq!(status, "200");
    assert!(answer["id"].as_u64().is_some_and(|id| id > 0), "{answer}");
    assert_eq!(answer.as_object().unwrap().len(), 1);
    let expected = json!({"topic": "com.test.a", "args": event["args"], "kwargs": event["kwargs"], "publisher": "bridge"});
    assert_eq!(bridge.said("com.test.a"), expected);
    // Who is not meant gets nothing; a second event shows that the first one isn't on its way.
    bridge.post("publish", &json!({"topic": "com.test.none", "options": {"eligible_authrole": ["nobody"]}}));
    bridge
        .post("publish", &json!({"topic": "com.test.some", "options": {"eligible_authrole": ["anonymous"]}}));
    let next = bridge.said("com.test.");
    assert_eq!(
        (&next["topic"], &next["args"], &next["kwargs"]),
        (&json!("com.test.some"), &json!([]), &json!({}))
    );
    let (status, answer) = bridge.post("publish", &json!({"topic": "com.test.secret"}));
    assert_eq!((status.as_str(), &answer["error"]), ("200", &json!("wamp.error.not_authorized")));
    let (status, answer) = bridge.post("publish", &json!({"topic": "not a uri"}));
    assert_eq!((status.as_str(), &answer["error"]), ("200", &json!("wamp.error.invalid_uri")));
}

#[test]
fn a_request_is_a_call() {
    let mut bridge = Bridge::start();
    let call = |procedure: &str, args: Value, kwargs: Value| {
        bridge.post("call", &json!({"procedure": procedure, "args": args, "kwargs": kwargs}))
    };
    assert_eq!(call("com.test.add", json!([2]), json!({"b": 3})), ok(json!({"args": [5]})));
    assert_eq!(
        call("com.test.many", Value::Null, Value::Null),
        ok(json!({"args": [1, 2], "kwargs": {"k": [null]}}))
    );
    assert_eq!(call("com.test.nothing", json!([]), json!({})), ok(json!({"args": [null]})));
    assert_eq!(
        call("com.test.echo", json!([]), json!({"a": {"b": ["\u{0}x", 1e300]}})),
        ok(json!({"kwargs": {"a": {"b": ["\u{0}x", 1e300]}}}))
    );
    assert_eq!(
        call("com.test.fail", json!([7]), json!({})),
        ok(json!({"error": "com.test.failed", "args": [7], "kwargs": {"detail": "x"}}))
    );
    let (status, answer) = call("com.test.missing", json!([]), json!({}));
    assert_eq!((status.as_str(), &answer["error"]), ("200", &json!("wamp.error.no_such_procedure")));
    let (status, answer) = call("com.test.secret", json!([]), json!({}));
    assert_eq!((status.as_str(), &answer["error"]), ("200", &json!("wamp.error.not_authorized")));
    assert_eq!(bridge.said("called")["caller"], "bridge", "the role is disclosed as for every caller");
    bridge.node.log.wait(0, "caller: received {");
    bridge.node.log.wait(0, "caller: sent {");
    // A role that the realm does not have may do nothing; the log says so from the start.
    bridge.node.log.wait(0, "realm \"realm1\" has no role \"nobody\"");
    let (status, answer) = bridge.post("nobody", &json!({"procedure": "com.test.add"}));
    assert_eq!(status, "500");
    assert!(answer["error"].as_str().unwrap().contains("wamp.error.no_such_role"), "{answer}");
}

#[test]
fn calls_that_nobody_waits_for_are_cancelled() {
    let mut bridge = Bridge::start();
    let started = std::time::Instant::now();
    let (status, answer) = bridge.post("brief", &json!({"procedure": "com.test.hang"}));
    assert_eq!((status.as_str(), &answer["error"]), ("200", &json!("wamp.error.timeout")));
    assert!(started.elapsed().as_secs() < 60);
    bridge.said("cancelled");
    let mut hanging = bridge.hanging("one");
    let (status, _) = bridge.post("one", &json!({"procedure": "com.test.add", "args": [1]}));
    assert_eq!(status, "503", "one request may wait at a time");
    hanging.kill().unwrap();
    hanging.wait().unwrap();
    bridge.said("cancelled");
    let free = || {
        Some(bridge.post("one", &json!({"procedure": "com.test.add", "args": [1]}))).filter(|a| a.0 == "200")
    };
    assert_eq!(until("a free place", free).1, json!({"args": [1]}));
}

#[test]
fn a_session_that_was_ended_joins_again() {
    let mut bridge = Bridge::start();
    let list = |bridge: &Bridge| {
        let (_, answer) = bridge.post("call", &json!({"procedure": "wamp.session.list"}));
        answer["args"][0].as_array().unwrap().clone()
    };
    let before = list(&bridge);
    assert_eq!(before.len(), 2, "the client and the service: {before:?}");
    let own = before.iter().find(|id| {
        let (_, answer) = bridge.post("call", &json!({"procedure": "wamp.session.get", "args": [id]}));
        answer["args"][0]["authrole"] == "bridge"
    });
    let own = own.expect("the service's own session").clone();
    let mut hanging = bridge.hanging("call");
    // By another service: nobody ends himself.
    let (_, answer) = bridge.post("one", &json!({"procedure": "wamp.session.kill", "args": [own]}));
    assert!(answer.get("error").is_none(), "{answer}");
    hanging.wait().unwrap();
    let after = list(&bridge);
    assert!(!after.contains(&own), "{after:?}");
    assert_eq!(after.len(), 3, "the client and two services: {after:?}");
}

#[test]
fn requests_that_are_none_are_refused() {
    let bridge = Bridge::start();
    let json = ["-H", "Content-Type: application/json", "-d"];
    let good = r#"{"procedure": "com.test.nothing"}"#;
    let long = format!(r#"{{"topic": "com.test.a", "args": ["{}"]}}"#, "x".repeat(1000));
    for (path, args, status, text) in [
        ("call", vec!["-X", "GET"], "405", "POST"),
        ("call", vec!["-X", "DELETE"], "405", "POST"),
        ("call", vec!["-d", good], "400", "application/x-www-form-urlencoded"),
        ("call", vec!["-H", "Content-Type: application/json; charset=latin-1", "-d", good], "400", "latin-1"),
        ("call", [&json[..], &["{"]].concat(), "400", "JSON"),
        ("call", [&json[..], &["[]"]].concat(), "400", "list"),
        ("call", [&json[..], &["{}"]].concat(), "400", "procedure"),
        ("publish", [&json[..], &[long.as_str()]].concat(), "413", "1000 bytes"),
        ("far", [&json[..], &[good]].concat(), "400", "address"),
        ("tls", [&json[..], &[good]].concat(), "400", "https"),
        ("signed", [&json[..], &[good]].concat(), "400", "signed"),
        ("github", vec!["-d", "x"], "400", "GitHub"),
    ] {
        let (found, answer) = bridge.ask(path, &args);
        assert_eq!(found, status, "{path} {args:?}: {answer}");
        assert!(answer.contains(text), "{path} {args:?}: {answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!((&answer["args"], &answer["kwargs"]), (&json!([]), &json!({})), "{path} {args:?}");
    }
    let (status, headers) = bridge.ask(
        "call",
        &[
            "-X",
            "OPTIONS",
            "-D",
            "-",
            "-H",
            "Origin: http://a.example",
            "-H",
            "Access-Control-Request-Headers: x-a",
        ],
    );
    let headers = headers.to_ascii_lowercase();
    assert_eq!(status, "200");
    for header in [
        "access-control-allow-origin: http://a.example",
        "access-control-allow-headers: x-a",
        "access-control-allow-methods: post, put, options",
    ] {
        assert!(headers.contains(header), "{header}\n{headers}");
    }
}

#[test]
fn signed_requests_are_taken() {
    let mut bridge = Bridge::start();
    let content = r#"{"topic": "com.test.signed", "args": [1]}"#;
    let query = |script_time: &str, secret: &str| {
        let script = format!(
            "import hmac,hashlib,base64,datetime,urllib.parse\n\
             t=(datetime.datetime.now(datetime.timezone.utc)+datetime.timedelta(seconds={script_time}))\n\
             t=t.strftime('%Y-%m-%dT%H:%M:%S.%fZ')\n\
             d=hmac.new(b'{secret}',b'bazapp'+t.encode()+b'1'+b'23'+br'''{content}''',hashlib.sha256).digest()\n\
             s=base64.urlsafe_b64encode(d).decode()\n\
             print(urllib.parse.urlencode(dict(key='bazapp',timestamp=t,seq=1,nonce=23,signature=s)),end='')"
        );
        let out = Command::new(venv_python()).args(["-c", &script]).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    let args = ["-H", "Content-Type: application/json", "-d", content];
    let (status, answer) = bridge.ask(&format!("signed?{}", query("0", "foobar")), &args);
    assert_eq!(status, "200", "{answer}");
    assert_eq!(bridge.said("com.test.signed")["args"], json!([1]));
    for (time, secret, status) in
        [("0", "foobaz", "401"), ("-100", "foobar", "400"), ("100", "foobar", "400")]
    {
        let (found, answer) = bridge.ask(&format!("signed?{}", query(time, secret)), &args);
        assert_eq!(found, status, "{answer}");
        assert!(!answer.contains("foobar"), "{answer}");
    }
}

#[test]
fn webhooks_are_events() {
    let mut bridge = Bridge::start();
    let (status, answer) = bridge.ask("hook", &["-H", "X-GitHub-Event: ping", "-d", "fresh webhööks"]);
    assert_eq!((status.as_str(), answer.as_str()), ("202", "taken"));
    let event = bridge.said("com.test.hook");
    let event = &event["args"][0];
    assert_eq!(event["body"], "fresh webhööks");
    assert_eq!(event["headers"]["X-Github-Event"], json!(["ping"]));
    assert_eq!(event["headers"]["Content-Type"], json!(["application/x-www-form-urlencoded"]));
    let (status, answer) = bridge.ask("denied", &["-d", "x"]);
    assert_eq!((status.as_str(), answer.as_str()), ("500", "not taken"));
    bridge.node.log.wait(0, "nothing is published to \"com.test.secret\": wamp.error.not_authorized");
    // Made by Python's hmac.
    let sha256 =
        "X-Hub-Signature-256: sha256=7c0cd4c33866ad9bc2c664e42dcd116efa0d4df391b7093d84392fd8d4efbeb5";
    let (status, answer) = bridge.ask("github", &["-H", sha256, "-d", "hello"]);
    assert_eq!((status.as_str(), answer.as_str()), ("202", "OK"));
    assert_eq!(bridge.said("com.test.github")["args"][0]["body"], "hello");
    assert_eq!(bridge.ask("github", &["-H", sha256, "-d", "hello!"]).0, "400");
}

#[test]
fn pages_that_fail_tell_the_operator_why_and_nobody_else() {
    let dir = TempDir::new();
    dir.write("templates/page.html", "<p>{{ text }}</p>");
    let page = r#""/": {"type": "none"}, "pages": {"type": "wap", "templates": "../templates", "wamp": {"realm": "realm1",
        "authrole": "bridge"}, "routes": [{"path": "/page", "method": "GET", "call": "com.test.nothing", "render": "page.html"}]},"#;
    let node = Node::start_in(dir, &CONFIG.replace(r#""/": {"type": "none"},"#, page));
    let url = format!("http://{}:8080/pages/page", node.addr);
    let begin = std::time::Instant::now();
    // One connection for all of them.
    let many: Vec<_> = std::iter::repeat_n(url.as_str(), 200).collect();
    let said = curl(&[&["-H", "Accept: application/json"], many.as_slice()].concat());
    let seconds = begin.elapsed().as_secs() as usize;
    let one = r#"{"error":"what this page shows can't be had; the node's log says why"}"#;
    assert_eq!(said, one.repeat(200));
    node.log.wait(0, "wap: page.html: com.test.nothing: wamp.error.no_such_procedure");
    let records = node.log.all().iter().filter(|line| line.contains("wap: page.html")).count();
    assert!(records <= seconds + 2, "{records} records in {seconds} s");
    node.stop();
}
