//! Starting, and starting again.

use super::*;
use jackfield_tests::{Node, TempDir, run};
use serde_json::json;

#[test]
fn a_guest_without_sockets_is_stopped_before_its_successor_starts() {
    let script = r#"
import fcntl, signal, sys
lock = open("lock", "w")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
print("locked", flush=True)
signal.pause()
"#;
    let node = python(script, json!({}), json!({}));
    let (_, next) = node.log.wait(0, "locked");
    let before = pid(&node.ready(), 0);
    let restarted = node.run(&["worker", "restart"]);
    assert!(restarted.status.success(), "{}", text(&restarted));
    node.log.wait(next, "locked");
    assert_ne!(pid(&node.ready(), 0), before);
    node.stop();
}

#[test]
fn a_guest_is_restarted_when_a_file_changes() {
    let dir = TempDir::new();
    dir.write(
        "work/guest.py",
        "import signal, settings\nprint('value', settings.VALUE, flush=True)\nsignal.pause()",
    );
    dir.write("work/settings.py", "VALUE = 1");
    let node = Node::spawn(
        dir,
        r#"{"version": 2, "workers": [{"type": "guest", "id": "app", "executable": "python3",
            "arguments": ["-B", "guest.py"], "options": {"workdir": "../work",
            "watch": {"directories": ["../work"], "action": "restart", "timeout": 0.1}}}]}"#,
        &[],
    );
    let (_, next) = node.log.wait(0, "value 1");
    node.ready();
    node.dir.write("work/settings.py", "VALUE = 'another'");
    node.log.wait(next, "settings.py has changed");
    node.log.wait(next, "value another");
    node.stop();
}

#[test]
fn what_can_not_be_started_is_refused_with_its_place() {
    for (attribute, value, place) in [
        ("executable", r#""no-such-program""#, "executable: there is no program \"no-such-program\""),
        ("options", r#"{"workdir": "missing"}"#, "options: workdir: "),
    ] {
        let dir = TempDir::new();
        let mut worker = json!({"type": "guest", "executable": "sh"});
        worker[attribute] = serde_json::from_str(value).unwrap();
        dir.write(".jackfield/config.json", json!({"version": 2, "workers": [worker]}).to_string());
        let output = run(dir.path(), &["start"]);
        assert_eq!(output.status.code(), Some(78), "{}", text(&output));
        assert!(text(&output).contains(place), "{}", text(&output));
    }
}

#[test]
fn a_program_that_can_not_be_executed_fails_with_the_reason() {
    for (text, why) in [
        ("#!/no/such/interpreter\n", "its interpreter \"/no/such/interpreter\""),
        ("#!/bin/sh\r\necho here\r\n", "its first line ends with a carriage return"),
    ] {
        fails_with_the_reason(text, why);
    }
}

fn fails_with_the_reason(text: &str, why: &str) {
    let dir = TempDir::new();
    let script = dir.write("work/guest", text);
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let node = Node::spawn(
        dir,
        r#"{"version": 2, "workers": [{"type": "guest", "id": "app", "executable": "guest",
            "restart": {"policy": "never"}, "options": {"workdir": "../work"}}]}"#,
        &[],
    );
    let status = node.until("the failure", |s| s["workers"][0]["state"] == "failed");
    let reason = status["workers"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("work/guest") && reason.contains(why), "{reason}");
    assert!(!reason.contains("ready"), "{reason}");
    node.stop();
}
