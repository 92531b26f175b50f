//! Requests that are malformed, ambiguous, endless or too many.

use jackfield_tests::{DEADLINE, Node, TempDir, curl, loopback, python, until};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

const CONFIG: &str = r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "web",
    "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
    "options": {"max_body_size": 100000, "send_timeout": 1, "access_log": true},
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

/// Sends bytes, and reads all that is answered until the connection is closed.
fn talk(node: &Node, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect((node.addr, 8080)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_is_no_request_is_answered_logged_and_counted() {
    let node = node();
    let no_request = "GET / HTTP/1.1\r\nHost : x\r\n\r\n";
    let refused = "400 Bad Request: What was sent is no request of HTTP.\n";
    let answer = talk(&node, no_request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"), "{answer}");
    assert!(answer.contains("content-type: text/plain"), "{answer}");
    assert!(answer.contains(&format!("content-length: {}\r\n", refused.len())), "{answer}");
    assert!(answer.ends_with(refused), "{answer}");
    let (_, after) = node.log.wait(0, "\"-\" 400 54 \"-\" \"-\"");
    // The requests before it have their answers.
    let answer = talk(&node, format!("GET / HTTP/1.1\r\nHost: x\r\n\r\n{no_request}").as_bytes());
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains("\"hello\"HTTP/1.1 400 "),
        "{answer}"
    );
    assert!(answer.ends_with(refused), "{answer}");
    // A browser with too many cookies is shown a page.
    let cookies = "x".repeat(60_000);
    let accept = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";
    let head = format!("GET / HTTP/1.1\r\nHost: x\r\n{accept}\r\nCookie: {cookies}\r\n\r\n");
    let answer = talk(&node, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.contains("text/html"), "{answer}");
    assert!(answer.ends_with("</html>\n") && answer.contains("cookies"), "{answer}");
    let answer = talk(&node, head.replace("text/html", "text/plain").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431 ") && answer.ends_with("of this site perhaps.\n"), "{answer}");
    node.log.wait(after, "\"-\" 431 ");
    node.until("the count", |status| status["endpoints"][0]["connections"]["failed"] == 4);
    // What a service sends is its own, though it looks the same.
    let same = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
                date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
    node.dir.write("web/same", same);
    let answer = talk(&node, b"GET /files/same HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with(same), "{answer}");
    node.stop();
}

#[test]
fn who_sends_too_much_gets_the_answer_nevertheless() {
    let node = node();
    // More than the buffers between the two hold, and all of it before the answer is looked at.
    let content = "x".repeat(20 << 20);
    for (path, status) in [("/", "405"), ("/proxied", "413")] {
        let length = content.len();
        let request = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{content}");
        let answer = talk(&node, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 413 "), "{path}: {answer}");
        let chunk = format!("{length:x}\r\n{content}\r\n0\r\n\r\n");
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        let answer = talk(&node, (head + &chunk).as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
    node.stop();
}
