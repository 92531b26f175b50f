//! WebSocket as the well-known conformance suite tries it, on every kind of endpoint, and its options one by one.

use jackfield_tests::{Authority, Node, TempDir, Wish, curl, python};

const DEFLATE: &str = r#""options": {"compression": {"deflate": {}}}"#;

fn node(transport: &str) -> Node {
    node_in(TempDir::new(), transport)
}

fn node_in(dir: TempDir, transport: &str) -> Node {
    let config =
        format!(r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{transport}]}}]}}"#);
    Node::start_in(dir, &config)
}

/// `JACKFIELD_FULL=1` takes the long cases at their full length.
fn all_cases(node: Node, url: &str) {
    cases(node, url, &[]);
}

fn cases(node: Node, url: &str, more: &[&str]) {
    let url = url.replace("ADDR", &node.addr.to_string());
    let full = std::env::var("JACKFIELD_FULL").is_ok_and(|value| value == "1");
    let full: &[&str] = if full { &["full"] } else { &[] };
    let output = python("ws_cases.py", &[&[url.as_str()], full, more].concat());
    assert!(output.trim_end().ends_with("cases, 0 failed"), "{output}");
    node.stop();
}

#[test]
fn every_case_on_tcp() {
    let transport = format!(
        r#"{{"type": "websocket.testee", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}}, {DEFLATE}}}"#
    );
    all_cases(node(&transport), "ws://ADDR:8080/");
}

#[test]
fn every_case_on_tls() {
    let dir = TempDir::new();
    Authority::new("tests").write(&dir, "server", Wish { names: &["localhost"], ..Wish::default() });
    let transport = format!(
        r#"{{"type": "websocket.testee", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080,
            "tls": {{"key": "server.key", "certificate": "server.crt"}}}}, {DEFLATE}}}"#
    );
    all_cases(node_in(dir, &transport), "wss://ADDR:8080/");
}

#[test]
fn every_case_in_universal() {
    let transport = format!(
        r#"{{"type": "universal", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "rawsocket": {{"type": "rawsocket.testee"}},
            "websocket": {{"ws": {{"type": "websocket.testee", {DEFLATE}}}}},
            "web": {{"paths": {{"/": {{"type": "nodeinfo"}}}}}}}}"#
    );
    all_cases(node(&transport), "ws://ADDR:8080/ws");
}

#[test]
fn every_case_under_web() {
    let transport = format!(
        r#"{{"type": "web", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "paths": {{"/": {{"type": "none"}}, "a": {{"type": "path",
                "paths": {{"ws": {{"type": "websocket.testee", {DEFLATE}}}}}}}}}}}"#
    );
    all_cases(node(&transport), "ws://ADDR:8080/a/ws");
}

#[test]
fn versions_origins_and_names_are_as_configured() {
    let paths = [
        ("default", ""),
        ("nameless", r#""show_server_version": false"#),
        ("rfc", r#""enable_hybi10": false"#),
        ("draft", r#""enable_rfc6455": false"#),
        ("own", r#""allowed_origins": [], "external_port": 8443"#),
    ];
    let paths = paths.map(|(path, options)| {
        format!(r#""{path}": {{"type": "websocket.testee", "options": {{{options}}}}}"#)
    });
    let node = node(&format!(
        r#"{{"type": "universal", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "websocket": {{{}}}}}"#,
        paths.join(",")
    ));
    let ask = |path: &str, headers: &[&str]| {
        let url = format!("http://{}:8080/{path}", node.addr);
        python("ws_handshake.py", &[&[url.as_str()], headers].concat())
    };
    let v13 = "Sec-WebSocket-Version: 13";
    let v8 = "Sec-WebSocket-Version: 8";
    assert!(ask("default", &[v13]).contains("server: jackfield/"));
    assert!(!ask("nameless", &[v13]).contains("server:"));
    assert!(ask("default", &[v8]).starts_with("HTTP/1.1 101"));
    let refused = ask("rfc", &[v8]);
    assert!(refused.starts_with("HTTP/1.1 426"), "{refused}");
    assert!(refused.contains("sec-websocket-version: 13\r\n"), "{refused}");
    let refused = ask("draft", &[v13]);
    assert!(refused.starts_with("HTTP/1.1 426"), "{refused}");
    assert!(refused.contains("sec-websocket-version: 8\r\n"), "{refused}");
    let origin = |origin: &str| ask("own", &[v13, "Host: example.test:8080", &format!("Origin: {origin}")]);
    assert!(origin("https://example.test:8443").starts_with("HTTP/1.1 101"));
    assert!(origin("https://example.test:8080").starts_with("HTTP/1.1 403"));
    assert!(origin("null").starts_with("HTTP/1.1 101"));
    node.stop();
}

#[test]
fn the_status_page_names_the_external_port() {
    let node = node(
        r#"{"type": "websocket.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "options": {"external_port": 9443}}"#,
    );
    let page = curl(&["-H", "Accept: text/html", &format!("http://{}:8080/", node.addr)]);
    assert!(page.contains(&format!("ws://{}:9443/", node.addr)), "{page}");
    node.stop();
}

#[test]
fn frames_are_sent_and_ended_as_configured() {
    let node = node(
        r#"{"type": "websocket.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "options": {"auto_fragment_size": 10, "mask_server_frames": true, "echo_close_codereason": true,
                        "max_frame_size": 100, "max_message_size": 150}},
           {"type": "websocket.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081},
            "options": {"fail_by_drop": true, "require_masked_client_frames": false, "apply_mask": false,
                        "compression": {"deflate": {"request_no_context_takeover": true, "no_context_takeover": true,
                            "request_max_window_bits": 10, "max_window_bits": 9, "memory_level": 1}},
                        "max_message_size": 20000}}"#,
    );
    let output = python("ws_options.py", &[&node.addr.to_string()]);
    assert!(output.trim_end().ends_with("ok"), "{output}");
    node.stop();
}

#[test]
fn a_stream_of_http_2_speaks_websocket() {
    let node = node(
        r#"{"type": "websocket.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}},
           {"type": "universal", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081},
            "websocket": {"chat": {"type": "websocket.testee"}},
            "web": {"paths": {"/": {"type": "nodeinfo"}, "json": {"type": "json", "value": 1}}}}"#,
    );
    let output = python("h2_websocket.py", &[&node.addr.to_string(), "8080", "/"]);
    assert_eq!(output.trim_end(), "ok");
    let output = python("h2_websocket.py", &[&node.addr.to_string(), "8081", "/chat"]);
    assert_eq!(output.trim_end(), "ok");
    node.stop();
}

const BEHIND: &str = r#"{"type": "websocket.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 9000},
    "options": {"compression": {"deflate": {"no_context_takeover": true}}}}"#;

#[test]
fn every_case_through_a_reverse_proxy() {
    let testee = node(BEHIND);
    let behind = testee.addr;
    let transport = format!(
        r#"{{"type": "web", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "paths": {{"/": {{"type": "none"}}, "ws": {{"type": "websocket-reverseproxy", {DEFLATE},
                "backend": {{"type": "websocket", "url": "ws://backend.test:9000/behind",
                    "options": {{"compression": {{"deflate": {{}}}}}},
                    "endpoint": {{"type": "tcp", "host": "{behind}", "port": 9000}}}}}}}}}}"#
    );
    cases(node(&transport), "ws://ADDR:8080/ws", &["proxied"]);
    testee.stop();
}

