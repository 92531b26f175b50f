//! `reverseproxy` in front of nginx, of our own WebSocket, and of backends that misbehave.

use jackfield_tests::{
    Authority, Nginx, Node, Talk, TempDir, Wish, accept, curl, dial, exactly, head, loopback, say, until,
};
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};

/// A node that proxies `/` (and `/app`) to these backends.
fn proxy(backends: &str, extra: &str) -> Node {
    proxy_in(TempDir::new(), backends, extra)
}

fn proxy_in(dir: TempDir, backends: &str, extra: &str) -> Node {
    let service = format!(r#"{{"type": "reverseproxy", "backends": [{backends}]{extra}}}"#);
    let config = format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{{"type": "web",
            "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "paths": {{"/": {service}, "app": {service}}}}}]}}]}}"#
    );
    Node::start_in(dir, &config)
}

fn tcp(addr: Ipv4Addr, port: u16) -> String {
    format!(r#"{{"type": "tcp", "host": "{addr}", "port": {port}, "timeout": 5}}"#)
}

fn connect(node: &Node) -> Talk {
    dial((node.addr, 8080))
}

#[test]
fn nginx_is_reached_by_every_kind_of_endpoint_and_both_versions() {
    let (dir, authority, addr) = (TempDir::new(), Authority::new("tests"), loopback());
    authority.write(&dir, "nginx", Wish { names: &["backend.test"], ..Wish::default() });
    dir.write(".jackfield/ca.crt", authority.pem());
    let node_dir = dir.path().join(".jackfield");
    // Connections end (GOAWAY) while there is more to ask for.
    let servers = format!(
        "keepalive_requests 3;
         server {{ listen {addr}:8001 http2; root DIR/www; }}
         server {{ listen {addr}:8002 ssl http2; root DIR/www;
           ssl_certificate {0}/nginx.crt; ssl_certificate_key {0}/nginx.key; }}",
        node_dir.display()
    );
    let nginx = Nginx::start_with(addr, 8000, &servers);
    let big: Vec<u8> = (0..20_000_000_u32).map(|n| (n ^ (n >> 7) ^ (n >> 13)) as u8).collect();
    std::fs::write(nginx.root().join("big"), &big).unwrap();
    std::fs::create_dir(nginx.root().join("sub")).unwrap();
    std::fs::write(nginx.root().join("sub/page"), "a page").unwrap();
    let tls = |alpn: &str| {
        format!(
            r#"{{"type": "tcp", "host": "{addr}", "port": 8002,
                "tls": {{"hostname": "backend.test", "ca_certificates": ["ca.crt"], "alpn": ["{alpn}"]}}}}"#
        )
    };
    let unix = format!(r#"{{"type": "unix", "path": {:?}}}"#, nginx.socket().to_str().unwrap());
    let services = [
        ("tcp", tcp(addr, 8000), ""),
        ("unix", unix, ""),
        ("h2c", tcp(addr, 8001), r#", "http2": true"#),
        ("tls", tls("http/1.1"), ""),
        ("h2", tls("h2"), ""),
    ];
    let paths = services.map(|(path, backend, extra)| {
        format!(r#""{path}": {{"type": "reverseproxy", "backends": [{backend}]{extra}}}"#)
    });
    let node = Node::start_in(
        dir,
        &format!(
            r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{{"type": "web",
                "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
                "paths": {{"/": {{"type": "none"}}, {}}}}}]}}]}}"#,
            paths.join(",")
        ),
    );
    for path in ["tcp", "unix", "h2c", "tls", "h2"] {
        let url = format!("http://{}:8080/{path}/", node.addr);
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            assert_eq!(curl(&[version, &url]), "from nginx\n", "{path}");
            assert_eq!(curl(&[version, &format!("{url}sub/page?q=1")]), "a page", "{path}");
            let file = node.dir.path().join("big");
            curl(&[version, "-o", file.to_str().unwrap(), &format!("{url}big")]);
            assert!(std::fs::read(&file).unwrap() == big, "20 MB arrive as they were: {path}");
            let head = curl(&[version, "-I", &format!("{url}big")]);
            assert!(head.to_lowercase().contains("content-length: 20000000"), "{head}");
            let range = curl(&[version, "-r", "2-5", "-w", "%{http_code}", &format!("{url}sub/page")]);
            assert_eq!(range, "page206");
        }
    }
    node.stop();
}

