//! Processes that die, hang, or never come to be of use.

use super::*;

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