#[test]
fn a_reverse_proxy_passes_on_ends_and_names_what_fails() {
    let mut testee = node(BEHIND);
    let behind = testee.addr;
    let path = |host: &str, port: u16| {
        format!(
            r#"{{"type": "websocket-reverseproxy", "backend": {{"type": "websocket", "url": "ws://backend.test/",
                "endpoint": {{"type": "tcp", "host": "{host}", "port": {port}}}}}}}"#
        )
    };
    let here = behind.to_string();
    let node = node(&format!(
        r#"{{"type": "web", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "paths": {{"/": {{"type": "none"}}, "ws": {}, "dead": {}, "masked": {}}}}}"#,
        path(&here, 9000),
        path(&here, 9),
        path(&here, 9001),
    ));
    let v13 = "Sec-WebSocket-Version: 13";
    let ask = |path: &str, headers: &[&str]| {
        let url = format!("http://{}:8080/{path}", node.addr);
        python("ws_handshake.py", &[&[url.as_str()], headers].concat())
    };
    // The subprotocol is the backend's choice; the testee speaks none.
    let answer = ask("ws", &[v13, "Sec-WebSocket-Protocol: wamp.2.json, chat"]);
    assert!(answer.starts_with("HTTP/1.1 101") && !answer.contains("sec-websocket-protocol"), "{answer}");
    assert!(ask("dead", &[v13]).starts_with("HTTP/1.1 502"));
    node.log.wait(0, &format!("no WebSocket connection to the backend: {behind}:9: "));
    let masked = format!("ws://{}:8080/masked", node.addr);
    assert_eq!(python("ws_behind.py", &[&masked, &here, "9001"]).trim_end(), "ok");
    let output = python("ws_proxy.py", &[&format!("ws://{}:8080/ws", node.addr), &testee.pid().to_string()]);
    assert_eq!(output.trim_end(), "ok");
    testee.wait();
    node.stop();
}

#[test]
fn little_that_becomes_much_is_not_kept() {
    let node = Node::start(
        r#"{"version": 2, "workers": [{"type": "websocket-testee", "transport": {"type": "websocket",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "options": {"compression": {"deflate": {}}}}}]}"#,
    );
    // 12 clients with 58 KiB each, which become 720 MiB.
    let output = python("ws_inflate.py", &[&node.addr.to_string(), "8080", "12", "60", "1048576"]);
    let status = node.status().unwrap();
    let pid = status["workers"][0]["processes"][0]["pid"].as_u64().unwrap();
    let proc_status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let most = proc_status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim();
    let most: u64 = most.split(' ').next().unwrap().parse().unwrap();
    println!("{output}: {} MiB at most", most >> 10);
    assert!(most >> 10 < 200, "{} MiB were in memory", most >> 10);
    node.stop();
}
