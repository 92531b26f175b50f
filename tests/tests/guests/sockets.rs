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
