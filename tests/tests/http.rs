//! HTTP as its readers understand it: what the proxy makes of requests and answers that can be read in two ways.

use jackfield_tests::{Node, TempDir, accept, curl, dial, exactly, head, loopback, python, rest, say};
use std::net::{Ipv4Addr, TcpListener};

/// A node that proxies `/` and `/public`, whose path at the backend is `/base`, and serves files and scripts.
fn node(backend: Ipv4Addr) -> Node {
    let dir = TempDir::new();
    dir.write("web/file", "0123456789");
    dir.write(
        "cgi/env.sh",
        "printf 'Content-Type: text/plain\\n\\n%s;%s' \"$HTTP_HOST\" \"$CONTENT_LENGTH\"; cat",
    );
    dir.write("cgi/sink.sh", "cat > /dev/null; printf 'Content-Type: text/plain\\n\\nread'");
    Node::start_in(
        dir,
        &format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{{"type": "web",
                "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
                "options": {{"access_log": true, "body_timeout": 1, "max_body_size": 10000000}},
                "paths": {{"/": {{"type": "reverseproxy", "host": "{backend}", "port": 8000}},
                    "public": {{"type": "reverseproxy", "host": "{backend}", "port": 8000, "path": "/base"}},
                    "files": {{"type": "static", "directory": "../web"}},
                    "cgi": {{"type": "cgi", "directory": "../cgi", "processor": "/bin/sh"}}}}}}]}}]}}"#
        ),
    )
}

/// What a client gets that says `request` where the backend says `answer`; and the head that the backend has got.
fn exchange(node: &Node, backend: &TcpListener, request: &str, answer: &str) -> (String, Vec<String>) {
    let mut client = dial((node.addr, 8080));
    say(&mut client, request);
    let mut behind = accept(backend);
    let asked = head(&mut behind);
    say(&mut behind, answer);
    drop(behind);
    (rest(&mut client), asked)
}

fn get(fields: &str) -> String {
    format!("GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n")
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

#[test]
fn of_upgrades_only_that_to_websocket_is_passed_on() {
    let addr = loopback();
    let backend = TcpListener::bind((addr, 8000)).unwrap();
    let node = node(addr);
    let has = |asked: &[String], name: &str| asked.iter().any(|line| line.starts_with(name));
    let fields =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nX_Secret: 1\r\n";
    let (_, asked) = exchange(&node, &backend, &format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), "");
    assert!(
        !["upgrade", "connection", "http2-settings", "x_secret"].iter().any(|name| has(&asked, name)),
        "{asked:?}"
    );
    let fields = "Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n";
    let (_, asked) = exchange(&node, &backend, &format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), "");
    assert!(!has(&asked, "http2-settings"), "also where Connection does not name it: {asked:?}");
    // Among others it is what is asked for.
    let fields = "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\nSec-WebSocket-Version: 13\r\n\
                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let refused = "HTTP/1.1 403 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let mut client = dial((node.addr, 8080));
    say(&mut client, &request);
    let mut behind = accept(&backend);
    let asked = head(&mut behind);
    assert!(asked.contains(&"upgrade: websocket".into()), "{asked:?}");
    say(&mut behind, refused);
    assert_eq!(head(&mut client)[0], "HTTP/1.1 403 No");
    drop(client);
    // A backend that switches without having been asked is not followed.
    let switches = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n";
    let (answer, _) = exchange(&node, &backend, &get("Upgrade: h2c\r\n"), switches);
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    node.stop();
}

#[test]
fn what_can_be_read_in_two_ways_reaches_no_backend() {
    let addr = loopback();
    let node = node(addr);
    for path in [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/..;/admin",
        "/public/..%2fadmin",
        "/public/%2e/admin",
        "j",
        "j:80",
    ] {
        let mut client = dial((node.addr, 8080));
        say(&mut client, &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
        assert!(rest(&mut client).starts_with("HTTP/1.1 400 "), "{path}");
    }
    let chunked = "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    for (fields, status) in [
        ("Host: a b\"c\r\n\r\n", 400),
        ("Host: u@h\r\n\r\n", 400),
        ("Host: a:99999\r\n\r\n", 400),
        ("Host: a\r\nContent-Length: 9223372036854775808\r\n\r\n", 400),
        (&format!("Host: a\r\n{chunked}"), 501),
    ] {
        let mut client = dial((node.addr, 8080));
        say(&mut client, &format!("POST /public/x HTTP/1.1\r\nConnection: close\r\n{fields}"));
        let answer = rest(&mut client);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{fields}: {answer}");
    }
    assert!(!node.log.all().iter().any(|line| line.contains("no answer from a backend")));
    node.stop();
}

