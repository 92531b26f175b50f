//! The node from its start to its end: what is refused, what is healed, what is cleaned up.

mod addresses;
mod deaths;

use jackfield_tests::{Node, TempDir, curl, loopback, run, signal_pid, until, wait_for_end};
use rustix::process::Signal;
use serde_json::Value;
use std::net::TcpListener;
use std::process::Output;

const TWO: &str = r#"{"version": 2, "controller": {"id": "test_node"}, "workers": [
  {"type": "router", "id": "front", "processes": 2, "restart": {"backoff": 0.1}, "transports": [
    {"type": "web", "id": "site", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true},
     "paths": {"/": {"type": "json", "value": "front"}}}]},
  {"type": "router", "transports": [
    {"type": "stream.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081}}]}]}"#;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn pids(status: &Value) -> Vec<u32> {
    let workers = status["workers"].as_array().unwrap().iter();
    let processes = workers.flat_map(|w| w["processes"].as_array().unwrap());
    processes.map(|p| u32::try_from(p["pid"].as_u64().unwrap()).unwrap()).collect()
}

#[test]
fn status_tells_what_runs() {
    let node = Node::start(TWO);
    curl(&[&format!("http://{}:8080/", node.addr)]);
    let status = node.until("a connection counted", |s| s["endpoints"][0]["connections"]["accepted"] == 1);
    assert_eq!(status["node"]["id"], "test_node");
    assert_eq!(status["node"]["pid"], node.pid());
    assert_eq!(status["node"]["generation"], 1);
    assert!(status["node"]["config"].as_str().unwrap().ends_with("/.jackfield/config.json"));
    let ids: Vec<_> = status["workers"].as_array().unwrap().iter().map(|w| &w["id"]).collect();
    assert_eq!(ids, ["front", "worker001"]);
    assert_eq!(status["workers"][0]["type"], "router");
    assert_eq!(status["workers"][0]["state"], "ready");
    assert_eq!(pids(&status).len(), 3);
    assert!(status["workers"][0]["processes"][1]["rss_bytes"].as_u64().unwrap() > 100_000);
    let front = &status["endpoints"][0];
    assert_eq!(front["address"], format!("tcp://{}:8080", node.addr));
    assert_eq!(
        (&front["worker"], &front["transport"], &front["kind"]),
        (&"front".into(), &"site".into(), &"web".into())
    );
    assert_eq!(
        (&front["state"], &front["shared"], &front["tls"]),
        (&"bound".into(), &true.into(), &false.into())
    );
    let inodes: Vec<_> =
        front["listeners"].as_array().unwrap().iter().map(|l| l["inode"].as_u64().unwrap()).collect();
    assert!(inodes.len() == 2 && inodes[0] != inodes[1], "one socket for each process");
    assert_eq!(status["endpoints"][1]["listeners"][0]["process"], Value::Null, "a common socket");
    let table = text(&node.run(&["status"]));
    assert!(table.contains("front") && table.contains("worker001") && table.contains("ready"), "{table}");
    let endpoints = text(&node.run(&["endpoints"]));
    assert!(endpoints.contains(&format!("tcp://{}:8081", node.addr)), "{endpoints}");
    assert!(node.run(&["status", "--assert", "running"]).status.success());
    node.stop();
}

#[test]
fn a_second_start_is_refused_and_names_the_first() {
    let node = Node::start(TWO);
    let second = node.run(&["start"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second).contains(&format!("{}", node.pid())), "{}", text(&second));
    assert!(node.status().is_some());
    node.stop();
}

#[test]
fn a_port_in_use_is_an_error_that_names_the_line() {
    let dir = TempDir::new();
    let addr = loopback();
    let _taken = TcpListener::bind((addr, 8080)).unwrap();
    let config = TWO.replace("ADDR", &addr.to_string());
    dir.write(".jackfield/config.json", config);
    let output = run(dir.path(), &["start"]);
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert!(text.contains("config.json:3:") && text.contains(&format!("{addr}:8080")), "{text}");
    assert!(text.contains("in use"), "{text}");
}

#[test]
fn without_a_node_commands_exit_with_69() {
    let dir = TempDir::new();
    dir.write(".jackfield/config.json", r#"{"version": 2}"#);
    for args in
        [&["stop"][..], &["worker", "list"], &["logs"], &["endpoints"], &["status", "--assert", "running"]]
    {
        let output = run(dir.path(), args);
        assert_eq!(output.status.code(), Some(69), "{args:?}: {}", text(&output));
        assert!(!output.stderr.is_empty(), "{args:?} says why");
    }
    assert_eq!(run(dir.path(), &["no-such-command"]).status.code(), Some(2));
    assert_eq!(run(dir.path(), &["start", "--no-such-option"]).status.code(), Some(2));
}

#[test]
fn detached_it_returns_when_ready_and_stop_waits_for_the_end() {
    let dir = TempDir::new();
    let addr = loopback();
    dir.write(".jackfield/config.json", TWO.replace("ADDR", &addr.to_string()));
    let started = run(dir.path(), &["start", "--detach"]);
    assert!(started.status.success(), "{}", text(&started));
    assert_eq!(curl(&[&format!("http://{addr}:8080/")]), "\"front\"");
    let status: Value = serde_json::from_slice(&run(dir.path(), &["status", "--json"]).stdout).unwrap();
    let pid = u32::try_from(status["node"]["pid"].as_u64().unwrap()).unwrap();
    let stopped = run(dir.path(), &["stop"]);
    assert!(stopped.status.success(), "{}", text(&stopped));
    assert!(run(dir.path(), &["status", "--assert", "stopped"]).status.success());
    assert!(wait_for_end(pid));
    let failing = run(dir.path(), &["start", "--detach", "--config", "missing.json"]);
    assert_eq!(failing.status.code(), Some(78));
    assert!(text(&failing).contains("missing.json"), "{}", text(&failing));
}

#[test]
fn workers_are_listed_stopped_started_and_restarted() {
    let node = Node::start(TWO);
    let before = pids(&node.ready());
    let list = text(&node.run(&["worker", "list"]));
    assert!(list.contains("front") && list.contains("worker001"), "{list}");
    assert!(node.run(&["worker", "stop", "worker001"]).status.success());
    node.until("worker001 stopped", |s| s["workers"][1]["processes"][0]["state"] == "stopped");
    assert!(wait_for_end(before[2]));
    assert!(node.run(&["worker", "start", "worker001"]).status.success());
    node.ready();
    let restart = node.run(&["worker", "restart", "front"]);
    assert!(restart.status.success(), "{}", text(&restart));
    let after = pids(&node.ready());
    assert!(!after.contains(&before[0]) && !after.contains(&before[1]));
    let unknown = node.run(&["worker", "restart", "frnot"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown).contains("front"), "names the nearest: {}", text(&unknown));
    node.stop();
}

#[test]
fn logs_are_one_stream_that_can_be_read_and_followed() {
    let node = Node::start(TWO);
    node.run(&["worker", "restart", "worker001"]);
    let all = text(&node.run(&["logs", "--json", "-n", "1000"]));
    let records: Vec<Value> = all.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(records.iter().any(|r| r["worker"] == "front" && r["process"] == 1), "{all}");
    assert!(records.iter().any(|r| r.get("worker").is_none_or(Value::is_null)), "the controller's own");
    let one = text(&node.run(&["logs", "--json", "--worker", "worker001", "-n", "1"]));
    assert_eq!(one.lines().count(), 1);
    assert!(one.contains("\"worker001\""), "{one}");
    let follow = node.background(&["logs", "-f", "-n", "0", "--worker", "front"]);
    // The follower may connect after the first of these; each writes a record.
    until("a followed record", || {
        assert!(node.run(&["worker", "restart", "front"]).status.success());
        (!follow.out.all().is_empty()).then_some(())
    });
    node.stop();
}

#[test]
fn ps_shows_the_title_and_nothing_else() {
    let node = Node::start(
        r#"{"version": 2, "workers": [{"type": "router", "options": {"title": "my title",
            "cpu_affinity": [0], "env": {"inherit": ["PATH"], "vars": {"COLOR": "blue"}}}, "transports": []}]}"#,
    );
    let pid = pids(&node.ready())[0];
    let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap();
    assert_eq!(read("cmdline"), b"my title\0");
    let environ = String::from_utf8(read("environ")).unwrap();
    assert!(
        environ.contains("COLOR=blue") && environ.contains("PATH=") && !environ.contains("HOME="),
        "{environ}"
    );
    let status = String::from_utf8(read("status")).unwrap();
    let cpus = status.lines().find_map(|l| l.strip_prefix("Cpus_allowed_list:")).unwrap().trim();
    assert!(!cpus.contains([',', '-']), "one CPU, not {cpus}");
    node.stop();
}

