//! The examples, under load.

use super::*;
use jackfield_tests::{Node, curl, example, loopback, signal_pid};
use rustix::process::Signal;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Starts an example with its address in HOST.
fn start_example(name: &str) -> Node {
    let (dir, addr) = (example(name), loopback());
    let node = Node::launch(dir, addr, &[], &[("HOST", &addr.to_string())]);
    node.ready();
    node
}

/// Connects again and again while `work` is done; panics at the first answer that is none.
fn under_load(addr: Ipv4Addr, work: impl FnOnce()) {
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || {
                let mut count = 0;
                while !stop.load(Ordering::Relaxed) {
                    let answer = get(addr).expect("an answer");
                    assert!(answer.contains("200 OK") && answer.contains("hello"), "{answer}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    work();
    stop.store(true, Ordering::Relaxed);
    let counts: Vec<u32> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn the_python_example_serves_on_its_sockets_and_says_what_it_does() {
    let node = start_example("guest-python");
    assert!(curl(&[&format!("http://{}:8080/", node.addr)]).starts_with("hello from python"));
    let status = node.until("what the guests say", |s| {
        (0..2).all(|n| process(s, n)["status"].as_str().is_some_and(|t| t.ends_with("requests served")))
    });
    assert_eq!(status["workers"][0]["type"], "guest");
    let endpoint = &status["endpoints"][0];
    assert_eq!((&endpoint["worker"], &endpoint["transport"]), (&"hello".into(), &"web".into()));
    assert_eq!(
        (&endpoint["kind"], &endpoint["shared"], &endpoint["state"]),
        (&"guest".into(), &true.into(), &"bound".into())
    );
    assert_eq!(endpoint["listeners"].as_array().unwrap().len(), 2, "a socket for each process");
    assert!(text(&node.run(&["status"])).contains("requests served"));
    let top = text(&node.run(&["top", "-n", "1", "--interval", "0.1"]));
    assert!(top.contains("CPU%") && top.contains("hello") && top.contains("ACCEPTED/S"), "{top}");
    node.stop();
}

#[test]
fn nobody_is_refused_while_the_python_example_is_restarted() {
    let node = start_example("guest-python");
    let before = node.ready();
    under_load(node.addr, || {
        for _ in 0..3 {
            let restarted = node.run(&["worker", "restart"]);
            assert!(restarted.status.success(), "{}", text(&restarted));
        }
    });
    let after = node.ready();
    assert_eq!(before["endpoints"][0]["listeners"], after["endpoints"][0]["listeners"], "the same sockets");
    assert!(pid(&before, 0) != pid(&after, 0) && pid(&before, 1) != pid(&after, 1));
    node.stop();
}

#[test]
fn nobody_is_refused_while_the_node_js_example_is_restarted_and_killed() {
    let node = start_example("guest-node");
    under_load(node.addr, || {
        let restarted = node.run(&["worker", "restart"]);
        assert!(restarted.status.success(), "{}", text(&restarted));
    });
    let killed = pid(&node.ready(), 0);
    signal_pid(killed, Signal::KILL);
    let status =
        node.until("the successor", |s| process(s, 0)["state"] == "ready" && process(s, 0)["restarts"] == 1);
    assert_eq!(process(&status, 0)["last_exit"]["signal"], "SIGKILL");
    assert!(curl(&[&format!("http://{}:8080/", node.addr)]).starts_with("hello from node"));
    node.stop();
}

#[test]
fn the_script_example_reads_json_and_its_two_outputs_have_levels() {
    let dir = example("guest-script");
    let config = dir.path().join(".jackfield/config.yaml");
    let eager = std::fs::read_to_string(&config).unwrap().replace("every_s: 60", "every_s: 0.05");
    std::fs::write(&config, eager.replace("warn_percent: 90", "warn_percent: 0")).unwrap();
    let node = Node::launch(dir, loopback(), &[], &[]);
    node.log.wait(0, "watching /, warning from 0 %");
    let (line, _) = node.log.wait(0, "% full");
    assert!(line.contains(" warn ") && line.contains("disk[0]"), "{line}");
    node.stop();
}
