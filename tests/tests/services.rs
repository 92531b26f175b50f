//! Every service of `web` under the load of wrk (HTTP/1.1) and h2load (HTTP/2 over TLS), and of WebSocket clients, without
//! one error. A second each; `tests/storm services` takes a minute, and prints the figures.

use jackfield_tests::{Authority, Kind, Load, Nginx, Node, Target, TempDir, Wish, loopback};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

const BOUNDARY: &str = "multipart/form-data; boundary=x";

/// A file in one chunk.
fn form() -> String {
    let fields = [
        ("name", "small"),
        ("total", "5"),
        ("number", "1"),
        ("size", "5"),
        ("count", "1"),
        ("content\"; filename=\"small", "hello"),
    ];
    let part = |(name, value): (&str, &str)| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.map(part).concat() + "--x--\r\n"
}

/// A test for each service: where it is asked, what it is, and, where it is not read by GET, what it is sent. `BACKEND` is the
/// address of nginx, `OWN` that of the node.
macro_rules! services {
    ($($name:ident: $path:literal, $config:literal $(, $content:expr)?;)+) => {
        $(#[test]
        fn $name() {
            let content: &[String] = &[$($content)?];
            takes_any_load($path, $config, content.first());
        })+
    };
}

services! {
    static_small: "service/small", r#"{"type": "static", "directory": "../web"}"#;
    static_large: "service/large", r#"{"type": "static", "directory": "../web"}"#;
    static_listing: "service/", r#"{"type": "static", "directory": "../web", "options": {"enable_directory_listing": true}}"#;
    json: "service", r#"{"type": "json", "value": {"a": [1, 2, 3]}}"#;
    redirect: "service", r#"{"type": "redirect", "url": "/elsewhere"}"#;
    nodeinfo: "service", r#"{"type": "nodeinfo"}"#;
    nested_path: "service/a/b", r#"{"type": "path", "paths": {"a": {"type": "path", "paths": {"b": {"type": "json", "value": 1}}}}}"#;
    reverseproxy: "service/", r#"{"type": "reverseproxy", "host": "BACKEND", "port": 8000}"#;
    reverseproxy_http_2: "service/", r#"{"type": "reverseproxy", "http2": true, "backends": [{"type": "tcp", "host": "BACKEND", "port": 8001}]}"#;
    cgi: "service/hello.sh", r#"{"type": "cgi", "directory": "../cgi", "processor": "/bin/sh"}"#;
    upload: "service", r#"{"type": "upload", "realm": "realm1", "role": "anonymous", "directory": "../done", "temp_directory": "../temp",
        "form_fields": {"file_name": "name", "total_size": "total", "chunk_number": "number", "chunk_size": "size",
            "total_chunks": "count", "content": "content"}}"#, form();
}

/// For how long.
fn seconds() -> u64 {
    if std::env::var("JACKFIELD_FULL").is_ok_and(|value| value == "1") { 60 } else { 1 }
}

fn start(config: &str, nginx: &Nginx, backend: &str) -> (Node, TempDir) {
    let (dir, work) = (TempDir::new(), TempDir::new());
    Authority::new("load").write(&dir, "site", Wish { names: &["localhost"], ..Wish::default() });
    dir.write("web/small", "small");
    dir.write("web/large", vec![b'x'; 200_000]);
    dir.write("cgi/hello.sh", "printf 'Content-Type: text/plain\\n\\nhello'");
    for name in ["done", "temp"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
    }
    std::fs::write(nginx.root().join("index.html"), "x".repeat(2000)).unwrap();
    let paths = format!(
        r#"{{"/": {{"type": "none"}}, "service": {config}, "echo": {{"type": "websocket.testee"}}}}"#
    );
    let transport = |port: u16, tls: &str| {
        format!(
            r#"{{"type": "web", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": {port}, "backlog": 1024{tls}}},
                "paths": {paths}}}"#
        )
    };
    let tls = r#", "tls": {"certificate": "site.crt", "key": "site.key"}"#;
    let (plain, secure) = (transport(8080, ""), transport(8443, tls));
    let workers = format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "processes": 2, "transports": [{plain}, {secure}]}}]}}"#
    );
    let node = Node::start_in(dir, &workers.replace("BACKEND", backend).replace("OWN", "ADDR"));
    (node, work)
}

