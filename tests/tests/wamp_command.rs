//! `jackfield wamp`, against nodes over everything that can be connected to.

use jackfield_tests::{Forward, Lines, Node, TempDir, argument, jackfield, openssl, prepared, run};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// The public key of 32 bytes 0x07 as the private one, in hex.
const PUBLIC: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";

fn config() -> String {
    let auth = format!(
        r#""auth": {{"anonymous": {{"type": "static", "role": "guest"}},
            "ticket": {{"type": "static", "principals": {{"tim": {{"ticket": "secret1", "role": "user"}}}}}},
            "wampcra": {{"type": "static", "users": {{"cra": {{"secret": "secret2", "role": "user", "salt": "salt", "iterations": 100, "keylen": 32}}}}}},
            "scram": {{"type": "static", "principals": {{"sam": {{"kdf": "pbkdf2", "iterations": 4096, "memory": 512,
                "salt": "SALT", "stored-key": "STORED", "server-key": "SERVER", "role": "user"}}}}}},
            "cryptosign": {{"type": "static", "principals": {{"kate": {{"authorized_keys": ["{PUBLIC}"], "role": "user"}}}}}},
            "tls": {{"type": "static", "principals": {{"alice": {{"certificate-sha1": "FINGERPRINT", "role": "user"}}}}}}}}"#
    );
    let tls = r#""tls": {"key": "server.key", "certificate": "server.crt", "ca_certificates": ["ca.crt"], "client_auth": "optional"}"#;
    let universal =
        format!(r#""rawsocket": {{{auth}}}, "websocket": {{"ws": {{"type": "websocket", {auth}}}}}"#);
    let all = r#""allow": {"call": true, "register": true, "publish": true, "subscribe": true}"#;
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1", "roles": [
            {{"name": "user", "permissions": [{{"uri": "*", {all}, "disclose": {{"caller": true}}}}]}},
            {{"name": "guest", "permissions": [{{"uri": "com.open.", "match": "prefix", {all}}}]}}]}}],
        "transports": [
            {{"type": "universal", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}}, {universal}}},
            {{"type": "universal", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8443, {tls}}}, {universal}}},
            {{"type": "universal", "endpoint": {{"type": "unix", "path": "wamp.sock"}}, {universal}}}]}}]}}"#
    )
}

