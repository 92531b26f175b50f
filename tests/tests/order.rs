//! The order in which workers start and stop: what connects to another starts after it where it says so, and stops first.

use jackfield_tests::{Node, TempDir, curl, loopback, run};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Output;

/// A program that opens its port late, and takes its time for each answer; it ends at once when it is told to.
const APP: &str = r#"
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            print("asked", flush=True)
            time.sleep(2)
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *args):
        pass
time.sleep(float(sys.argv[2]))
http.server.ThreadingHTTPServer((sys.argv[1], 9000), Handler).serve_forever()
"#;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn config(ready: Value, after: Value, late: &str) -> String {
    json!({"version": 2, "workers": [
        {"type": "router", "id": "front", "after": after, "transports": [{"type": "web",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "paths": {"/": {"type": "reverseproxy", "backends": [{"type": "tcp", "host": "ADDR", "port": 9000}]}}}]},
        {"type": "guest", "id": "app", "executable": "python3", "arguments": ["-c", APP, "ADDR", late], "ready": ready},
    ]})
    .to_string()
}

#[test]
fn a_start_is_over_when_the_program_behind_the_proxy_listens() {
    for ready in [json!({"tcp": "ADDR:9000"}), json!({"http": "http://ADDR:9000/up"}), json!({"seconds": 6})]
    {
        let (dir, addr) = (TempDir::new(), loopback());
        let text_of = config(ready.clone(), json!(["app"]), "0.5").replace("ADDR", &addr.to_string());
        dir.write(".jackfield/config.json", text_of);
        let output = run(dir.path(), &["start", "--detach"]);
        assert!(output.status.success(), "{}", text(&output));
        assert_eq!(curl(&[&format!("http://{addr}:8080/")]), "hello", "{ready}");
        assert!(run(dir.path(), &["stop"]).status.success());
        let log = text(&output);
        let ready = |worker: &str| {
            let is_ready = |line: &str| line.contains(worker) && line.contains("ready after");
            log.lines().position(is_ready).unwrap_or_else(|| panic!("no start of {worker}: {log}"))
        };
        assert!(ready("app[0]") < ready("front[0]"), "{log}");
    }
}

#[test]
fn a_program_that_crashes_at_once_is_no_good_start() {
    let addr = loopback();
    for ready in [json!({"tcp": format!("{addr}:9000")}), json!("started")] {
        let dir = TempDir::new();
        let guest = json!({"version": 2, "workers": [{"type": "guest", "id": "app", "executable": "sh",
            "arguments": ["-c", "sleep 0.05; exit 3"], "ready": ready,
            "restart": {"max_restarts": 2, "backoff": 0.01}}]});
        dir.write(".jackfield/config.json", guest.to_string());
        let output = run(dir.path(), &["start", "--detach"]);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).contains("exited with code 3"), "{}", text(&output));
        assert_eq!(run(dir.path(), &["status"]).status.code(), Some(69), "it has ended");
    }
}

#[test]
fn at_the_stop_the_front_drains_before_what_it_connects_to_is_told() {
    let node = Node::start(&config(json!({"tcp": "ADDR:9000"}), json!([]), "0"));
    let mut client = TcpStream::connect((node.addr, 8080)).unwrap();
    client.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    node.log.wait(0, "asked");
    let log = node.stop();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.contains(" 200 ") && answer.ends_with("hello"), "{answer}");
    let end = |worker: &str| {
        let is_end =
            |line: &String| line.contains(worker) && (line.contains("exited") || line.contains("killed"));
        log.iter().position(is_end).unwrap_or_else(|| panic!("no end of {worker}: {log:#?}"))
    };
    assert!(end("front[0]") < end("app[0]"), "{log:#?}");
}
