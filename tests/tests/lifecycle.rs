//! The node from its start to its end: what is refused, what is healed, what is cleaned up.

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
fn a_killed_worker_is_replaced_and_its_socket_waits() {
    let node = Node::start(TWO);
    let before = node.ready();
    let inodes = |s: &Value| {
        s["endpoints"].as_array().unwrap().iter().map(|e| e["listeners"].clone()).collect::<Vec<_>>()
    };
    for pid in pids(&before) {
        signal_pid(pid, Signal::KILL);
        // Nobody accepts now, or a sibling does: the connection waits in the queue.
        assert_eq!(curl(&[&format!("http://{}:8080/", node.addr)]), "\"front\"");
    }
    let after = node.until("three new processes", |s| {
        s["workers"].as_array().unwrap().iter().all(|w| {
            w["processes"].as_array().unwrap().iter().all(|p| p["state"] == "ready" && p["restarts"] == 1)
        })
    });
    assert_eq!(inodes(&before), inodes(&after), "the same sockets as before");
    assert!(pids(&before).iter().all(|old| !pids(&after).contains(old)));
    let exit = &after["workers"][0]["processes"][0]["last_exit"];
    assert_eq!((&exit["signal"], &exit["oom"]), (&"SIGKILL".into(), &false.into()));
    assert!(
        exit["peak_rss_bytes"].as_u64() > Some(1 << 20) && exit["uptime_s"].as_f64() > Some(0.0),
        "{exit}"
    );
    node.log.wait(0, "SIGKILL");
    node.stop();
}

#[test]
fn workers_die_with_a_killed_controller_and_the_next_start_needs_no_help() {
    let dir = TempDir::new();
    let config = r#"{"version": 2, "workers": [{"type": "router", "processes": 2, "transports": [
        {"type": "stream.testee", "endpoint": {"type": "unix", "path": "echo.sock"}}]}]}"#;
    let mut node = Node::start_in(dir, config);
    let workers = pids(&node.ready());
    node.signal(Signal::KILL);
    node.wait();
    for pid in workers {
        assert!(wait_for_end(pid), "worker {pid} outlives its controller");
    }
    assert!(node.dir.path().join(".jackfield/echo.sock").exists(), "killed: nothing was cleaned up");
    let stopped = node.run(&["status", "--assert", "running"]);
    assert_eq!(stopped.status.code(), Some(69));
    assert!(node.run(&["status", "--assert", "stopped"]).status.success());
    let dir = std::mem::take(&mut node.dir);
    drop(node);
    Node::start_in(dir, config).stop();
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
fn a_process_that_hangs_is_replaced() {
    let node = Node::start(&TWO.replace(r#""id": "front","#, r#""id": "front", "watchdog": 1,"#));
    let hanging = pids(&node.ready())[0];
    signal_pid(hanging, Signal::STOP);
    node.log.wait(0, "did not answer");
    assert!(wait_for_end(hanging));
    let status = node.until("the replacement", |s| s["workers"][0]["processes"][0]["restarts"] == 1);
    assert_eq!(status["workers"][0]["processes"][1]["restarts"], 0);
    node.ready();
    node.stop();
}

#[test]
fn a_process_that_ends_too_often_is_tried_seldom_and_its_siblings_serve_on() {
    let node = Node::start(&TWO.replace(
        r#"{"backoff": 0.1}"#,
        r#"{"max_restarts": 1, "period": 60, "backoff_max": 60, "backoff": 0.01}"#,
    ));
    for restarts in 0..2 {
        let status = node.until("a process to kill", |s| {
            let process = &s["workers"][0]["processes"][0];
            process["state"] == "ready" && process["restarts"] == restarts
        });
        // It was ready for less than a second, and had accepted nothing.
        signal_pid(pids(&status)[0], Signal::KILL);
    }
    let status = node.until("the delay", |s| s["workers"][0]["processes"][0]["state"] == "backoff");
    let reason = status["workers"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("tried every 60 s") && reason.contains("SIGKILL"), "{status:#}");
    assert_eq!(status["workers"][0]["processes"][1]["state"], "ready");
    assert!(node.run(&["worker", "start", "front"]).status.success());
    node.ready();
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
fn twelve_kills_in_ten_seconds_leave_nobody_without_a_server() {
    let node = Node::start(
        r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "stream.testee",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}}]}]}"#,
    );
    for kill in 0..12 {
        let status = node.until("a process", |s| s["workers"][0]["processes"][0]["state"] == "ready");
        // The first ones have done nothing yet, the others have a client.
        if kill >= 4 {
            use std::io::{Read as _, Write as _};
            let mut client = std::net::TcpStream::connect((node.addr, 8080)).unwrap();
            client.write_all(b"hello").unwrap();
            client.read_exact(&mut [0; 5]).unwrap();
        }
        signal_pid(pids(&status)[0], Signal::KILL);
        assert!(wait_for_end(pids(&status)[0]));
    }
    node.ready();
    assert!(std::net::TcpStream::connect((node.addr, 8080)).is_ok());
    node.stop();
}

