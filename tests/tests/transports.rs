//! Each transport, spoken to by a client.

use jackfield_tests::{DEADLINE, Node, curl, python};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

fn connect(addr: Ipv4Addr, port: u16) -> TcpStream {
    let stream = TcpStream::connect((addr, port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn exchange<S: Read + Write>(stream: &mut S, send: &[u8], expected: &[u8]) {
    stream.write_all(send).unwrap();
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).unwrap();
    assert_eq!(got, expected);
}

/// What comes until the other side closes; a reset counts as a close.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    match stream.read_to_end(&mut got) {
        Err(e) if e.kind() != ErrorKind::ConnectionReset => panic!("{e}"),
        _ => got,
    }
}

const UNIVERSAL: &str = r#"{"version": 2, "workers": [{"type": "router", "processes": 2, "transports": [{
  "type": "universal", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true},
  "handshake_timeout": 1,
  "rawsocket": {"type": "rawsocket.testee", "serializers": ["cbor", "json"]},
  "websocket": {"ws": {"type": "websocket.testee"}},
  "web": {"paths": {"/": {"type": "json", "value": {"hello": "world"}}, "info": {"type": "nodeinfo"}}}
}]}]}"#;

#[test]
fn stream_testee_echoes_on_tcp_and_unix() {
    let node = Node::start(
        r#"
version: 2
workers:
  - type: router
    transports:
      - {type: stream.testee, endpoint: {type: tcp, interface: ADDR, port: 8080}}
      - {type: stream.testee, endpoint: {type: unix, path: echo.sock}}
"#,
    );
    let mut tcp = connect(node.addr, 8080);
    exchange(&mut tcp, b"over tcp", b"over tcp");
    let big = vec![7; 1 << 20];
    let mut writer = tcp.try_clone().unwrap();
    let copy = big.clone();
    let thread = std::thread::spawn(move || {
        writer.write_all(&copy).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    assert!(rest(&mut tcp) == big);
    thread.join().unwrap();
    let path = node.dir.path().join(".jackfield/echo.sock");
    let mut unix = UnixStream::connect(&path).unwrap();
    exchange(&mut unix, b"over unix", b"over unix");
    drop(unix);
    node.stop();
    assert!(!path.exists(), "the socket's path stays after a clean stop");
}

#[test]
fn websocket_testee_serves_a_client_of_another_project() {
    let node = Node::start(
        r#"{"version": 2, "workers": [
          {"type": "websocket-testee", "transport":
            {"type": "websocket", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 9001}}},
          {"type": "router", "transports": [
            {"type": "websocket.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 9002}},
            {"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 9003},
             "paths": {"/": {"type": "json", "value": 1}, "ws": {"type": "websocket.testee"}}}]}]}"#,
    );
    for url in ["9001/", "9001/any/path?x=1", "9002/", "9003/ws"] {
        let url = format!("ws://{}:{url}", node.addr);
        assert!(python("ws_echo.py", &[&url]).starts_with("ok 1009"), "{url}");
    }
    node.stop();
}

