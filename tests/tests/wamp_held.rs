//! What a client sends while somebody is asked whether it may come in: it is bounded, whatever it speaks.

use jackfield_tests::{Node, Wamp};
use serde_json::json;
use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::time::Duration;

const CONFIG: &str = r#"{"version": 2, "workers": [{"type": "router",
    "realms": [{"name": "realm1", "options": {"authenticator_timeout": 60}, "roles": [{"name": "user", "permissions": [
        {"uri": "*", "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]}]}],
    "transports": [
        {"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "auth": {
            "anonymous": {"type": "static", "role": "user"},
            "ticket": {"type": "dynamic", "authenticator": "com.silent", "authenticator-realm": "realm1"}}},
        {"type": "mqtt", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 1883}, "options": {"realm": "realm1",
            "auth": {"ticket": {"type": "dynamic", "authenticator": "com.silent", "authenticator-realm": "realm1"}}}}]}]}"#;

/// A node whose authenticator takes questions and answers none; it lasts as long as its connection.
fn asked_and_silent() -> (Node, Wamp) {
    let node = Node::start_in(jackfield_tests::TempDir::new(), CONFIG);
    let mut authenticator = Wamp::dial((node.addr, 8080));
    authenticator.say(&json!([1, "realm1", {"roles": {"callee": {}}}])).unwrap();
    assert_eq!(authenticator.hear()[0], 2);
    authenticator.say(&json!([64, 1, {}, "com.silent"])).unwrap();
    assert_eq!(authenticator.hear()[0], 65);
    (node, authenticator)
}

#[test]
fn what_a_client_sends_before_it_is_let_in_is_bounded_in_bytes() {
    let (node, mut authenticator) = asked_and_silent();
    let mut client = Wamp::dial((node.addr, 8080));
    let hello =
        json!([1, "realm1", {"roles": {"publisher": {}}, "authmethods": ["ticket"], "authid": "joe"}]);
    client.say(&hello).unwrap();
    assert_eq!(client.hear()[0], 4);
    client.say(&json!([5, "x", {}])).unwrap();
    assert_eq!(authenticator.hear()[0], 68, "it is asked");
    // Few messages, but long ones. The end may come while they are sent.
    let long = json!([16, 1, {}, "com.topic", ["x".repeat(200_000)]]);
    let _ = (0..20).try_for_each(|_| client.say(&long));
    let abort = client.hear();
    assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wamp.error.protocol_violation")), "{abort}");
    assert!(abort[1]["message"].as_str().unwrap().contains("during authentication"), "{abort}");
    node.stop();
}

#[test]
fn a_client_of_mqtt_is_not_read_without_end_before_it_is_let_in() {
    let (node, mut authenticator) = asked_and_silent();
    let mut client = TcpStream::connect((node.addr, 1883)).unwrap();
    client.write_all(b"\x10\x19\0\x04MQTT\x04\xc2\0\0\0\x02me\0\x03joe\0\x04word").unwrap();
    assert_eq!(authenticator.hear()[0], 68, "it is asked");
    client.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let publish = [&b"\x30\x87\x80\x04\0\x05topic"[..], &[b'x'; 65_536]].concat();
    let (mut sent, most) = (0, 64 << 20);
    while sent < most {
        match client.write(&publish) {
            Ok(count) => sent += count,
            Err(e) => {
                assert!(matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{e}");
                break;
            }
        }
    }
    // What the kernel's buffers take is the kernel's.
    assert!(sent < most / 2, "{sent} bytes");
    node.stop();
}
