//! How clients of WAMP prove who they are: certificates, signatures bound to a connection, cookies; and how often they may
//! fail.

use jackfield_tests::{Node, TempDir, Wish, argument, curl, openssl, prepared, python};
use serde_json::{Value, json};

const REALM: &str = r#"{"name": "realm1", "roles": [{"name": "user", "permissions": [{"uri": "*",
    "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]}]}"#;

/// The public key of 32 bytes 0x07 as the private one, in hex.
const PUBLIC: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";

/// A node with these transports.
fn node(dir: TempDir, transports: &str) -> Node {
    let config = format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "sandbox": true, "realms": [{REALM}], "transports": [{transports}]}}]}}"#
    );
    Node::start_in(dir, &config)
}

/// What a client by RawSocket is told.
fn raw(node: &Node, port: u16, who: [&str; 2], more: &[&str]) -> Vec<Value> {
    let (host, port) = (node.addr.to_string(), port.to_string());
    let said = python("wamp_raw.py", &[&[&host, &port, "realm1", who[0], who[1]], more].concat());
    said.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| json!(line))).collect()
}

#[test]
fn certificates_of_clients_say_who_they_are_and_signatures_are_bound_to_connections() {
    let (dir, authority) = prepared();
    authority.write(&dir, "alice", Wish { common_name: "Alice of the test", ..Wish::default() });
    authority.write(&dir, "mallory", Wish { common_name: "Mallory", ..Wish::default() });
    let certificate = argument(&dir, "alice.crt");
    let sha1 = openssl(&["x509", "-in", &certificate, "-noout", "-fingerprint", "-sha1"], b"");
    let sha1 = sha1.trim().rsplit_once('=').unwrap().1.to_owned();
    let transports = format!(
        r#"{{"type": "rawsocket", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8443, "tls": {{"key": "server.key",
            "certificate": "server.crt", "ca_certificates": ["ca.crt"], "client_auth": "optional"}}}},
            "auth": {{"tls": {{"type": "static", "principals": {{"alice": {{"certificate-sha1": "{sha1}", "role": "user"}}}}}},
                "cryptosign": {{"type": "static", "principals": {{"kate": {{"role": "user", "authorized_keys": ["{PUBLIC}"]}}}}}}}}}},
           {{"type": "rawsocket", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8081}},
            "auth": {{"cryptosign": {{"type": "static", "principals": {{"kate": {{"role": "user", "authorized_keys": ["{PUBLIC}"]}}}}}}}}}}"#
    );
    let node = node(dir, &transports);
    let ca = format!("ca={}", argument(&node.dir, "ca.crt"));
    let cert = |name: &str| {
        format!("cert={}", argument(&node.dir, &format!("{name}.crt")).strip_suffix(".crt").unwrap())
    };

    let welcome = raw(&node, 8443, ["", "tls"], &[&ca, &cert("alice")]);
    assert_eq!(welcome[0][2]["authid"], "alice", "{welcome:?}");
    assert_eq!(welcome[0][2]["authmethod"], "tls");
    let transport = &welcome[1][3][0]["transport"];
    assert_eq!(transport["peer_cert"]["subject"]["cn"], "Alice of the test", "{welcome:?}");
    assert_eq!(transport["peer_cert"]["sha1"], sha1);
    assert_eq!(transport["channel_type"], "tls");
    for more in [vec![ca.clone()], vec![ca.clone(), cert("mallory")]] {
        let more: Vec<_> = more.iter().map(String::as_str).collect();
        let refused = raw(&node, 8443, ["alice", "tls"], &more);
        assert_eq!(refused[0][0], 3, "{refused:?}");
        assert_eq!(refused[0][2], "wamp.error.not_authorized");
    }

    let secret = format!("secret={}", "07".repeat(32));
    let kate = ["kate", "cryptosign"];
    let bound = "binding=tls-exporter";
    assert_eq!(raw(&node, 8443, kate, &[&ca, &secret, bound])[0][2]["authid"], "kate");
    assert_eq!(raw(&node, 8443, kate, &[&ca, &secret])[0][2]["authid"], "kate");
    for (port, more) in [
        (8443, vec![&*ca, &secret, bound, "bound=no"]),
        (8443, vec![&*ca, &secret, bound, "tls=1.2"]),
        (8443, vec![&*ca, &secret, "binding=tls-unique"]),
        (8081, vec![&*secret, bound]),
    ] {
        let refused = raw(&node, port, kate, &more);
        assert_eq!(
            (&refused[0][0], &refused[0][2]),
            (&json!(3), &json!("wamp.error.not_authorized")),
            "{more:?}"
        );
    }
    node.stop();
}

/// A WebSocket transport with tickets and cookies in a store, on a port.
fn with_cookies(port: u16, store: &str) -> String {
    format!(
        r#"{{"type": "websocket", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": {port}}},
            "cookie": {{"store": {store}}},
            "auth": {{"cookie": {{}}, "ticket": {{"type": "static", "principals": {{"joe": {{"ticket": "secret!", "role": "user"}}}}}}}}}}"#
    )
}

