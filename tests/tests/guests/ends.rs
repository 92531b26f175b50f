//! The end of a guest, and of everything it has started.

use super::*;
use jackfield_tests::{Node, TempDir, signal_pid, wait_for_end};
use rustix::process::Signal;
use serde_json::json;

/// Starts a grandchild that leaves everything by which it could be known but its parents.
const DAEMON: &str = r#"
import os, subprocess, sys, time
code = "import os, sys, time; os.setsid(); sys.stdout.write('daemon %d\\n' % os.getpid()); sys.stdout.flush(); time.sleep(1000)"
middle = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]], env={}, start_new_session=False)"
subprocess.run([sys.executable, "-c", middle, code], start_new_session=True, env={})
time.sleep(1000)
"#;

fn daemon(node: &Node, from: usize) -> (u32, usize) {
    let (line, next) = node.log.wait(from, "daemon ");
    (line.rsplit(' ').next().unwrap().parse().unwrap(), next)
}

#[test]
fn a_daemonized_grandchild_ends_with_its_guest() {
    let node = python(DAEMON, json!({"restart": {"backoff": 0.01}}), json!({}));
    let (first, next) = daemon(&node, 0);
    signal_pid(pid(&node.ready(), 0), Signal::KILL);
    assert!(wait_for_end(first), "it outlives a killed guest");
    let (second, next) = daemon(&node, next);
    assert!(node.run(&["worker", "stop"]).status.success());
    assert!(wait_for_end(second), "it outlives a guest that was stopped");
    assert!(node.run(&["worker", "start"]).status.success());
    let (third, _) = daemon(&node, next);
    let mut node = node;
    node.signal(Signal::KILL);
    node.wait();
    assert!(wait_for_end(third), "it outlives the controller");
}

fn keeper(node: &Node) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid(&node.ready(), 0))).unwrap();
    let keeper = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().parse().unwrap();
    assert_ne!(keeper, node.pid());
    keeper
}

#[test]
fn a_daemonized_grandchild_ends_when_its_keeper_is_killed() {
    let node = python(DAEMON, json!({"restart": {"backoff": 0.01}}), json!({}));
    let (first, next) = daemon(&node, 0);
    let guest = pid(&node.ready(), 0);
    signal_pid(keeper(&node), Signal::KILL);
    assert!(wait_for_end(guest) && wait_for_end(first));
    let (second, _) = daemon(&node, next);
    node.until("the successor", |s| process(s, 0)["state"] == "ready" && process(s, 0)["restarts"] == 1);
    node.stop();
    assert!(wait_for_end(second));
}

#[test]
fn a_stopped_keeper_is_no_obstacle() {
    let node = python("import time\ntime.sleep(1000)", json!({}), json!({}));
    let pid = pid(&node.ready(), 0);
    signal_pid(keeper(&node), Signal::STOP);
    node.stop();
    assert!(wait_for_end(pid));
}

#[test]
fn what_does_not_end_is_killed_with_both_time_limits() {
    let script = r#"
import signal, time
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
print("here", flush=True)
while True: time.sleep(1)
"#;
    let node = python(script, json!({"stop": {"drain_timeout": 0.2, "kill_timeout": 0.2}}), json!({}));
    node.log.wait(0, "here");
    let guest = pid(&node.ready(), 0);
    let log = node.stop();
    assert!(wait_for_end(guest));
    assert_eq!(log.iter().filter(|line| line.ends_with("asked")).count(), 2, "{log:#?}");
    assert!(log.iter().any(|line| line.contains("SIGKILL")), "{log:#?}");
}

#[test]
fn the_end_of_a_guest_is_not_the_end_of_the_node() {
    let node = Node::spawn(
        TempDir::new(),
        r#"{"version": 2, "controller": {"options": {"shutdown": ["shutdown_on_worker_exit"]}}, "workers": [
            {"type": "router"},
            {"type": "guest", "executable": "sh", "arguments": ["-c", "exit 1"], "restart": {"policy": "never"}}]}"#,
        &[],
    );
    node.until("the end of the guest, and the other", |s| {
        (&s["workers"][0]["state"], &s["workers"][1]["state"]) == (&"ready".into(), &"failed".into())
    });
    node.stop();
}
