//! Log files.

use super::*;
use jackfield_tests::{Node, TempDir, loopback, run, until};
use serde_json::json;
use std::fs;

#[test]
fn a_file_is_made_anew_with_its_directory_and_what_was_lost_is_only_what_was_removed() {
    let node = start(json!([{"type": "file", "path": "logs/node.log"}]), OBEDIENT);
    let path = node.dir.path().join(".jackfield/logs/node.log");
    let text = || fs::read_to_string(&path).unwrap_or_default();
    until("the start in the file", || text().contains("every worker is ready").then_some(()));
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
    say(&node, "first");
    until("the next line in a new file", || text().contains("info  app[0]         first").then_some(()));
    fs::rename(&path, path.with_extension("moved")).unwrap();
    say(&node, "second");
    until("another new file", || text().contains("second").then_some(()));
    assert!(!text().contains("first"));
    assert!(fs::read_to_string(path.with_extension("moved")).unwrap().contains("first"));
    assert_eq!(node.status().unwrap()["logs"]["dropped"], 0);
    node.stop();
}

#[test]
fn a_full_disk_is_said_and_nothing_is_lost_when_it_has_room_again() {
    let dir = TempDir::new();
    // A link to the file itself would not be followed, one to its directory is.
    let path = dir.path().join("disk/full");
    std::os::unix::fs::symlink("/dev", dir.path().join("disk")).unwrap();
    let config = json!({"version": 2, "controller": {"log": {"sinks": [
        {"type": "terminal"}, {"type": "file", "path": path, "format": "json"}]}},
        "workers": [{"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", OBEDIENT]}]});
    let node = Node::start_in(dir, &config.to_string());
    node.log.wait(0, "No space left on device");
    say(&node, "while it is full");
    let status = node.until("the trouble", |s| sinks(s)[1]["trouble"].is_string());
    assert!(sinks(&status)[1]["waiting"].as_u64().unwrap() > 0, "{status:#}");
    assert_eq!(status["logs"]["dropped"], 0);
    let table = String::from_utf8(node.run(&["status"]).stdout).unwrap();
    assert!(table.contains("log sink file") && table.contains("No space left"), "{table}");
    fs::remove_file(node.dir.path().join("disk")).unwrap();
    node.log.wait(0, "works again");
    let messages: Vec<_> =
        records(&node.dir.path().join("disk/full")).map(|record| record["message"].clone()).collect();
    assert!(messages[0].as_str().unwrap().contains("starts"), "from the beginning: {messages:?}");
    assert!(messages.iter().any(|message| message == "while it is full"));
    node.stop();
}

#[test]
fn a_detached_node_writes_its_whole_log_to_a_file() {
    let dir = TempDir::new();
    dir.write(".jackfield/config.json", r#"{"version": 2, "workers": [{"type": "router"}]}"#);
    let started = run(dir.path(), &["start", "--detach"]);
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stderr));
    assert!(run(dir.path(), &["stop"]).status.success());
    let log = fs::read_to_string(dir.path().join(".jackfield/node.log")).unwrap();
    assert!(
        log.contains("node ") && log.contains("every worker is ready") && log.contains("stopped"),
        "{log}"
    );
    assert!(!log.contains('\x1b'), "{log}");
}

#[test]
fn crossbars_options_of_the_log_are_understood() {
    let dir = TempDir::new();
    dir.write(".crossbar/config.json", r#"{"version": 2, "workers": [{"type": "router"}]}"#);
    let logs = dir.path().join("logs");
    let args =
        ["--logtofile", "--logdir", logs.to_str().unwrap(), "--loglevel", "debug", "--logformat", "standard"];
    let node = Node::launch(dir, loopback(), &args, &[]);
    node.ready();
    until("the log", || {
        let log = fs::read_to_string(logs.join("node.log")).ok()?;
        (log.contains(" debug ") && log.contains("spawned")).then_some(())
    });
    assert_eq!(node.stop(), [""; 0], "nothing on the terminal");
}
