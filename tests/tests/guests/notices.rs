//! What a guest says of itself.

use super::*;
use jackfield_tests::{Node, TempDir, wait_for_end};
use serde_json::{Value, json};
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells the name of its socket, then does what it reads: a message for each line.
const NOTIFIER: &str = r#"
import os, socket, sys
address = os.environ["NOTIFY_SOCKET"]
print("socket", address, os.environ.get("WATCHDOG_USEC"), os.environ.get("WATCHDOG_PID") == str(os.getpid()), flush=True)
to = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for line in open("orders"):
    to.sendto(line.rstrip("\n").replace("|", "\n").encode(), "\0" + address[1:])
"#;

fn notifier(worker: Value) -> Node {
    let mut worker = worker;
    worker["ready"] = "notify".into();
    let dir = TempDir::new();
    dir.write("work/guest.py", NOTIFIER);
    // Both ends of a pipe with a name open when there is somebody at the other.
    let fifo = dir.path().join("work/orders");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    worker["type"] = "guest".into();
    worker["id"] = "app".into();
    worker["executable"] = "python3".into();
    worker["arguments"] = json!(["guest.py"]);
    worker["options"] = json!({"workdir": "../work"});
    Node::spawn(dir, &json!({"version": 2, "workers": [worker]}).to_string(), &[])
}

fn orders(node: &Node) -> std::fs::File {
    std::fs::OpenOptions::new().write(true).open(node.dir.path().join("work/orders")).unwrap()
}

#[test]
fn a_guest_is_ready_when_it_says_so_and_nobody_else_can() {
    let node = notifier(json!({}));
    let (line, _) = node.log.wait(0, "socket @");
    assert!(line.ends_with("10000000 True"), "{line}");
    let name = line.split("socket @").nth(1).unwrap().split(' ').next().unwrap();
    let stranger = UnixDatagram::unbound().unwrap();
    stranger.send_to_addr(b"READY=1", &SocketAddr::from_abstract_name(name).unwrap()).unwrap();
    let mut orders = orders(&node);
    orders.write_all(b"STATUS=warming up\n").unwrap();
    // What it says now comes behind what the stranger has said.
    let status = node.until("its word", |s| process(s, 0)["status"] == "warming up");
    assert_eq!(process(&status, 0)["state"], "starting");
    orders.write_all(b"READY=1|STATUS=serving\n").unwrap();
    let status = node.ready();
    assert_eq!(process(&status, 0)["status"], "serving");
    node.stop();
}

#[test]
fn a_guest_that_has_begun_to_say_that_it_is_alive_is_replaced_when_it_stops() {
    let node = notifier(json!({"watchdog": 0.3, "restart": {"backoff": 0.01}}));
    let mut orders_ = orders(&node);
    orders_.write_all(b"READY=1\n").unwrap();
    let first = pid(&node.ready(), 0);
    node.run(&["status"]);
    orders_.write_all(b"WATCHDOG=1\n").unwrap();
    node.log.wait(0, "did not answer");
    assert!(wait_for_end(first));
    let mut orders_ = orders(&node);
    orders_.write_all(b"READY=1\nWATCHDOG=trigger\n").unwrap();
    node.log.wait(0, "WATCHDOG=trigger");
    node.until("the third", |s| process(s, 0)["restarts"] == 2);
    node.stop();
}

#[test]
fn a_guest_that_is_not_ready_in_its_time_is_replaced() {
    let node = spawn_python(
        "import signal; signal.pause()",
        json!({"ready": "notify", "restart": {"ready_timeout": 0.2, "backoff": 0.01}}),
        json!({}),
    );
    let (_, seen) = node.log.wait(0, "not ready after 0.2 s (\"restart.ready_timeout\")");
    node.log.wait(seen, "not ready after 0.2 s");
    node.stop();
}