#[test]
fn crossbars_directory_is_found_and_commands_work_from_anywhere() {
    let dir = TempDir::new();
    let addr = loopback();
    dir.write(".crossbar/config.json", TWO.replace("ADDR", &addr.to_string()));
    let node = Node::launch(dir, addr, &[], &[]);
    node.ready();
    let crossbar = node.dir.path().join(".crossbar");
    let elsewhere = TempDir::new();
    for option in ["--dir", "--cbdir"] {
        let status = run(elsewhere.path(), &["status", option, crossbar.to_str().unwrap()]);
        assert!(status.status.success(), "{}", text(&status));
    }
    node.stop();
}

#[test]
fn scaling_down_keeps_who_serves_and_ends_who_has_failed() {
    let node = Node::start(
        r#"{"version": 2, "workers": [{"type": "router", "id": "www", "processes": 2, "restart": {"policy": "never"},
            "transports": [{"type": "stream.testee",
                "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}}]}]}"#,
    );
    let before = pids(&node.ready());
    signal_pid(before[0], Signal::KILL);
    node.until("the failure", |s| s["workers"][0]["processes"][0]["state"] == "failed");
    assert!(node.run(&["status", "--assert", "running"]).status.success(), "one serves");
    let output = node.run(&["worker", "scale", "www", "1"]);
    assert!(output.status.success(), "{}", text(&output));
    let status = node.ready();
    assert_eq!(pids(&status), before[1..], "the one that serves");
    assert_eq!(status["workers"][0]["processes"][0]["index"], 0);
    for _ in 0..20 {
        use std::io::{Read as _, Write as _};
        let mut client = std::net::TcpStream::connect((node.addr, 8080)).unwrap();
        client.write_all(b"hello").unwrap();
        client.read_exact(&mut [0; 5]).unwrap();
    }
    assert!(node.run(&["worker", "scale", "www", "3"]).status.success());
    assert_eq!(pids(&node.ready())[0], before[1]);
    node.stop();
}

#[test]
fn sigusr1_does_not_end_the_node() {
    let node = Node::start(r#"{"version": 2, "workers": []}"#);
    node.signal(Signal::USR1);
    node.log.wait(0, "SIGUSR1 means nothing");
    node.stop();
}
