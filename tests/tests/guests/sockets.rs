//! Sockets, environment, and what else a guest is given.

use super::*;
use jackfield_tests::{signal_pid, wait_for_end};
use rustix::process::Signal;
use serde_json::json;
use std::io::Read;

const LISTENER: &str = r#"
import os, signal, socket, sys
print("fds", os.environ["LISTEN_FDS"], os.environ["LISTEN_FDNAMES"], int(os.environ["LISTEN_PID"]) == os.getpid())
extra = [fd for fd in os.listdir("/proc/self/fd") if int(fd) > 4 and os.path.exists(f"/proc/self/fd/{fd}")]
print("open", extra)
tcp, unix = socket.socket(fileno=3), socket.socket(fileno=4)
print("sockets", tcp.getsockname(), unix.getsockname(), tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
print("env", sorted(name for name in os.environ if name in ("COLOR", "HOME", "PATH", "PYTHONUNBUFFERED", "JACKFIELD_STAGE")))
print("cwd", os.getcwd())
print("stdin", repr(sys.stdin.read()))
for listener in (tcp, unix):
    connection, _ = listener.accept()
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello")
    connection.close()
signal.pause()
"#;

#[test]
fn sockets_come_by_number_and_name_and_nothing_else_comes_along() {
    let node = python(
        LISTENER,
        json!({"listen": [
            {"name": "front", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}},
            {"name": "back.sock", "endpoint": {"type": "unix", "path": "back.sock"}}]}),
        json!({"env": {"inherit": ["PATH"], "vars": {"COLOR": "blue"}}}),
    );
    node.log.wait(0, "fds 2 front:back.sock True");
    node.log.wait(0, "open []");
    let (line, _) = node.log.wait(0, "sockets");
    assert!(line.contains(&format!("('{}', 8080)", node.addr)) && line.ends_with("back.sock 1"), "{line}");
    node.log.wait(0, "env ['COLOR', 'PATH', 'PYTHONUNBUFFERED']");
    let (line, _) = node.log.wait(0, "cwd");
    assert!(line.ends_with("/work"), "{line}");
    node.log.wait(0, "stdin ''");
    assert!(get(node.addr).unwrap().ends_with("hello"));
    let mut unix =
        std::os::unix::net::UnixStream::connect(node.dir.path().join(".jackfield/back.sock")).unwrap();
    let mut answer = String::new();
    unix.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with("hello"));
    drop(unix);
    node.stop();
}

#[test]
fn a_connection_waits_for_the_successor_of_a_killed_guest() {
    let script = r#"
import os, socket
listener = socket.socket(fileno=3)
while True:
    connection, _ = listener.accept()
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello %d" % os.getpid())
    connection.close()
"#;
    let node = python(
        script,
        json!({"restart": {"backoff": 0.01}, "listen": [
            {"name": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}}]}),
        json!({}),
    );
    for _ in 0..3 {
        let killed = pid(&node.ready(), 0);
        signal_pid(killed, Signal::KILL);
        // Until it has ended it may still accept.
        assert!(wait_for_end(killed));
        let answer = get(node.addr).unwrap();
        assert!(answer.contains("hello"), "{answer}");
        node.until("another process", |s| process(s, 0)["state"] == "ready" && pid(s, 0) != killed);
    }
    node.stop();
}

/// Serves its own number on its own socket; the second one ends at once if it is told so.
const SERVER: &str = r#"
import os, socket, sys
listener = socket.socket(fileno=3)
print("serving", os.environ["LISTEN_FDS"])
while True:
    connection, _ = listener.accept()
    connection.recv(100)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhello %d" % os.getpid())
    connection.close()
"#;

fn pair(policy: &str) -> Node {
    python(
        SERVER,
        json!({"processes": 2, "restart": {"policy": policy}, "stop": {"drain_timeout": 1, "kill_timeout": 1}, "listen": [
            {"name": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}}]}),
        json!({}),
    )
}

/// Everybody who connects is served, by this process.
fn all_reach(node: &Node, pid: u32) {
    for _ in 0..60 {
        let mut stream = TcpStream::connect((node.addr, 8080)).unwrap();
        stream.set_read_timeout(Some(jackfield_tests::DEADLINE)).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with(&format!("hello {pid}")), "whichever socket the kernel chooses: {answer}");
    }
}

#[test]
fn nobody_waits_at_the_socket_of_a_guest_that_was_scaled_away() {
    let node = pair("always");
    let before = node.ready();
    let output = node.run(&["worker", "scale", "app", "1"]);
    assert!(output.status.success(), "{}", text(&output));
    all_reach(&node, pid(&before, 0));
    let status = node.ready();
    assert_eq!(status["endpoints"][0]["listeners"].as_array().unwrap().len(), 1, "{status:#}");
    let output = node.run(&["worker", "scale", "app", "2"]);
    assert!(output.status.success(), "{}", text(&output));
    let second = pid(&node.ready(), 1);
    jackfield_tests::until("an answer of the second", || {
        get(node.addr).ok()?.ends_with(&format!("hello {second}")).then_some(())
    });
    node.stop();
}

#[test]
fn nobody_waits_at_the_socket_of_a_guest_that_has_failed() {
    let node = pair("never");
    let before = node.ready();
    signal_pid(pid(&before, 1), Signal::KILL);
    node.until("the failure", |s| process(s, 1)["state"] == "failed");
    all_reach(&node, pid(&before, 0));
    // What is put into effect anew lets nobody wait there either.
    let output = node.run(&["reload"]);
    assert!(output.status.success(), "{}", text(&output));
    all_reach(&node, pid(&before, 0));
    assert!(node.run(&["worker", "start", "app"]).status.success());
    let second = pid(&node.ready(), 1);
    jackfield_tests::until("an answer of the second", || {
        get(node.addr).ok()?.ends_with(&format!("hello {second}")).then_some(())
    });
    // Nobody can know how many a guest has open: it accepts itself.
    for command in ["status", "endpoints"] {
        let table = text(&node.run(&[command]));
        let head = table.lines().find(|line| line.contains("OPEN")).unwrap();
        let row = table.lines().find(|line| line.starts_with("app ") || line.contains(":8080")).unwrap();
        let open = row[head.find("OPEN").unwrap()..].split_whitespace().next();
        assert_eq!(open, Some("-"), "{table}");
    }
    node.stop();
}
