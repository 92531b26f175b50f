//! Who accepts at an address whose worker is stopped, or has failed.

use super::*;

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