#[test]
fn the_backend_is_told_whom_a_request_comes_from_and_nothing_meant_for_us() {
    let addr = loopback();
    let listener = TcpListener::bind((addr, 8000)).unwrap();
    let node =
        proxy(&tcp(addr, 8000), r#", "path": "/base", "forwarded_port": 8443, "forwarded_proto": "https""#);
    let mut client = connect(&node);
    say(
        &mut client,
        "GET /app/a%20b/?x=1&y HTTP/1.1\r\nHost: www.example.test:81\r\nConnection: keep-alive, X-Secret\r\n\
         X-Secret: 1\r\nKeep-Alive: 300\r\nTE: trailers, deflate\r\nX-Forwarded-For: 203.0.113.7\r\n\
         X-Forwarded-Proto: gopher\r\nX-Real-IP: 1.2.3.4\r\nForwarded: for=203.0.113.7\r\nCookie: a=b\r\n\r\n",
    );
    let mut backend = accept(&listener);
    let lines = head(&mut backend);
    assert_eq!(lines[0], "GET /base/a%20b/?x=1&y HTTP/1.1");
    let from = client.get_ref().local_addr().unwrap().ip();
    for expected in [
        format!("host: {addr}:8000"),
        "te: trailers".into(),
        "cookie: a=b".into(),
        format!("x-forwarded-for: 203.0.113.7, {from}"),
        format!("x-real-ip: {from}"),
        "x-forwarded-proto: https".into(),
        "x-forwarded-port: 8443".into(),
        "x-forwarded-host: www.example.test:81".into(),
        format!("forwarded: for=203.0.113.7, for={from};proto=https;host=\"www.example.test:81\""),
        "via: 1.1 jackfield".into(),
    ] {
        assert!(lines.contains(&expected), "{expected} in {lines:#?}");
    }
    let unwanted = ["x-secret", "keep-alive", "connection", "transfer-encoding", "content-length"];
    assert!(
        !lines.iter().any(|line| unwanted.iter().any(|name| line.starts_with(&format!("{name}:")))),
        "{lines:#?}"
    );
    say(
        &mut backend,
        "HTTP/1.1 201 Made\r\nContent-Length: 2\r\nConnection: x-hop\r\nX-Hop: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\nok",
    );
    let answer = head(&mut client);
    assert_eq!(answer[0], "HTTP/1.1 201 Made");
    assert!(
        answer.contains(&"set-cookie: a".into()) && answer.contains(&"set-cookie: b".into()),
        "{answer:?}"
    );
    assert!(!answer.iter().any(|line| line.starts_with("x-hop")), "{answer:?}");
    assert_eq!(exactly(&mut client, 2), "ok");
    drop(client);
    node.stop();
}

#[test]
fn content_flows_both_ways_while_it_is_made() {
    let addr = loopback();
    let listener = TcpListener::bind((addr, 8000)).unwrap();
    let node = proxy(&tcp(addr, 8000), "");
    let mut client = connect(&node);
    say(&mut client, "POST /up HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    let mut backend = accept(&listener);
    assert!(head(&mut backend).contains(&"transfer-encoding: chunked".into()));
    assert_eq!(exactly(&mut backend, 8), "3\r\none\r\n");
    // The answer begins before the request has ended.
    say(&mut backend, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n");
    assert_eq!(head(&mut client)[0], "HTTP/1.1 200 OK");
    assert_eq!(exactly(&mut client, 10), "5\r\nfirst\r\n");
    say(&mut client, "3\r\ntwo\r\n0\r\n\r\n");
    assert_eq!(exactly(&mut backend, 13), "3\r\ntwo\r\n0\r\n\r\n");
    say(&mut backend, "6\r\nsecond\r\n0\r\n\r\n");
    assert_eq!(exactly(&mut client, 16), "6\r\nsecond\r\n0\r\n\r\n");
    drop(client);
    node.stop();
}

#[test]
fn connections_to_the_backend_are_kept_and_replaced() {
    let addr = loopback();
    let listener = TcpListener::bind((addr, 8000)).unwrap();
    let node = proxy(&tcp(addr, 8000), "");
    let answer = |backend: &mut Talk, text: &str| {
        let lines = head(backend);
        say(backend, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()));
        lines[0].clone()
    };
    let mut client = connect(&node);
    let mut ask = |method: &str| {
        say(&mut client, &format!("{method} / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"))
    };
    ask("GET");
    let mut first = accept(&listener);
    answer(&mut first, "a");
    ask("GET");
    answer(&mut first, "b");
    // The backend has closed the connection when the next request is on its way.
    drop(first);
    ask("GET");
    let mut second = accept(&listener);
    assert_eq!(answer(&mut second, "c"), "GET / HTTP/1.1");
    // It closes after it has seen the request: only one that may be done twice is.
    ask("GET");
    head(&mut second);
    drop(second);
    let mut third = accept(&listener);
    assert_eq!(answer(&mut third, "d"), "GET / HTTP/1.1");
    ask("POST");
    head(&mut third);
    drop(third);
    let mut bodies = String::new();
    for _ in 0..4 {
        assert_eq!(head(&mut client)[0], "HTTP/1.1 200 OK");
        bodies += &exactly(&mut client, 1);
    }
    assert_eq!(bodies, "abcd");
    assert_eq!(head(&mut client)[0], "HTTP/1.1 502 Bad Gateway");
    drop(client);
    node.stop();
}

#[test]
fn what_a_backend_breaks_off_is_not_passed_on_as_whole() {
    let addr = loopback();
    let listener = TcpListener::bind((addr, 8000)).unwrap();
    let node = proxy(&tcp(addr, 8000), "");
    for start in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let mut client = connect(&node);
        say(&mut client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut backend = accept(&listener);
        head(&mut backend);
        say(&mut backend, start);
        drop(backend);
        head(&mut client);
        let mut rest = String::new();
        // A reset is as good an end.
        let _ = client.read_to_string(&mut rest);
        assert!(rest.contains("half") && !rest.contains("0\r\n\r\n"), "{rest:?}");
    }
    // A client that goes is told to the backend.
    let mut client = connect(&node);
    say(&mut client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut backend = accept(&listener);
    head(&mut backend);
    say(&mut backend, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
    head(&mut client);
    drop(client);
    let mut rest = Vec::new();
    let _ = backend.read_to_end(&mut rest);
    assert!(rest.is_empty());
    node.stop();
}

#[test]
fn failures_have_a_status_each_and_name_the_backend_in_the_log() {
    let addr = loopback();
    let status = |node: &Node| {
        let url = format!("http://{}:8080/", node.addr);
        curl(&["-o", "/dev/null", "-w", "%{http_code}", &url])
    };
    // Nobody listens there, for a while.
    let node = proxy(&tcp(addr, 8000), r#", "timeout": 0.2"#);
    assert_eq!(status(&node), "502");
    node.log.wait(0, &format!("{addr}:8000: "));
    let listener = TcpListener::bind((addr, 8000)).unwrap();
    // It is logged once a second.
    until("a backend that is too slow", || {
        assert_eq!(status(&node), "504");
        let log = node.log.all();
        log.iter().any(|line| line.contains("8000: no answer within 0.2 s (`timeout`)")).then_some(())
    });
    node.stop();
    drop(listener);
}

#[test]
fn backends_that_are_down_are_left_out_until_they_are_up() {
    let addr = loopback();
    let status = |node: &Node| {
        let url = format!("http://{}:8080/", node.addr);
        curl(&["-o", "/dev/null", "-w", "%{http_code}", &url])
    };
    let health = r#", "health": {"interval": 0.1, "fall": 1, "rise": 1}"#;
    let node = proxy(&tcp(addr, 8001), health);
    node.log.wait(0, &format!("backend {addr}:8001: down"));
    assert_eq!(status(&node), "503");
    // It comes up, and another one was there all the time.
    let nginx = Nginx::start(addr, 8001);
    node.log.wait(0, &format!("backend {addr}:8001: up"));
    assert_eq!(status(&node), "200");
    node.stop();
    let node = proxy(&format!("{}, {}", tcp(addr, 9), tcp(addr, 8001)), "");
    for _ in 0..4 {
        assert_eq!(status(&node), "200");
    }
    node.stop();
    drop(nginx);
}
