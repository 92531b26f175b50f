//! Limits that are reached: nothing breaks, and somebody is told.

use jackfield_tests::{DEADLINE, Node};
use std::io::{Read, Write};
use std::net::TcpStream;

const ECHO: &str = r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "stream.testee",
  "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "backlog": 1000, "max_connections": MAX}}]}]}"#;

fn connect(node: &Node) -> TcpStream {
    let stream = TcpStream::connect((node.addr, 8080)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn echoes(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut byte).is_ok()
}

#[test]
fn at_max_connections_a_new_one_is_reset() {
    let node = Node::start(&ECHO.replace("MAX", "3"));
    let mut open: Vec<_> = (0..3).map(|_| connect(&node)).collect();
    assert!(open.iter_mut().all(echoes));
    let mut fourth = connect(&node);
    assert!(!echoes(&mut fourth), "the fourth is refused");
    let status = node.until("the refusal counted", |s| s["endpoints"][0]["connections"]["refused"] == 1);
    assert_eq!(status["endpoints"][0]["connections"]["open"], 3);
    node.log.wait(0, "max_connections");
    drop(open.pop());
    node.until("one less", |s| s["endpoints"][0]["connections"]["open"] == 2);
    assert!(echoes(&mut connect(&node)), "there is room again");
    assert!(open.iter_mut().all(echoes), "the others did not notice");
    drop(open);
    node.stop();
}

#[test]
fn without_descriptors_accepting_pauses_and_goes_on() {
    let node = Node::start_with_descriptors(&ECHO.replace("MAX", "50000"), 64);
    let mut open: Vec<_> = (0..100).map(|_| connect(&node)).collect();
    let (_, seen) = node.log.wait(0, "accepting pauses");
    assert!(echoes(&mut open[0]));
    let before = node.status().unwrap();
    let cpu = |status: &serde_json::Value| status["workers"][0]["processes"][0]["cpu_s"].as_f64().unwrap();
    // Two hundred echoes take time in which a busy loop would burn a core.
    assert!((0..200).all(|_| echoes(&mut open[1])));
    let after = node.status().unwrap();
    assert_eq!(after["workers"][0]["processes"][0]["restarts"], 0);
    assert!(cpu(&after) - cpu(&before) < 0.5, "busy while accepting pauses");
    let mut last = open.pop().unwrap();
    drop(open);
    assert!(echoes(&mut last), "a connection that waited is served once there is room");
    node.log.wait(seen, "goes on");
    drop(last);
    node.stop();
}

#[test]
fn five_thousand_connections() {
    let node = Node::start(
        &ECHO.replace("MAX", "50000").replace(r#""type": "router","#, r#""type": "router", "processes": 2,"#),
    );
    let count = 5_000;
    let mut open: Vec<_> = (0..count).map(|_| connect(&node)).collect();
    node.until("all accepted", |s| s["endpoints"][0]["connections"]["open"] == count);
    assert!(open.iter_mut().step_by(97).all(echoes));
    drop(open);
    node.until("all closed", |s| s["endpoints"][0]["connections"]["open"] == 0);
    node.stop();
}

#[test]
fn the_least_memory_is_enough_and_too_few_descriptors_are_said() {
    let config =
        ECHO.replace("MAX", "50").replace(r#""router","#, r#""router", "limits": {"memory": 16777216},"#);
    let node = Node::start(&config);
    assert!(echoes(&mut connect(&node)));
    let few = format!("ulimit -n 10 && exec {:?} start", jackfield_tests::jackfield());
    let dir = jackfield_tests::TempDir::new();
    dir.write(".jackfield/config.json", config.replace("ADDR", "127.0.0.1"));
    let output =
        std::process::Command::new("sh").args(["-c", &few]).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("at most 10 files may be open, a node needs 64"), "{said}");
    node.stop();
}
