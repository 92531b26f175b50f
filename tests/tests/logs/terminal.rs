//! A terminal that does not read.

use jackfield_tests::{Lines, TempDir, jackfield, run, signal_pid, until};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};

/// A node whose standard error goes into a pipe that nobody reads, with a guest that writes for ever.
#[test]
fn a_terminal_that_does_not_read_costs_records_and_stops_nobody() {
    let dir = TempDir::new();
    let script =
        "i=0; while true; do i=$((i+1)); head -c 60000 /dev/zero | tr '\\0' x; echo; echo $i >count; done";
    let config = json!({"version": 2,
        "workers": [{"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", script]}]});
    dir.write(".jackfield/config.json", config.to_string());
    let mut child = Command::new(jackfield())
        .arg("start")
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = || -> Option<Value> {
        let output = run(dir.path(), &["status", "--json"]);
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    };
    let dropped = until("records dropped", || {
        status().and_then(|s| s["logs"]["dropped"].as_u64().filter(|dropped| *dropped > 0))
    });
    let count =
        || fs::read_to_string(dir.path().join(".jackfield/count")).unwrap().trim().parse::<u64>().ok();
    let before = until("a number", count);
    until("the guest going on", || (count()? > before + 100).then_some(()));
    assert!(status().unwrap()["logs"]["dropped"].as_u64().unwrap() > dropped);
    // A reader comes: it is told what it has missed.
    let log = Lines::follow(child.stderr.take().unwrap());
    log.wait(0, "log records are missing here");
    signal_pid(child.id(), Signal::TERM);
    assert!(child.wait().unwrap().success());
}
