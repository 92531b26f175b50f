//! What a process that drains does with the connections it has, by protocol.

use jackfield_tests::{Authority, Node, Target, TempDir, Wish, tls_connection, until, wait_for_end};
use rustix::process::Signal;
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

const WEB: &str = r#"{"version": 2, "workers": [{"type": "router", "stop": {"drain_timeout": 20}, "transports": [
  {"type": "universal", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
   "web": {"paths": {"/": {"type": "json", "value": "x"}}}}]}]}"#;

fn worker(status: &Value) -> u32 {
    u32::try_from(status["workers"][0]["processes"][0]["pid"].as_u64().unwrap()).unwrap()
}

fn connect(node: &Node, port: u16) -> TcpStream {
    let stream = TcpStream::connect((node.addr, port)).unwrap();
    stream.set_read_timeout(Some(jackfield_tests::DEADLINE)).unwrap();
    stream
}

/// Reads the head of an answer and its content, three bytes.
fn answer(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    while !got.ends_with(b"\r\n\r\n\"x\"") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        got.push(byte[0]);
    }
    String::from_utf8(got).unwrap().to_ascii_lowercase()
}

/// Begins to drain the node.
fn begin(node: &Node) {
    node.signal(Signal::TERM);
    node.log.wait(0, "draining; connections open");
}

#[test]
fn a_kept_connection_is_told_with_its_last_answer() {
    let mut node = Node::start(WEB);
    let mut kept = connect(&node, 8080);
    kept.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(!answer(&mut kept).contains("connection: close"));
    // One that has said a part of its request, and one that says nothing.
    let mut slow = connect(&node, 8080);
    slow.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    let mut silent = connect(&node, 8080);
    node.until("all accepted", |s| s["endpoints"][0]["connections"]["open"] == 3);
    begin(&node);
    kept.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    slow.write_all(b"st: a\r\n\r\n").unwrap();
    for stream in [&mut kept, &mut slow] {
        assert!(answer(stream).contains("connection: close"));
        assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    }
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "it is waited for, but not for long");
    assert!(node.wait().success());
}

#[test]
fn http2_is_sent_goaway() {
    let mut node = Node::start(WEB);
    let mut stream = connect(&node, 8080);
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    let mut frame = || {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).ok()?;
        // A ping is answered: with that it is known which requests are on their way.
        if head[3] == 6 && head[4] == 0 {
            stream.write_all(&[&[0, 0, 8, 6, 1, 0, 0, 0, 0][..], &payload].concat()).ok()?;
        }
        Some(head[3])
    };
    assert_eq!(frame(), Some(4), "SETTINGS");
    node.until("accepted", |s| s["endpoints"][0]["connections"]["open"] == 1);
    begin(&node);
    until("GOAWAY", || (frame()? == 7).then_some(()));
    assert!(node.wait().success());
}

#[test]
fn tls_ends_with_a_word_at_the_deadline_and_stalled_handshakes_before() {
    let dir = TempDir::new();
    let authority = Authority::new("The Drain");
    authority.write(&dir, "site", Wish { names: &["drain.example"], ..Wish::default() });
    let root = dir.write("authority.crt", authority.pem());
    let config = r#"{"version": 2, "workers": [{"type": "router", "stop": {"drain_timeout": DRAIN}, "transports": [
      {"type": "stream.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8443,
        "tls": {"certificate": "site.crt", "key": "site.key"}}}]}]}"#;
    let node = Node::start_in(dir, &config.replace("DRAIN", "3"));
    let target =
        Target { tls: Some(((node.addr, 8443).into(), "drain.example".into(), root)), ..Target::default() };
    let mut open = tls_connection(&target);
    let mut byte = [0];
    open.write_all(b"a").unwrap();
    open.read_exact(&mut byte).unwrap();
    let mut stalled = connect(&node, 8443);
    node.until("both accepted", |s| s["endpoints"][0]["connections"]["open"] == 2);
    let pid = worker(&node.ready());
    begin(&node);
    assert!(matches!(stalled.read(&mut byte), Ok(0) | Err(_)), "a handshake that does not go on");
    open.write_all(b"b").unwrap();
    open.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"b", "until the deadline all is as before");
    match open.read(&mut byte) {
        Ok(0) => {}
        other => panic!("no close_notify: {other:?}"),
    }
    assert!(wait_for_end(pid));
}

#[test]
fn relayed_connections_go_on_to_the_deadline() {
    let config = r#"{"version": 2, "workers": [
      {"type": "router", "id": "front", "stop": {"drain_timeout": 1}, "transports": [{"type": "stream.relay",
        "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
        "backends": [{"type": "tcp", "host": "ADDR", "port": 8081}]}]},
      {"type": "router", "id": "back", "transports": [
        {"type": "stream.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081}}]}]}"#;
    let node = Node::start(config);
    let before = worker(&node.ready());
    let mut stream = connect(&node, 8080);
    let mut echoes = |text: &[u8]| {
        let mut got = vec![0; text.len()];
        stream.write_all(text).and_then(|()| stream.read_exact(&mut got)).map(|()| assert_eq!(got, text))
    };
    echoes(b"before").unwrap();
    assert!(
        node.run(&["worker", "restart", "front"]).status.success(),
        "returns when the old process has ended"
    );
    assert!(wait_for_end(before));
    let error = echoes(b"after").unwrap_err();
    assert!(!matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock), "{error}");
    node.log.wait(0, "draining; connections open: 1");
    node.stop();
}