#[test]
fn cookies_in_a_file_outlive_processes_and_nodes_until_they_log_out() {
    let file = r#"{"type": "file", "filename": "cookies.dat"}"#;
    let transports = [
        with_cookies(8080, file),
        with_cookies(8081, file),
        with_cookies(8082, r#"{"type": "database", "path": "cookies.db"}"#),
        with_cookies(8083, r#"{"type": "memory"}"#),
    ];
    let mut node = node(TempDir::new(), &transports.join(", "));
    let url = |node: &Node, port: u16| format!("ws://{}:{port}/", node.addr);
    let say =
        |node: &Node, port, steps: &[&str]| python("wamp_cookie.py", &[&[&*url(node, port)], steps].concat());
    let login = |node: &Node, port| {
        let said = say(node, port, &["login", "joe", "secret!", "new"]);
        let (who, cookie) = said.trim().rsplit_once(' ').unwrap();
        assert_eq!(who, "joe by ticket", "{said}");
        cookie.to_owned()
    };
    let cookies: Vec<_> = [8080, 8082, 8083].map(|port| (port, login(&node, port))).into();
    for (port, cookie) in &cookies {
        assert_eq!(say(&node, *port, &["by", cookie]), "joe by ticket\n");
    }
    // The file is one for both transports that name it.
    assert_eq!(say(&node, 8081, &["by", &cookies[0].1]), "joe by ticket\n");
    assert!(node.run(&["worker", "restart", "worker001"]).status.success());
    for (port, cookie) in &cookies {
        let said = say(&node, *port, &["by", cookie]);
        assert_eq!(said == "joe by ticket\n", *port != 8083, "{port}: {said}");
    }
    node.until("the restart to count", |status| status["realms"][0]["epoch"] == 2);
    let (dir, addr) = (std::mem::take(&mut node.dir), node.addr);
    node.stop();
    let node = Node::launch(dir, addr, &[], &[]);
    node.ready();
    assert_eq!(say(&node, 8082, &["by", &cookies[1].1]), "joe by ticket\n");
    let said = say(&node, 8080, &["logout", &cookies[0].1, "by", &cookies[0].1]);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines[..2], ["joe by ticket joe by ticket", "wamp.close.normal wamp.close.logout"]);
    assert_eq!(lines[2], "wamp.error.no_auth_method", "{said}");
    node.stop();
}

#[test]
fn an_address_that_sends_too_many_wrong_proofs_is_shut_out_for_a_while() {
    let transport = |port: u16, limit: &str| {
        format!(
            r#"{{"type": "rawsocket", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": {port}}}, "auth": {{
                "anonymous": {{"type": "static", "role": "user"}}, {limit}
                "ticket": {{"type": "static", "principals": {{"joe": {{"ticket": "secret!", "role": "user"}}}}}}}}}}"#
        )
    };
    let strict = r#""failed_logins": {"limit": 5, "period": 3600, "exempt": []},"#;
    let node = node(TempDir::new(), &[transport(8080, strict), transport(8081, "")].join(", "));
    let (joe, right, wrong) = (["joe", "ticket"], "secret=secret!", "secret=no");
    let refused = raw(&node, 8080, joe, &[wrong, "times=5"]);
    assert_eq!(refused.len(), 5);
    assert!(refused.iter().all(|abort| abort[2] == "wamp.error.not_authorized"), "{refused:?}");
    let shut_out = raw(&node, 8080, joe, &[right]);
    assert_eq!(shut_out[0][2], "wamp.error.authentication_failed", "{shut_out:?}");
    assert!(shut_out[0][1]["message"].as_str().unwrap().contains("try again later"));
    assert_eq!(raw(&node, 8080, ["", "anonymous"], &[])[0][0], 2, "who proves nothing can't have failed");
    // By default loopback is exempt: a proxy there may speak for everybody.
    raw(&node, 8081, joe, &[wrong, "times=30"]);
    assert_eq!(raw(&node, 8081, joe, &[right])[0][0], 2);
    node.stop();
}

#[test]
fn clients_by_long_poll_authenticate_as_others_do() {
    let transports = r#"{"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "paths": {
        "/": {"type": "none"},
        "lp": {"type": "longpoll", "serializers": ["json"], "cookie": {"store": {"type": "file", "filename": "kept"}}, "auth": {"cookie": {},
            "ticket": {"type": "static", "principals": {"joe": {"ticket": "secret!", "role": "user"}}}}}}}"#;
    let node = node(TempDir::new(), transports);
    let base = format!("http://{}:8080/lp", node.addr);
    let jar = argument(&node.dir, "jar");
    let post = |path: &str, content: Value| {
        let content = content.to_string();
        curl(&["-b", &jar, "-c", &jar, "-X", "POST", "-d", &content, &format!("{base}/{path}")])
    };
    let open = || {
        let opened = post("open", json!({"protocols": ["wamp.2.msgpack", "wamp.2.json"]}));
        let opened: Value = serde_json::from_str(&opened).unwrap();
        assert_eq!(opened["protocol"], "wamp.2.json");
        opened["transport"].as_str().unwrap().to_owned()
    };
    let receive = |name: &str| -> Value {
        serde_json::from_str(&post(&format!("{name}/receive"), json!(null))).unwrap()
    };
    let hello = |method: &str| json!([1, "realm1", {"roles": {"caller": {}}, "authid": "joe", "authmethods": [method]}]);

    let name = open();
    post(&format!("{name}/send"), hello("anonymous"));
    assert_eq!(receive(&name)[2], "wamp.error.no_auth_method");
    post(&format!("{name}/send"), hello("ticket"));
    assert_eq!(receive(&name)[0], 4);
    post(&format!("{name}/send"), json!([5, "secret!", {}]));
    assert_eq!(receive(&name)[2]["authid"], "joe");
    post(&format!("{name}/close"), json!(null));
    let name = open();
    post(&format!("{name}/send"), hello("cookie"));
    let welcome = receive(&name);
    assert_eq!(
        (&welcome[2]["authid"], &welcome[2]["authmethod"]),
        (&json!("joe"), &json!("ticket")),
        "{welcome}"
    );
    node.stop();
}
