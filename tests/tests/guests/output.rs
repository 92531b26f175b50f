//! What a guest writes.

use super::*;
use jackfield_tests::{Node, TempDir, until};
use serde_json::{Value, json};
use std::path::Path;

/// The messages of the guest's records, with their levels.
fn records(node: &Node) -> Vec<(String, String)> {
    let output = node.run(&["logs", "--json", "--worker", "app"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let records = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    records.map(|record| (word(&record["level"]), word(&record["message"]))).collect()
}

#[test]
fn output_is_read_to_the_very_end() {
    let script = r#"
import os, signal, sys
def end(*_):
    os.write(1, b"x" * 70000 + b"\n")
    os.write(2, b"\xff\x00binary\n\ncrlf\r\n")
    os.write(1, b"last words without an end")
    os._exit(3)
signal.signal(signal.SIGTERM, end)
print("here", flush=True)
signal.pause()
"#;
    let node = python(script, json!({"restart": {"policy": "never"}}), json!({}));
    node.log.wait(0, "here");
    assert!(node.run(&["worker", "stop"]).status.success());
    let records = records(&node);
    let said = |level: &str| -> Vec<&str> {
        let of_level = records.iter().filter(|(l, message)| l == level && !message.starts_with("exited"));
        of_level.map(|(_, message)| message.as_str()).collect()
    };
    let out = said("info");
    let long: String = out.iter().filter(|line| line.starts_with('x')).copied().collect();
    assert_eq!(long.len(), 70_000, "a long line comes in parts");
    assert_eq!(out.last(), Some(&"last words without an end"));
    assert_eq!(said("warn"), ["\\xff\u{0}binary", "", "crlf"]);
    let status = node.status().unwrap();
    assert_eq!(process(&status, 0)["last_exit"]["code"], 3);
    assert_eq!(process(&status, 0)["last_exit"]["stderr"][2], "crlf");
    node.stop();
}

#[test]
fn outputs_can_be_dropped_and_closed() {
    let dir = TempDir::new();
    let script = "echo never seen; [ -e /proc/$$/fd/2 ] || : >closed; [ /proc/$$/fd/1 -ef /dev/null ] && : >dropped; \
                  while true; do sleep 1; done";
    let worker = json!({"type": "guest", "executable": "sh", "arguments": ["-c", script],
        "options": {"stdout": "drop", "stderr": "close"}});
    let node = Node::start_in(dir, &json!({"version": 2, "workers": [worker]}).to_string());
    for file in ["closed", "dropped"] {
        until(file, || node.dir.path().join(".jackfield").join(file).exists().then_some(()));
    }
    assert!(!node.stop().iter().any(|line| line.contains("never seen")));
}

#[test]
fn hostile_programs_do_no_harm() {
    let flood = "import os\nwhile True: os.write(1, b'x' * 4096)";
    let node = python(flood, json!({"processes": 2}), json!({}));
    let node_is_alive = |node: &Node| assert!(node.status().is_some());
    node_is_alive(&node);
    node.log.wait(0, "xxxx");
    node_is_alive(&node);
    assert!(Path::new(&format!("/proc/{}", node.pid())).exists());
    node.stop();
}