fn nginx() -> (Nginx, String) {
    let addr = loopback();
    let nginx =
        Nginx::start_with(addr, 8000, &format!("server {{ listen {addr}:8001 http2; root DIR/www; }}"));
    (nginx, addr.to_string())
}

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|e| panic!("{program}: {e}; tests/run installs it"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{program}: {text}{}", String::from_utf8_lossy(&output.stderr));
    println!("{program} {}\n{text}", args.join(" "));
    text
}

fn takes_any_load(path: &str, config: &str, content: Option<&String>) {
    let (nginx, backend) = nginx();
    let (node, work) = start(config, &nginx, &backend);
    let time = seconds().to_string();
    let plain = format!("http://{}:8080/{path}", node.addr);
    let mut script = String::from("wrk.headers['Accept-Encoding'] = 'identity'\n");
    if let Some(content) = content {
        script += &format!(
            "wrk.method = 'POST'\nwrk.headers['Content-Type'] = '{BOUNDARY}'\nwrk.body = {content:?}\n"
        );
    }
    let script = work.write("wrk.lua", script);
    let (script, duration) = (script.to_str().unwrap(), format!("-d{time}s"));
    let said = output("wrk", &["-t1", "-c16", &duration, "--timeout", "20s", "-s", script, &plain]);
    assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
    let count = said.lines().find_map(|line| line.trim().split_once(" requests in "));
    assert!(count.unwrap().0.parse::<u64>().unwrap() > 0, "{said}");

    let secure = format!("https://{}:8443/{path}", node.addr);
    let (data, kind) = (work.path().join("data"), format!("content-type: {BOUNDARY}"));
    let mut args = vec!["-c4", "-m8", "-t1", "-D", &time];
    if let Some(content) = content {
        std::fs::write(&data, content).unwrap();
        args.extend(["-d", data.to_str().unwrap(), "-H", &kind]);
    }
    let said = output("h2load", &[&args[..], &[&secure]].concat());
    assert!(said.contains("Application protocol: h2"), "{said}");
    assert!(said.contains(" 0 failed, 0 errored, 0 timeout"), "{said}");
    assert!(said.contains(" 0 4xx, 0 5xx"), "{said}");
    assert!(!said.contains("requests: 0 total"), "{said}");
    let status = node.ready();
    assert!(status["endpoints"].as_array().unwrap().iter().all(|e| e["connections"]["failed"] == 0));
    assert!(status["workers"][0]["processes"].as_array().unwrap().iter().all(|p| p["restarts"] == 0));
    node.stop();
}

/// WebSocket clients at once, of whom none may notice another.
fn takes_any_websocket(path: &str, config: &str) {
    let (nginx, backend) = nginx();
    let (node, _work) = start(config, &nginx, &backend);
    let target = Target {
        plain: Some(SocketAddr::from((node.addr, 8080))),
        small: "/service".into(),
        large: "/service".into(),
        echo: path.into(),
        ..Target::default()
    };
    let load = Load::start(&target, &[(Kind::WebSocket, 32)]);
    std::thread::sleep(Duration::from_secs(seconds()));
    let report = load.finish();
    println!("{report}");
    assert!(report.answered() > 0);
    report.assert_clean();
    node.stop();
}

#[test]
fn websocket_testee() {
    takes_any_websocket("/echo", r#"{"type": "none"}"#);
}

#[test]
fn websocket_reverseproxy() {
    takes_any_websocket(
        "/service",
        r#"{"type": "websocket-reverseproxy", "backend": {"type": "websocket", "url": "ws://OWN:8080/echo",
            "endpoint": {"type": "tcp", "host": "OWN", "port": 8080}}}"#,
    );
}

#[test]
fn websocket_through_reverseproxy() {
    takes_any_websocket("/service/echo", r#"{"type": "reverseproxy", "host": "OWN", "port": 8080}"#);
}