#[test]
fn an_absolute_target_overrides_host() {
    let addr = loopback();
    let node = node(addr);
    let mut client = dial((node.addr, 8080));
    say(&mut client, "GET http://b.test/cgi/env.sh HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    assert!(rest(&mut client).contains("b.test;"));
    node.log.wait(0, "\"GET /cgi/env.sh HTTP/1.1\" 200");
    node.stop();
}

#[test]
fn the_length_of_an_answer_is_the_one_that_counts() {
    let addr = loopback();
    let backend = TcpListener::bind((addr, 8000)).unwrap();
    let node = node(addr);
    let ask = |answer: &str| exchange(&node, &backend, &get("TE: trailers\r\n"), answer).0;
    let chunks = "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let both =
        ask(&format!("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"));
    assert!(
        both.contains("hello") && both.contains(" world") && !both.contains("content-length: 3"),
        "{both}"
    );
    let coded = ask("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    assert!(coded.starts_with("HTTP/1.1 502 "), "{coded}");
    let old = ask("HTTP/1.0 200 OK\r\n\r\nold");
    assert!(old.starts_with("HTTP/1.1 200 ") && old.contains("old"), "{old}");
    let broken = ask("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\nhello\r\n");
    assert!(broken.starts_with("HTTP/1.1 502 "), "{broken}");
    let trailers = ask(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    assert!(trailers.to_lowercase().ends_with("0\r\nx-sum: 7\r\n\r\n"), "{trailers}");
    node.stop();
}

#[test]
fn what_a_backend_says_before_its_answer_is_passed_over_and_the_answer_is_not() {
    let addr = loopback();
    let backend = TcpListener::bind((addr, 8000)).unwrap();
    let node = node(addr);
    let (answer, _) = exchange(
        &node,
        &backend,
        &get(""),
        "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok"), "{answer}");
    assert!(!answer.contains("a.css"), "{answer}");
    node.stop();
}

#[test]
fn a_backend_may_say_much_and_too_much_is_named() {
    let addr = loopback();
    let backend = TcpListener::bind((addr, 8000)).unwrap();
    let node = node(addr);
    let answer = |count: usize| {
        let fields: String = (0..count).map(|n| format!("X-{n}: 1\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n")
    };
    let (said, _) = exchange(&node, &backend, &get(""), &answer(150));
    assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("x-149: 1"), "{said}");
    let (said, _) = exchange(&node, &backend, &get(""), &answer(300));
    assert!(said.starts_with("HTTP/1.1 502 "), "{said}");
    node.log.wait(0, "has more than 256 fields");
    node.stop();
}

#[test]
fn a_clients_broken_content_is_the_clients_fault() {
    let addr = loopback();
    let backend = TcpListener::bind((addr, 8000)).unwrap();
    let node = node(addr);
    let post = |path: &str, content: &str| {
        let mut client = dial((node.addr, 8080));
        let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n");
        say(&mut client, &format!("{head}{content}"));
        client
    };
    // The backend reads what comes and says nothing.
    let quiet = std::thread::spawn(move || {
        for _ in 0..2 {
            rest(&mut accept(&backend));
        }
        backend
    });
    let chunk = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nnonsense\r\n";
    assert_eq!(head(&mut post("/", chunk))[0], "HTTP/1.1 400 Bad Request");
    let stalled = "Content-Length: 10\r\n\r\n123";
    assert_eq!(head(&mut post("/", stalled))[0], "HTTP/1.1 408 Request Timeout");
    assert_eq!(head(&mut post("/cgi/sink.sh", stalled))[0], "HTTP/1.1 408 Request Timeout");
    assert_eq!(head(&mut post("/cgi/sink.sh", chunk))[0], "HTTP/1.1 411 Length Required");
    drop(quiet.join().unwrap());
    let log = node.stop();
    assert!(!log.iter().any(|line| line.contains("no answer from")), "{log:#?}");
}

#[test]
fn head_ignores_range() {
    let addr = loopback();
    let node = node(addr);
    let url = format!("http://{}:8080/files/file", node.addr);
    assert!(curl(&["-r", "0-1", "-i", &url]).starts_with("HTTP/1.1 206 "));
    let head = curl(&["-I", "-H", "Range: bytes=0-1", &url]);
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("content-length: 10"), "{head}");
    node.stop();
}

#[test]
fn what_http_2_says_in_its_own_way_is_said_to_others_in_theirs() {
    let addr = loopback();
    let backend = TcpListener::bind((addr, 8000)).unwrap();
    let node = node(addr);
    let url = format!("http://{}:8080", node.addr);
    let two = |args: &[&str]| curl(&[&["--http2-prior-knowledge"], args].concat());
    assert_eq!(two(&[&format!("{url}/cgi/env.sh")]), format!("{}:8080;", node.addr));
    node.log.wait(0, "\"GET /cgi/env.sh HTTP/2.0\" 200");
    let behind = std::thread::spawn(move || {
        let mut behind = accept(&backend);
        let asked = head(&mut behind);
        say(&mut behind, OK);
        asked
    });
    python("h2_cookies.py", &[&node.addr.to_string(), "8080", "/x"]);
    let asked = behind.join().unwrap();
    assert!(asked.contains(&"cookie: a=1; b=2; c=3".into()), "{asked:?}");
    node.stop();
}

#[test]
fn who_is_refused_before_all_is_sent_sees_the_status_over_http_2() {
    let addr = loopback();
    let backend = TcpListener::bind((addr, 8000)).unwrap();
    std::thread::spawn(move || drop(rest(&mut accept(&backend))));
    let node = node(addr);
    node.dir.write("big", vec![b'x'; 30 << 20]);
    let file = node.dir.path().join("big");
    let ask = |path: &str, more: &[&str]| {
        let url = format!("http://{}:8080{path}", node.addr);
        let args = [
            "--http2-prior-knowledge",
            "-T",
            file.to_str().unwrap(),
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            &url,
        ];
        curl(&[&args[..], more].concat())
    };
    assert_eq!(ask("/files/file", &[]), "413");
    assert_eq!(ask("/x", &["-H", "Content-Length:"]), "413");
    assert_eq!(ask("/files/file", &["-H", "Content-Length:"]), "405");
    node.stop();
}

#[test]
fn a_request_that_goes_round_in_circles_is_ended() {
    let node = Node::start(
        r#"{"version": 2, "workers": [{"type": "router", "processes": 2, "transports": [{"type": "web",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "paths": {"/": {"type": "reverseproxy", "host": "ADDR", "port": 8080},
                "ws": {"type": "websocket-reverseproxy", "backend": {"type": "websocket", "url": "ws://ADDR:8080/ws",
                    "endpoint": {"type": "tcp", "host": "ADDR", "port": 8080}}}}}]}]}"#,
    );
    let url = format!("http://{}:8080", node.addr);
    assert_eq!(curl(&["-o", "/dev/null", "-w", "%{http_code}", &url]), "508");
    node.log.wait(0, "the backends lead back here");
    let answer = python("ws_handshake.py", &[&format!("{url}/ws"), "Sec-WebSocket-Version: 13"]);
    assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
    node.stop();
}

#[test]
fn a_limit_of_fields_holds_for_every_version() {
    let addr = loopback();
    let node = node(addr);
    let url = format!("http://{}:8080/files/file", node.addr);
    let fields: Vec<_> = (0..110).flat_map(|n| ["-H".into(), format!("X-{n}: 1")]).collect();
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let mut args = vec![version, "-o", "/dev/null", "-w", "%{http_code}", &url];
        args.extend(fields.iter().map(String::as_str));
        assert_eq!(curl(&args), "431", "{version}");
    }
    let mut client = dial((node.addr, 8080));
    say(&mut client, "GET /files/file HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(head(&mut client)[0], "HTTP/1.1 200 OK");
    assert_eq!(exactly(&mut client, 10), "0123456789");
    node.stop();
}