#[test]
fn universal_tells_four_protocols_apart() {
    let node = Node::start(UNIVERSAL);
    let base = format!("http://{}:8080", node.addr);
    assert!(python("ws_echo.py", &[&format!("ws://{}:8080/ws?x=1", node.addr)]).starts_with("ok"));
    assert_eq!(curl(&[&base]), r#"{"hello":"world"}"#);
    assert_eq!(curl(&["--http2-prior-knowledge", "-w", " %{http_version}", &base]), r#"{"hello":"world"} 2"#);
    assert!(curl(&[&format!("{base}/info")]).contains("\"workers\""));
    let mut raw = connect(node.addr, 8080);
    exchange(&mut raw, b"\x7f\xf3\0\0", b"\x7f\xf3\0\0");
    exchange(&mut raw, b"\0\0\0\x05hello\x01\0\0\x02hi", b"\0\0\0\x05hello\x02\0\0\x02hi");
    drop(raw);
    node.stop();
}

#[test]
fn universal_is_right_when_bytes_arrive_one_at_a_time() {
    let node = Node::start(UNIVERSAL);
    let slowly = |bytes: &[u8]| {
        let mut stream = connect(node.addr, 8080);
        for byte in bytes {
            stream.write_all(&[*byte]).unwrap();
        }
        stream
    };
    let mut http = slowly(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(rest(&mut http).ends_with(br#"{"hello":"world"}"#));
    let mut raw = slowly(b"\x7f\x01\0\0\0\0\0\x01x");
    exchange(&mut raw, b"", b"\x7f\xf1\0\0\0\0\0\x01x");
    let mut h2 = slowly(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    let mut frame = [0; 9];
    h2.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4, "a SETTINGS frame");
    let mut ws = slowly(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x81\x81\0\0\0\0x",
    );
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n\x81\x01x") {
        let mut byte = [0];
        ws.read_exact(&mut byte).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&answer)));
        answer.push(byte[0]);
    }
    drop((raw, h2, ws));
    node.stop();
}

#[test]
fn universal_refuses_clearly_what_has_no_section() {
    let node = Node::start(UNIVERSAL);
    let base = format!("http://{}:8080", node.addr);
    let code = |args: &[&str]| curl(&[&["-o", "/dev/null", "-w", "%{http_code}"], args].concat());
    assert_eq!(code(&[&format!("{base}/ws")]), "426");
    assert_eq!(
        code(&["-H", "Accept: text/html", &format!("{base}/ws")]),
        "200",
        "a page that is shown is no failure"
    );
    let for_people = curl(&["-H", "Accept: text/html", &format!("{base}/ws")]);
    assert!(for_people.contains("<html") && for_people.contains("WebSocket"), "{for_people}");
    assert!(!curl(&[&format!("{base}/ws")]).contains('<'), "curl gets plain text");
    assert_eq!(rest_of(&node, b"\x7f\xf2\0\0"), b"\x7f\x10\0\0", "msgpack is not configured");
    assert_eq!(rest_of(&node, b"\x7f\xf1\0\x01"), b"\x7f\x30\0\0", "reserved bits");
    assert_eq!(rest_of(&node, b"\x10\x10\0\x04MQTT"), b"", "MQTT");
    assert_eq!(rest_of(&node, b"\x16\x03\x01\x02\0\x01"), b"", "TLS to a plain port");
    let bare = Node::start(
        r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "universal",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "websocket": {"ws": {"type": "websocket.testee"}}}]}]}"#,
    );
    assert_eq!(code(&[&format!("http://{}:8080/", bare.addr)]), "404");
    assert_eq!(rest_of(&bare, b"\x7f\xf1\0\0").first(), Some(&0x7f), "an error, not silence");
    bare.stop();
    node.stop();
}

fn rest_of(node: &Node, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(node.addr, 8080);
    stream.write_all(bytes).unwrap();
    rest(&mut stream)
}

#[test]
fn clients_that_say_nothing_are_closed() {
    let node = Node::start(UNIVERSAL);
    assert_eq!(rest(&mut connect(node.addr, 8080)), b"");
    let mut half = connect(node.addr, 8080);
    half.write_all(b"\x7f\xf1").unwrap();
    assert_eq!(rest(&mut half), b"");
    node.stop();
}

#[test]
fn rawsocket_limits_hold_in_both_directions() {
    let node = Node::start(
        r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "rawsocket.testee",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "options": {"max_message_size": 1024}}]}]}"#,
    );
    let mut raw = connect(node.addr, 8080);
    exchange(&mut raw, b"\x7f\x01\0\0", b"\x7f\x11\0\0");
    let message = [&[0, 0, 2, 0][..], &[b'm'; 512]].concat();
    exchange(&mut raw, &message, &message);
    raw.write_all(&[0, 0, 4, 1]).unwrap();
    assert_eq!(rest(&mut raw), b"", "1025 bytes exceed our limit");
    let mut raw = connect(node.addr, 8080);
    exchange(&mut raw, b"\x7f\x01\0\0", b"\x7f\x11\0\0");
    raw.write_all(&[&[0, 0, 2, 1][..], &[b'm'; 513]].concat()).unwrap();
    assert_eq!(rest(&mut raw), b"", "an echo of 513 bytes exceeds the client's limit of 512");
    assert_eq!(rest_of(&node, b"\x7f\xf0\0\0"), b"\x7f\x10\0\0", "serializer 0 is illegal");
    node.stop();
}
