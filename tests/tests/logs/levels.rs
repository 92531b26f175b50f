//! What is logged, and where it goes, while the node runs.

use super::*;
use jackfield_tests::{Node, TempDir, until};
use serde_json::{Value, json};
use std::fs;

#[test]
fn levels_are_those_of_the_worker_and_change_while_it_runs() {
    let node = Node::start(
        r#"{"version": 2, "controller": {"log": {"level": "warn"}}, "workers": [
            {"type": "router", "id": "front", "log_level": "debug", "processes": 2},
            {"type": "guest", "id": "app", "executable": "sh", "arguments": ["-c", "trap : USR1; while true; do sleep 0.01; echo out; echo err >&2; done"]}]}"#,
    );
    node.log.wait(0, "err");
    let log = node.log.all();
    assert!(log.iter().any(|line| line.contains("front[0]") && line.contains("ready after")), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("controller ")), "{log:#?}");
    assert!(!log.iter().any(|line| line.ends_with(" out")), "{log:#?}");
    let status = node.status().unwrap();
    assert_eq!(
        (&status["workers"][0]["log_level"], &status["workers"][1]["log_level"]),
        (&"debug".into(), &"warn".into())
    );
    let level = |args: &[&str]| {
        let output = node.run(&[&["logs", "level"], args].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    level(&["info", "app", "controller"]);
    node.log.wait(log.len(), " out");
    node.log.wait(log.len(), "`jackfield logs level info`: app, controller");
    // A native worker hears of it, too: its word about draining is `info`.
    level(&["error", "front"]);
    let here = node.log.all().len();
    assert!(node.run(&["worker", "stop", "front"]).status.success());
    node.run(&["worker", "start", "front"]);
    level(&["info", "front"]);
    assert!(node.run(&["worker", "stop", "front"]).status.success());
    node.log.wait(here, "draining");
    let drained =
        node.log.all()[here..].iter().filter(|line| line.contains("draining; connections open")).count();
    assert_eq!(drained, 2, "only those of the second stop");
    let unknown = node.run(&["logs", "level", "info", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    node.stop();
}

#[test]
fn a_reload_changes_sinks_and_levels_and_no_process() {
    let dir = TempDir::new();
    // What it writes to standard error comes behind what it has written before.
    let script = "mkfifo orders; while true; do cat orders; echo obeyed >&2; done";
    let config = |sinks: Value, level: &str| {
        json!({"version": 2, "controller": {"log": {"sinks": sinks}}, "workers": [{"type": "guest", "id": "app",
            "log_level": level, "executable": "sh", "arguments": ["-c", script]}]})
        .to_string()
    };
    let (one, two) = (json!({"type": "file", "path": "one.log"}), json!({"type": "file", "path": "two.log"}));
    let terminal = json!({"type": "terminal"});
    let node = Node::start_in(dir, &config(json!([terminal, one]), "info"));
    let before = node.ready()["workers"][0]["processes"][0]["pid"].clone();
    say(&node, "to the first");
    node.log.wait(0, "to the first");
    node.dir.write(".jackfield/config.json", config(json!([two, terminal]), "warn"));
    let reloaded = node.run(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    let status = node.ready();
    assert_eq!(status["workers"][0]["processes"][0]["pid"], before);
    assert_eq!(status["workers"][0]["log_level"], "warn");
    let targets: Vec<_> = sinks(&status).iter().map(|sink| sink["target"].as_str().unwrap()).collect();
    assert!(targets[0].ends_with("two.log") && targets[1].is_empty(), "{targets:?}");
    let seen = node.log.all().len();
    say(&node, "below the level");
    node.log.wait(seen, "obeyed");
    assert!(node.run(&["logs", "level", "info", "app"]).status.success());
    say(&node, "to the second");
    let read =
        |name: &str| fs::read_to_string(node.dir.path().join(".jackfield").join(name)).unwrap_or_default();
    until("the line in the second file", || read("two.log").contains("to the second").then_some(()));
    assert!(read("one.log").contains("to the first") && !read("one.log").contains("to the second"));
    assert!(!read("two.log").contains("below the level"));
    node.stop();
}

#[test]
fn a_sink_with_workers_has_their_records_and_nobody_elses() {
    let guest = |id: &str| json!({"type": "guest", "id": id, "executable": "sh", "arguments": ["-c", format!("echo said by {id}; exec sleep 1000")]});
    let file = |name: &str, workers: &[&str]| json!({"type": "file", "path": name, "workers": workers});
    let sinks =
        json!([{"type": "terminal"}, file("app.log", &["app"]), file("rest.log", &["other", "controller"])]);
    let config = json!({"version": 2, "controller": {"log": {"sinks": sinks}}, "workers": [guest("app"), guest("other")]});
    let node = Node::start(&config.to_string());
    node.ready();
    node.log.wait(0, "said by app");
    node.log.wait(0, "said by other");
    let dir = node.dir.path().join(".jackfield");
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    let is_there = || read("app.log").contains("said by app") && read("rest.log").contains("said by other");
    until("the lines in the files", || is_there().then_some(()));
    let (app, rest) = (read("app.log"), read("rest.log"));
    assert!(app.lines().all(|line| line.contains("app[0]")), "{app}");
    assert!(rest.contains("controller") && !rest.contains("said by app"), "{rest}");
    node.stop();
}