/// The SCRAM keys of "secret3", as the standard library of Python derives them.
fn scram_keys() -> [String; 2] {
    let script = "import hashlib,hmac\n\
        s=hashlib.pbkdf2_hmac('sha256',b'secret3',bytes(range(16)),4096)\n\
        m=lambda k,t:hmac.new(k,t,'sha256').digest()\n\
        print(hashlib.sha256(m(s,b'Client Key')).hexdigest(),m(s,b'Server Key').hex())";
    let out = Command::new("python3").args(["-c", script]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let (stored, server) = text.trim().split_once(' ').unwrap();
    [stored.into(), server.into()]
}

fn node() -> Node {
    let (dir, authority) = prepared();
    authority.write(&dir, "alice", jackfield_tests::Wish { common_name: "alice", ..Default::default() });
    let fingerprint =
        openssl(&["x509", "-in", &argument(&dir, "alice.crt"), "-noout", "-fingerprint", "-sha1"], b"");
    let [stored, server] = scram_keys();
    let config = config()
        .replace("FINGERPRINT", fingerprint.trim().rsplit_once('=').unwrap().1)
        .replace("STORED", &stored)
        .replace("SERVER", &server)
        .replace("SALT", "000102030405060708090a0b0c0d0e0f");
    Node::start_in(dir, &config)
}

fn command(dir: &Path, args: &[&str], secret: &str) -> Command {
    let mut command = Command::new(jackfield());
    command.arg("wamp").args(args).current_dir(dir).env("JACKFIELD_WAMP_SECRET", secret).stdin(Stdio::null());
    command
}

fn said(node: &Node, args: &[&str], secret: &str) -> (Output, String) {
    let out = command(node.dir.path(), args, secret).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    (out, text)
}

/// A command that goes on, and what it prints.
struct Going(Child, Lines);

impl Going {
    /// Waits until it says that the router knows it.
    fn start(node: &Node, args: &[&str], secret: &str, known: &str) -> Self {
        let mut command = command(node.dir.path(), args, secret);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Lines::follow(child.stderr.take().unwrap()).wait(0, known);
        let lines = Lines::follow(child.stdout.take().unwrap());
        Self(child, lines)
    }

    fn end(mut self) -> Vec<String> {
        assert!(self.0.wait().unwrap().success());
        self.1.to_the_end()
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn every_command_works_over_every_connection_and_serializer() {
    let node = node();
    let (host, socket) = (node.addr, node.dir.path().join(".jackfield/wamp.sock"));
    let (ca, socket) = (argument(&node.dir, "ca.crt"), socket.display());
    let urls = [
        (format!("ws://{host}:8080/ws"), "json"),
        (format!("ws://{host}:8080/ws"), "cbor"),
        (format!("rs://{host}:8080"), "msgpack"),
        ("wss://localhost:8443/ws".to_owned(), "msgpack"),
        ("rss://localhost:8443".to_owned(), "json"),
        (format!("ws://unix:{socket}:/ws"), "cbor"),
        (format!("rs://unix:{socket}"), "json"),
    ];
    for (url, serializer) in &urls {
        // The name in the certificate is localhost, the address of the node another: a proxy of the test leads there.
        let forward = url.contains("localhost").then(|| Forward::to(&format!("{host}:8443")));
        let url = match &forward {
            Some(forward) => url.replace("localhost:8443", &format!("localhost:{}", forward.0)),
            None => url.clone(),
        };
        let mut common = vec!["--url", &url, "-s", serializer, "--authid", "tim"];
        if forward.is_some() {
            common.extend(["--ca", &ca]);
        }
        let with = |args: &[&'static str]| [args, &common[..]].concat();
        let register = Going::start(
            &node,
            &with(&["register", "com.echo", "-n", "2"]),
            "secret1",
            "registered com.echo",
        );
        let subscribe = with(&["subscribe", "com.events.", "--match", "prefix", "--json", "-n", "1"]);
        let subscribe = Going::start(&node, &subscribe, "secret1", "subscribed to");
        let (out, text) = said(
            &node,
            &with(&["call", "com.echo", "1", "two words", "[3,null]", "-k", "a={\"b\":1.5}"]),
            "secret1",
        );
        assert_eq!(text, "1 two words [3,null] a={\"b\":1.5}\n", "{url} {out:?}");
        let (_, text) = said(&node, &with(&["call", "com.echo", "-1", "--json"]), "secret1");
        assert_eq!(text, "{\"args\":[-1]}\n", "{url}");
        let (out, text) =
            said(&node, &with(&["publish", "com.events.one", "hot", "-k", "degrees=30"]), "secret1");
        assert!(out.status.success() && text.starts_with("published as "), "{out:?}");
        let events = subscribe.end();
        let event: Value = serde_json::from_str(&events[0]).unwrap();
        assert_eq!(event["args"], json!(["hot"]));
        assert_eq!((&event["topic"], &event["kwargs"]), (&json!("com.events.one"), &json!({"degrees": 30})));
        assert_eq!(register.end(), ["com.echo 1 two words [3,null] a={\"b\":1.5}", "com.echo -1"]);
    }
    node.stop();
}

#[test]
fn secrets_of_every_method_let_in_and_failures_have_a_reason_and_a_code() {
    let node = node();
    let url = format!("ws://{}:8080/ws", node.addr);
    let key = "07".repeat(32);
    let whoami = ["call", "wamp.session.count", "--url", &url];
    for (authid, method, secret) in [
        ("tim", "ticket", "secret1"),
        ("cra", "wampcra", "secret2"),
        ("sam", "scram", "secret3"),
        ("kate", "cryptosign", &key),
    ] {
        let who = ["--authid", authid, "--authmethod", method];
        let (out, text) = said(&node, &[&whoami[..], &who].concat(), secret);
        assert_eq!(text, "1\n", "{method}: {out:?}");
        let file = argument(&node.dir, "secret");
        std::fs::File::create(&file).unwrap().write_all(format!("{secret}\n").as_bytes()).unwrap();
        let (out, text) = said(&node, &[&whoami[..], &who, &["--secret-file", &file]].concat(), "");
        assert_eq!(text, "1\n", "{method}: {out:?}");
        let wrong = if method == "cryptosign" { "08".repeat(32) } else { "wrong".into() };
        let (out, text) = said(&node, &[&whoami[..], &who].concat(), &wrong);
        let reason = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!((out.status.code(), text.as_str()), (Some(1), ""), "{method}");
        assert!(reason.contains("the router refuses: wamp.error.not_authorized"), "{method}: {reason}");
    }
    // By a certificate, and by a signature that is bound to the connection.
    let forward = Forward::to(&format!("{}:8443", node.addr));
    let secure = format!("rss://localhost:{}", forward.0);
    let (ca, cert, private) =
        (argument(&node.dir, "ca.crt"), argument(&node.dir, "alice.crt"), argument(&node.dir, "alice.key"));
    let tls = ["call", "wamp.session.count", "--url", &secure, "--ca", &ca];
    let shown = ["--cert", &cert, "--key", &private, "--authmethod", "tls"];
    assert_eq!(said(&node, &[&tls[..], &shown].concat(), "").1, "1\n");
    assert_eq!(
        said(
            &node,
            &[&tls[..], &["--authmethod", "cryptosign", "--authid", "kate", "--channel-binding"]].concat(),
            &key
        )
        .1,
        "1\n"
    );

    let failing = |args: &[&str], code: i32, reason: &str| {
        let (out, _) = said(&node, args, "");
        let text = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(code), "{args:?}: {text}");
        assert!(text.contains(reason), "{args:?}: {text}");
    };
    failing(
        &["call", "com.open.none", "--url", &url],
        1,
        "the call is answered by wamp.error.no_such_procedure",
    );
    failing(&["call", "com.closed", "--url", &url], 1, "wamp.error.not_authorized");
    failing(&["call", "com.x", "--url", &url, "-r", "realm2"], 1, "wamp.error.no_such_realm");
    failing(&["call", "com.x", "--url", "http://x"], 2, "expected ws://HOST:PORT/PATH");
    failing(&["call", "com.x", "--url", &url, "--authmethod", "scram"], 2, "JACKFIELD_WAMP_SECRET");
    failing(&["call", "com.x", "--url", &format!("ws://{}:8080/no", node.addr)], 69, "404 Not Found");
    failing(&["call", "com.x", "--url", &secure.replace("rss", "rs")], 69, "RawSocket");
    failing(&["call", "com.x", "--url", tls[3], "--authmethod", "anonymous"], 69, "certificate");
    failing(&["subscribe", "com.x", "--url", &format!("rs://{}:9", node.addr)], 69, "no router answers");
    let (out, text) = said(&node, &["call", "com.open.none", "--url", &url, "--json"], "");
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["error"], "wamp.error.no_such_procedure");
    node.stop();
}

/// Numbers of more than ten digits are different each time.
fn without_ids(line: &str) -> String {
    let is_id = |part: &str| part.len() > 10 && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = line.split_inclusive(|c: char| !c.is_ascii_digit());
    parts
        .map(|part| if is_id(part.trim_end_matches(|c: char| !c.is_ascii_digit())) { "ID" } else { part })
        .collect()
}

#[test]
fn what_the_documents_show_is_what_happens() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wamp.md")).unwrap();
    let block = page.split("```").find(|block| block.contains("$ jackfield wamp register")).unwrap();
    let all = r#""allow": {"call": true, "register": true, "publish": true, "subscribe": true}"#;
    let node = Node::start(&format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "realms": [{{"name": "realm1", "roles": [{{"name": "anonymous",
            "permissions": [{{"uri": "*", {all}}}]}}]}}], "transports": [{{"type": "rawsocket",
            "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}}}}]}}]}}"#
    ));
    let url = format!("rs://{}:8080", node.addr);
    let (mut shown, mut happened, mut going) = (Vec::new(), Vec::new(), Vec::new());
    for line in block.lines().filter(|line| !line.is_empty()) {
        let Some(typed) = line.strip_prefix("$ jackfield ") else {
            shown.push(without_ids(line));
            continue;
        };
        let mut command = Command::new(jackfield());
        command.env("JACKFIELD_WAMP_URL", &url).stdout(Stdio::piped()).stderr(Stdio::piped());
        match typed.strip_suffix(" &") {
            Some(typed) => {
                let mut child = command.args(typed.split(' ')).spawn().unwrap();
                let said = Lines::follow(child.stderr.take().unwrap());
                happened.push(said.wait(0, "com.example.").0);
                let lines = Lines::follow(child.stdout.take().unwrap());
                going.push(Going(child, lines));
            }
            None => {
                let out = command.args(typed.split(' ')).output().unwrap();
                assert!(out.status.success(), "{out:?}");
                happened.extend(String::from_utf8(out.stdout).unwrap().lines().map(without_ids));
            }
        }
    }
    happened.extend(going.iter().map(|going| without_ids(&going.1.wait(0, "").0)));
    shown.sort();
    happened.sort();
    assert_eq!(shown, happened);
    node.stop();
}

#[test]
fn a_router_that_says_nothing_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let dir = TempDir::new();
    for scheme in ["ws", "rs"] {
        let url = format!("{scheme}://127.0.0.1:{port}");
        let out = run(dir.path(), &["wamp", "call", "com.x", "--url", &url, "--timeout", "0.3"]);
        assert_eq!(out.status.code(), Some(69));
        assert!(String::from_utf8_lossy(&out.stderr).contains("no connection within 0.3 s"), "{out:?}");
    }
}
