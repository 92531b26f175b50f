//! WebSocket through `reverseproxy`, between clients and backends of HTTP/1.1 and of HTTP/2.

use jackfield_tests::{DEADLINE, Node, loopback, python};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::JoinHandle;

/// Proxies `/one` and `/two` to a backend, by HTTP/1.1 and HTTP/2.
fn proxy(backend: Ipv4Addr, options: &str) -> Node {
    let service = |http2: bool| {
        format!(
            r#"{{"type": "reverseproxy", "http2": {http2},
                "backends": [{{"type": "tcp", "host": "{backend}", "port": 9000}}]}}"#
        )
    };
    Node::start(&format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "stop": {{"drain_timeout": 2}},
            "transports": [{{"type": "web", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
                "options": {{{options}}},
                "paths": {{"/": {{"type": "none"}}, "one": {}, "two": {}}}}}]}}]}}"#,
        service(false),
        service(true),
    ))
}

fn testee() -> Node {
    Node::start(
        r#"{"version": 2, "workers": [{"type": "websocket-testee", "transport": {"type": "websocket",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 9000},
            "options": {"compression": {"deflate": {}}}}}]}"#,
    )
}

#[test]
fn every_client_reaches_every_backend() {
    let testee = testee();
    let node = proxy(testee.addr, "");
    let address = node.addr.to_string();
    for path in ["one", "two"] {
        let output = python("ws_echo.py", &[&format!("ws://{address}:8080/{path}/ws"), "200"]);
        assert!(output.starts_with("ok"), "{path}: {output}");
        let output = python("h2_websocket.py", &[&address, "8080", &format!("/{path}")]);
        assert_eq!(output.trim_end(), "ok", "{path}");
        // What is agreed on is agreed on between the two ends.
        let asked = ["Sec-WebSocket-Protocol: chat, talk", "Sec-WebSocket-Extensions: permessage-deflate"];
        let url = format!("http://{address}:8080/{path}");
        let answers = [
            python("ws_handshake.py", &[&[url.as_str(), "Sec-WebSocket-Version: 13"], &asked[..]].concat()),
            python(
                "h2_connect.py",
                &[
                    &[&address, "8080", &format!("/{path}")],
                    &asked.map(str::to_lowercase).each_ref().map(String::as_str)[..],
                ]
                .concat(),
            ),
        ];
        for answer in answers {
            assert!(!answer.contains("sec-websocket-protocol"), "the testee speaks none: {path}: {answer}");
            assert!(answer.contains("sec-websocket-extensions: permessage-deflate"), "{path}: {answer}");
        }
    }
    let full = python("ws_cases.py", &[&format!("ws://{address}:8080/two"), "proxied"]);
    assert!(full.trim_end().ends_with("cases, 0 failed"), "{full}");
    node.stop();
    testee.stop();
}

#[test]
fn streams_of_http_2_last_and_end_with_the_node() {
    let testee = testee();
    let mut node = proxy(testee.addr, r#""client_timeout": 1"#);
    let pid = node.pid().to_string();
    let output = python("h2_lasting.py", &[&node.addr.to_string(), "8080", &pid, "/one", "/two"]);
    assert_eq!(output.trim_end(), "ok");
    assert!(node.wait().success());
    testee.stop();
}

/// A backend that answers one handshake with `answer`, in which KEY is the proof that it was read; gives back what it
/// was asked.
fn answering(addr: Ipv4Addr, answer: &'static str) -> JoinHandle<Vec<String>> {
    let listener = TcpListener::bind((addr, 9000)).unwrap();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut stream = BufReader::new(stream);
        let mut asked = Vec::new();
        loop {
            let mut line = String::new();
            assert!(stream.read_line(&mut line).unwrap() > 0);
            match line.trim_end() {
                "" => break,
                line => asked.push(line.to_owned()),
            }
        }
        stream.get_mut().write_all(answer.as_bytes()).unwrap();
        asked
    })
}

#[test]
fn what_is_no_consent_is_not_passed_on_as_one() {
    let addr = loopback();
    let ask = |node: &Node, fields: &[&str]| {
        python("h2_connect.py", &[&[node.addr.to_string().as_str(), "8080", "/one/a?b"], fields].concat())
    };
    let node = proxy(addr, "");
    let refused = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno";
    let backend = answering(addr, refused);
    let answer = ask(&node, &["sec-websocket-protocol: chat", "cookie: a=b"]);
    assert!(answer.starts_with(":status: 401") && answer.contains("www-authenticate: Basic"), "{answer}");
    let asked = backend.join().unwrap();
    assert_eq!(asked[0], "GET /a?b HTTP/1.1");
    for expected in [
        format!("host: {addr}:9000"),
        "upgrade: websocket".into(),
        "connection: Upgrade".into(),
        "sec-websocket-version: 13".into(),
        "sec-websocket-protocol: chat".into(),
        "cookie: a=b".into(),
        "via: 2.0 jackfield".into(),
    ] {
        assert!(asked.contains(&expected), "{expected} in {asked:#?}");
    }
    assert!(asked.iter().any(|line| line.starts_with("sec-websocket-key: ")), "{asked:#?}");
    // What fails is logged once a second.
    let fails = |node: Node, answer, reason| {
        let backend = answering(addr, answer);
        assert!(ask(&node, &[]).starts_with(":status: 502"), "{reason}");
        node.log.wait(0, &format!("{addr}:9000: {reason}"));
        backend.join().unwrap();
        node.stop();
    };
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    fails(node, answer, "it answered 200 OK to a WebSocket handshake");
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    fails(proxy(addr, ""), answer, "its Sec-WebSocket-Accept does not fit the key");
}
