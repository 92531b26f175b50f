//! Requests that are malformed, ambiguous, endless or too many.

use jackfield_tests::{DEADLINE, Node, TempDir, curl, loopback, python, until};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

const CONFIG: &str = r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "web",
    "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
    "options": {"max_body_size": 100000, "send_timeout": 1},
    "paths": {
        "/": {"type": "json", "value": "hello"},
        "files": {"type": "static", "directory": "../web"},
        "proxied": {"type": "reverseproxy", "host": "BACKEND", "port": 8000}}}]}]}"#;

/// Answers every request of a connection with its request line.
fn backend(stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut first, mut length) = (String::new(), Some(0));
        if reader.read_line(&mut first).unwrap_or(0) == 0 {
            return;
        }
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok();
            } else if line.starts_with("transfer-encoding:") {
                length = None;
            }
        }
        match length {
            Some(length) => {
                let mut content = vec![0; length];
                if reader.read_exact(&mut content).is_err() {
                    return;
                }
            }
            None => loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
                let mut chunk = vec![0; size + 2];
                if reader.read_exact(&mut chunk).is_err() {
                    return;
                }
                if size == 0 {
                    break;
                }
            },
        }
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{first}", first.len());
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn node() -> Node {
    let addr = loopback();
    let listener = TcpListener::bind((addr, 8000)).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            std::thread::spawn(move || backend(stream));
        }
    });
    let dir = TempDir::new();
    dir.write("web/big", vec![b'x'; 50 << 20]);
    Node::start_in(dir, &CONFIG.replace("BACKEND", &addr.to_string()))
}

#[test]
fn what_no_good_client_sends_is_refused() {
    let node = node();
    let pid = node.ready()["workers"][0]["processes"][0]["pid"].clone();
    let output = python("http_abuse.py", &[&node.addr.to_string(), "8080"]);
    assert_eq!(output.trim_end(), "ok");
    let status = node.status().unwrap();
    assert_eq!(status["workers"][0]["processes"][0]["pid"], pid, "the process has survived");
    node.stop();
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    let node = node();
    let mut stream = TcpStream::connect((node.addr, 8080)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(b"GET /files/big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let open =
        |count: u64| move |status: &serde_json::Value| status["endpoints"][0]["connections"]["open"] == count;
    node.until("the connection", open(1));
    node.until("its end, by send_timeout", open(0));
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.len() < 50 << 20);
    // One that reads gets all of it, however long it takes.
    let size = curl(&[
        "--limit-rate",
        "30M",
        "-o",
        "/dev/null",
        "-w",
        "%{size_download}",
        &format!("http://{}:8080/files/big", node.addr),
    ]);
    assert_eq!(size, (50 << 20).to_string());
    until("nothing left open", || node.status().filter(open(0)));
    node.stop();
}
