//! WAMP, spoken with clients of other projects.

use jackfield_tests::{
    Authority, Forward, LOCALHOST, Lines, Node, TempDir, argument, node_js, python, python_with, venv_python,
};
use std::process::{Command, Stdio};

/// A node with one realm, WAMP on every transport, and every authentication method that needs no authenticator. The keys of
/// SCRAM are what Autobahn's `derive_scram_credential` makes of "secret4".
const NODE: &str = r#"{"version": 2, "workers": [{"type": "router",
    "realms": [{"name": "realm1", "roles": [
        {"name": "anonymous", "permissions": [{"uri": "*", "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]},
        {"name": "user", "permissions": [{"uri": "*", "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]}]}],
    "transports": [
        {"type": "universal", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "rawsocket": {}, "websocket": {"ws": {"type": "websocket", "options": {"compression": {"deflate": {}}}}}},
        {"type": "universal", "endpoint": {"type": "unix", "path": "wamp.sock"},
            "rawsocket": {}, "websocket": {"ws": {"type": "websocket"}}},
        {"type": "universal", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8443,
            "tls": {"key": "server.key", "certificate": "server.crt"}}, "rawsocket": {}, "websocket": {"ws": {"type": "websocket"}}},
        {"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081}, "paths": {
            "/": {"type": "json", "value": 1}, "lp": {"type": "longpoll"},
            "ws": {"type": "websocket", "auth": {
                "ticket": {"type": "static", "principals": {"alice": {"ticket": "secret1", "role": "user"}}},
                "wampcra": {"type": "static", "users": {
                    "bob": {"secret": "secret2", "role": "user"},
                    "bea": {"secret": "secret3", "role": "user", "salt": "salt123", "iterations": 100, "keylen": 32}}},
                "scram": {"type": "static", "principals": {"sue": {"role": "user", "kdf": "argon2id-13", "memory": 512,
                    "iterations": 4096, "salt": "000102030405060708090a0b0c0d0e0f", "stored-key": "d7d227709b99f17d122223663a8f82956ff83567b062c3e289b1f4d7348b9e6c",
                    "server-key": "7ac0fc4a99b52c244dde1e7c28e69191d8d75ecaa38b9cd7597d5a715801f192"}}},
                "cryptosign": {"type": "static", "principals": {"kate": {"role": "user",
                    "authorized_keys": ["KEY"]}}}}}}},
        {"type": "websocket", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8082}},
        {"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8083}}]}]}"#;

/// The public key of 32 bytes 0x07 as the private one, in hex.
const PUBLIC: &str = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";

/// Settings of OpenSSL by which its clients speak TLS 1.2 at most.
const TLS_1_2: &str =
    "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMaxProtocol = TLSv1.2\n";

fn node() -> Node {
    let (dir, authority) = (TempDir::new(), Authority::new("authority of the test"));
    dir.write(".jackfield/ca.crt", authority.pem());
    authority.write(&dir, "server", LOCALHOST);
    Node::start_in(dir, &NODE.replace("KEY", PUBLIC))
}

fn peer(args: &[&str]) {
    peer_with(args, &[]);
}

fn peer_with(args: &[&str], env: &[(&str, &str)]) {
    let said = python_with("wamp_peer.py", args, env);
    assert!(said.starts_with("ok"), "{args:?} {env:?}: {said}");
}

/// Each kind of address, with what a client has to know of it.
fn urls(node: &Node) -> Vec<String> {
    ["ws://ADDR:8080/ws", "rs://ADDR:8080", "ws://ADDR:8082/any", "rs://ADDR:8083"]
        .map(|url| url.replace("ADDR", &node.addr.to_string()))
        .into()
}

const SERIALIZERS: [&str; 3] = ["json", "msgpack", "cbor"];

#[test]
fn autobahn_clients_speak_every_transport_and_serializer() {
    let node = node();
    for serializer in SERIALIZERS {
        for url in urls(&node) {
            peer(&[&url, serializer, "realm1"]);
        }
    }
    node.stop();
}

#[test]
fn autobahn_clients_on_twisted_do_so_too() {
    let node = node();
    for serializer in SERIALIZERS {
        for url in &urls(&node)[..2] {
            peer_with(&[url, serializer, "realm1"], &[("FRAMEWORK", "twisted")]);
        }
    }
    node.stop();
}

#[test]
fn autobahn_clients_speak_over_unix_sockets_and_tls() {
    let node = node();
    let (socket, ca) = (argument(&node.dir, "wamp.sock"), argument(&node.dir, "ca.crt"));
    let forward = Forward::to(&format!("{}:8443", node.addr));
    for framework in ["asyncio", "twisted"] {
        let framework = ("FRAMEWORK", framework);
        for url in ["ws://localhost/ws", "rs://localhost"] {
            peer_with(&[url, "cbor", "realm1"], &[framework, ("UNIX", &socket)]);
        }
        for url in [format!("wss://localhost:{}/ws", forward.0), format!("rss://localhost:{}", forward.0)] {
            peer_with(&[&url, "msgpack", "realm1"], &[framework, ("CA", &ca)]);
        }
    }
    node.stop();
}

#[test]
fn clients_of_the_xconn_project_speak_every_serializer() {
    let node = node();
    for serializer in SERIALIZERS {
        for url in &urls(&node)[..2] {
            assert_eq!(python("wamp_xconn.py", &[url, serializer, "realm1"]), "ok\n");
        }
    }
    let url = format!("ws://{}:8081/ws", node.addr);
    let private = "07".repeat(32);
    for (method, authid, secret) in [
        ("ticket", "alice", "secret1"),
        ("wampcra", "bob", "secret2"),
        ("wampcra", "bea", "secret3"),
        ("cryptosign", "kate", &private),
    ] {
        assert_eq!(python("wamp_xconn.py", &[&url, "json", "realm1", method, authid, secret]), "ok\n");
    }
    let socket = format!("unix+rs://{}", argument(&node.dir, "wamp.sock"));
    assert_eq!(python("wamp_xconn.py", &[&socket, "cbor", "realm1"]), "ok\n");
    let forward = Forward::to(&format!("{}:8443", node.addr));
    let (secure, ca) = (format!("wss://localhost:{}/ws", forward.0), argument(&node.dir, "ca.crt"));
    // Its reading thread handles the tickets of TLS 1.3 while another one writes, which the ssl module of Python 3.11 does
    // not bear: of a thousand such connections one never sends its request, to nginx no less. TLS 1.2 has no such message.
    node.dir.write("tls12.cnf", TLS_1_2);
    let settings = node.dir.path().join("tls12.cnf");
    let environment = [("SSL_CERT_FILE", ca.as_str()), ("OPENSSL_CONF", settings.to_str().unwrap())];
    assert_eq!(python_with("wamp_xconn.py", &[&secure, "msgpack", "realm1"], &environment), "ok\n");
    node.stop();
}

#[test]
fn clients_in_node_js_speak_every_transport_and_serializer() {
    let node = node();
    let speak = |args: &[&str], env: &[(&str, &str)]| {
        let said = node_js("wamp_peer.js", args, env);
        assert!(said.ends_with("ok\n"), "{args:?}: {said}");
    };
    for serializer in SERIALIZERS {
        for url in &urls(&node)[..2] {
            speak(&["autobahn", url, serializer, "realm1"], &[]);
        }
        speak(&["wampy", &urls(&node)[0], serializer, "realm1"], &[]);
    }
    speak(&["autobahn", &format!("http://{}:8081/lp", node.addr), "json", "realm1"], &[]);
    let forward = Forward::to(&format!("{}:8443", node.addr));
    let ca = argument(&node.dir, "ca.crt");
    let secure = format!("wss://localhost:{}/ws", forward.0);
    for library in ["autobahn", "wampy"] {
        speak(&[library, &secure, "json", "realm1"], &[("NODE_EXTRA_CA_CERTS", &ca)]);
    }
    let url = format!("ws://{}:8081/ws", node.addr);
    let private = "07".repeat(32);
    for (method, authid, secret) in [
        ("ticket", "alice", "secret1"),
        ("wampcra", "bob", "secret2"),
        ("wampcra", "bea", "secret3"),
        ("cryptosign", "kate", &private),
    ] {
        speak(&["autobahn", &url, "json", "realm1", method, authid, secret], &[]);
    }
    speak(&["wampy", &url, "json", "realm1", "ticket", "alice", "secret1"], &[]);
    node.stop();
}

#[test]
fn autobahn_clients_authenticate_by_every_method() {
    let node = node();
    let url = format!("ws://{}:8081/ws", node.addr);
    let private = "07".repeat(32);
    for (method, authid, secret) in [
        ("ticket", "alice", "secret1"),
        ("wampcra", "bob", "secret2"),
        ("wampcra", "bea", "secret3"),
        ("cryptosign", "kate", &private),
    ] {
        peer(&[&url, "cbor", "realm1", method, authid, secret]);
    }
    // The proof is sent as bytes: each serializer has them in its own way.
    for serializer in SERIALIZERS {
        peer(&[&url, serializer, "realm1", "scram", "sue", "secret4"]);
    }
    peer_with(&[&url, "cbor", "realm1", "scram", "sue", "secret4"], &[("FRAMEWORK", "twisted")]);
    node.stop();
}

/// A client that prints what it gets.
fn waiting(url: &str) -> (std::process::Child, Lines) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/wamp_wait.py");
    let mut client = Command::new(venv_python())
        .args([script, url, "realm1", "com.test.topic"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = Lines::follow(client.stdout.take().unwrap());
    lines.wait(0, "[33,1,");
    (client, lines)
}

#[test]
fn a_restart_says_goodbye_and_two_processes_never_route_a_realm() {
    let node = node();
    let url = format!("ws://{}:8082/", node.addr);
    for command in [&["worker", "restart", "worker001"][..], &["reload"]] {
        let (mut client, lines) = waiting(&url);
        node.until("the session to be counted", |status| {
            let realm = &status["realms"][0];
            realm["sessions"] == 1 && realm["subscriptions"] == 1 && realm["name"] == "realm1"
        });
        if command == ["reload"] {
            let text = NODE.replace("KEY", PUBLIC).replace("\"value\": 1", "\"value\": 2");
            node.dir.write(".jackfield/config.json", text.replace("ADDR", &node.addr.to_string()));
        }
        let out = node.run(command);
        assert!(out.status.success(), "{out:?}");
        let (goodbye, _) = lines.wait(0, "[6,");
        assert!(goodbye.contains("wamp.close.system_shutdown"), "{goodbye}");
        lines.wait(0, "closed 1012");
        client.wait().unwrap();
        peer(&[&url, "json", "realm1"]);
    }
    node.stop();
}
