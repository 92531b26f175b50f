//! A node that has nothing to do uses no processor, whatever its sockets have gone through.

use jackfield_tests::{Node, TempDir, signal_pid, wait_for_end};
use rustix::param::clock_ticks_per_second;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::time::Duration;

/// For how long a node is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// Processor time that all processes of a node together may use meanwhile: some heartbeats, and a retry of what publishes
/// an onion service. A loop that does not wait uses all of it.
const MOST: f64 = 0.25;

const GUEST: &str = "
import socket
listener = socket.socket(fileno=3)
listener.settimeout(None)
while True:
    connection, _ = listener.accept()
    connection.sendall(b'guest')
    connection.close()
";

fn tcp(port: u16, shared: bool) -> Value {
    json!({"type": "tcp", "interface": "ADDR", "port": port, "shared": shared})
}

/// A node with every kind of endpoint; so many processes for each worker.
fn config(processes: u16) -> String {
    let onion = json!({"type": "onion", "port": 80, "private_key_file": "onion.key",
        "tor_control_endpoint": {"type": "tcp", "host": "ADDR", "port": 1}});
    let endpoints = [tcp(8080, true), tcp(8081, false), json!({"type": "unix", "path": "front.sock"}), onion];
    let transports: Vec<_> =
        endpoints.iter().map(|endpoint| json!({"type": "stream.testee", "endpoint": endpoint})).collect();
    json!({"version": 2, "workers": [
        {"type": "router", "id": "front", "processes": processes, "restart": {"policy": "never"},
            "transports": transports},
        {"type": "guest", "id": "guest", "processes": processes, "executable": "python3", "arguments": ["-c", GUEST],
            "listen": [{"name": "web", "endpoint": tcp(8082, true)}]},
    ]})
    .to_string()
}

/// Every process and its parent.
fn parents() -> Vec<(u32, u32)> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, stat(pid)?.get(1)?.parse().ok()?))).collect()
}

/// The fields of `/proc/PID/stat` behind the name.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_ascii_whitespace().map(str::to_owned).collect())
}

/// Processor time of the controller and of all below it, by process.
fn used(node: &Node) -> Vec<(u32, f64)> {
    let all = parents();
    let mut found = vec![node.pid()];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(all.iter().filter(|(_, its)| *its == parent).map(|(pid, _)| *pid));
        next += 1;
    }
    let time = |pid| {
        let fields = stat(pid)?;
        let ticks: u64 = fields[11].parse::<u64>().ok()? + fields[12].parse::<u64>().ok()?;
        Some((pid, ticks as f64 / clock_ticks_per_second() as f64))
    };
    found.into_iter().filter_map(time).collect()
}

/// Panics unless the node is idle: over a time, since that is what it is about.
fn is_idle(node: &Node, after: &str) {
    let before = used(node);
    std::thread::sleep(LOOK);
    let now = used(node);
    let of = |(pid, time): &(u32, f64)| {
        let before = before.iter().find(|(its, _)| its == pid).map_or(0.0, |(_, before)| *before);
        (*pid, time - before)
    };
    let spent: Vec<_> = now.iter().map(of).collect();
    let total: f64 = spent.iter().map(|(_, time)| time).sum();
    assert!(total < MOST, "after {after}: {total:.2} s of processor time in {LOOK:?}: {spent:?}");
}

/// Whether a client of each port is answered by whoever accepts now.
fn serves(node: &Node) {
    use std::io::{Read as _, Write as _};
    for port in [8080, 8081, 8082] {
        for _ in 0..12 {
            let mut client = std::net::TcpStream::connect((node.addr, port)).unwrap();
            client.set_read_timeout(Some(jackfield_tests::DEADLINE)).unwrap();
            let _ = client.write_all(b"hello");
            let mut answer = [0; 5];
            client.read_exact(&mut answer).unwrap_or_else(|e| panic!("port {port}: {e}"));
        }
    }
}

#[test]
fn an_idle_node_uses_no_processor_after_scale_reload_upgrade_and_adoption() {
    let node = Node::start_in(TempDir::new(), &config(2));
    is_idle(&node, "the start");
    for worker in ["front", "guest"] {
        let output = node.run(&["worker", "scale", worker, "4"]);
        assert!(output.status.success(), "{output:?}");
    }
    node.ready();
    serves(&node);
    is_idle(&node, "scale");
    node.dir.write(".jackfield/config.json", config(6).replace("ADDR", &node.addr.to_string()));
    let output = node.run(&["reload"]);
    assert!(output.status.success(), "{output:?}");
    node.ready();
    serves(&node);
    is_idle(&node, "a reload with more processes");
    let output = node.run(&["upgrade"]);
    assert!(output.status.success(), "{output:?}");
    node.ready();
    serves(&node);
    is_idle(&node, "an upgrade");
    let status = node.status().unwrap();
    for process in &status["workers"][0]["processes"].as_array().unwrap()[1..4] {
        let pid = u32::try_from(process["pid"].as_u64().unwrap()).unwrap();
        signal_pid(pid, Signal::KILL);
        assert!(wait_for_end(pid));
    }
    node.until("three processes that have failed", |status| {
        let processes = status["workers"][0]["processes"].as_array().unwrap();
        processes.iter().filter(|process| process["state"] == "failed").count() == 3
    });
    serves(&node);
    is_idle(&node, "adoption");
    node.stop();
}