#[test]
fn a_worker_that_never_was_ready_is_given_up() {
    let many: Vec<_> = (0..20)
        .map(|n| format!(r#"{{"type": "stream.testee", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": {}}}}}"#, 9000 + n))
        .collect();
    let config = format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "limits": {{"nofile": 16}},
            "restart": {{"max_restarts": 2, "backoff": 0.01}}, "transports": [{}]}}]}}"#,
        many.join(", ")
    );
    let node = Node::spawn(TempDir::new(), &config, &[]);
    let status = node.until("the failure", |s| s["workers"][0]["state"] == "failed");
    assert!(
        status["workers"][0]["reason"].as_str().unwrap().contains("gave up after 2 restarts"),
        "{status:#}"
    );
    assert_eq!(node.run(&["status", "--assert", "running"]).status.code(), Some(1), "nobody serves");
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

/// Two workers at one port, with two processes and one; each says its name.
const SHARED: &str = r#"{"version": 2, "workers": [
  {"type": "router", "id": "first", "processes": 2, "transports": [{"type": "web",
    "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true},
    "paths": {"/": {"type": "json", "value": "first"}}}]},
  {"type": "router", "id": "second", "transports": [{"type": "web",
    "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true},
    "paths": {"/": {"type": "json", "value": "second"}}}]},
  {"type": "router", "id": "alone", "transports": [
    {"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081}, "paths": {"/": {"type": "json", "value": "alone"}}},
    {"type": "web", "endpoint": {"type": "unix", "path": "alone.sock"}, "paths": {"/": {"type": "json", "value": "alone"}}}]}]}"#;

#[test]
fn for_a_stopped_worker_stands_in_who_shares_its_address() {
    let node = Node::start(SHARED);
    let get = || curl(&["--max-time", "5", &format!("http://{}:8080/", node.addr)]);
    assert!(node.run(&["worker", "stop", "second"]).status.success());
    for _ in 0..60 {
        assert_eq!(get(), "\"first\"", "whichever socket the kernel chooses");
    }
    assert!(node.run(&["worker", "start", "second"]).status.success());
    jackfield_tests::until("an answer of the second", || (get() == "\"second\"").then_some(()));
    // The same when it is killed and stays away.
    assert!(node.run(&["worker", "stop", "first"]).status.success());
    for _ in 0..60 {
        assert_eq!(get(), "\"second\"");
    }
    assert!(node.run(&["worker", "start"]).status.success());
    node.ready();
    node.stop();
}

#[test]
fn where_nobody_shares_it_the_address_of_a_stopped_worker_is_closed_until_its_start() {
    let node = Node::start(SHARED);
    let socket = node.dir.path().join(".jackfield/alone.sock");
    let tcp = || std::net::TcpStream::connect((node.addr, 8081));
    assert_eq!(curl(&[&format!("http://{}:8081/", node.addr)]), "\"alone\"");
    assert!(node.run(&["worker", "stop", "alone"]).status.success());
    assert_eq!(tcp().unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(!socket.exists());
    let status = node.status().unwrap();
    let endpoint = &status["endpoints"][2];
    assert_eq!(
        (&endpoint["state"], endpoint["listeners"].as_array().unwrap().len()),
        (&Value::from("failed"), 0)
    );
    assert!(endpoint["reason"].as_str().unwrap().contains("jackfield worker start alone"), "{endpoint}");
    // Neither a reload nor an upgrade opens what nobody would accept from.
    for command in ["reload", "upgrade"] {
        let output = node.run(&[command]);
        assert!(output.status.success(), "{}", text(&output));
        node.until("the closed address", |_| tcp().is_err());
    }
    assert!(node.run(&["worker", "start", "alone"]).status.success());
    assert_eq!(curl(&[&format!("http://{}:8081/", node.addr)]), "\"alone\"");
    assert!(std::os::unix::net::UnixStream::connect(&socket).is_ok());
    node.ready();
    node.stop();
}

/// Kills the only process of a worker with the policy `never`, and waits for its failure.
fn fail(node: &Node, id: &str) {
    let of = |s: &Value| s["workers"].as_array().unwrap().iter().find(|w| w["id"] == id).unwrap().clone();
    let pid = of(&node.ready())["processes"][0]["pid"].as_u64().unwrap();
    signal_pid(u32::try_from(pid).unwrap(), Signal::KILL);
    node.until("the failure", |s| of(s)["state"] == "failed");
}

#[test]
fn for_a_failed_worker_stands_in_who_shares_its_address_and_alone_it_is_closed() {
    let config = SHARED.replace(r#""id":"#, r#""restart": {"policy": "never"}, "id":"#);
    let node = Node::start(&config);
    let get = || curl(&["--max-time", "5", &format!("http://{}:8080/", node.addr)]);
    let tcp = || std::net::TcpStream::connect((node.addr, 8081));
    fail(&node, "second");
    for _ in 0..60 {
        assert_eq!(get(), "\"first\"", "whichever socket the kernel chooses");
    }
    assert!(node.run(&["worker", "start", "second"]).status.success());
    node.ready();
    fail(&node, "alone");
    node.until("the closed address", |_| tcp().is_err());
    assert_eq!(tcp().unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(!node.dir.path().join(".jackfield/alone.sock").exists());
    assert!(node.run(&["worker", "start", "alone"]).status.success());
    assert_eq!(curl(&[&format!("http://{}:8081/", node.addr)]), "\"alone\"");
    node.ready();
    node.stop();
}
