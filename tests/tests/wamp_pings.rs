//! Pings of RawSocket: clients of other projects answer them, and who does not is gone.

use jackfield_tests::{Background, Node, node_modules, signal_pid, until, venv_python};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const CONFIG: &str = r#"{"version": 2, "workers": [{"type": "router",
    "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [
        {"uri": "*", "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]}]}],
    "transports": [
        {"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "debug": true,
            "options": {"auto_ping_interval": 1}},
        {"type": "universal", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081}, "rawsocket": {
            "options": {"auto_ping_interval": 1, "auto_ping_timeout": 8}}}]}]}"#;

/// Starts a client that serves a procedure, and waits until it has registered it.
fn named(command: &mut Command) -> Background {
    let client = Background::spawn(command);
    client.out.wait(0, "registered");
    client
}

fn xconn(url: &str, procedure: &str) -> Background {
    named(Command::new(venv_python()).arg(script("wamp_named.py")).args([url, "realm1", procedure]))
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name)
}

/// How many pongs came from each client, as the log of `debug` has it.
fn pongs(node: &Node) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for line in node.log.all() {
        if let Some((before, _)) = line.split_once(": received Pong") {
            let peer = before.rsplit(' ').next().unwrap_or_default();
            *counts.entry(peer.to_owned()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn clients_of_other_projects_answer_pings_of_rawsocket_and_stay() {
    let node = Node::start(CONFIG);
    let url = format!("rs://{}:8080", node.addr);
    let _xconn = xconn(&url, "com.test.xconn");
    let _autobahn = named(
        Command::new("node")
            .arg(script("wamp_named.js"))
            .args([&node.addr.to_string(), "8080", "realm1", "com.test.autobahn"])
            .env("MODULES", node_modules()),
    );
    until("pongs of both clients", || {
        let pongs = pongs(&node);
        (pongs.len() == 2 && pongs.values().all(|count| *count >= 2)).then_some(())
    });
    for (procedure, answer) in [("com.test.xconn", "from xconn"), ("com.test.autobahn", "from autobahn")] {
        let out = node.run(&["wamp", "call", procedure, "--url", &url]);
        let said = String::from_utf8_lossy(&out.stdout);
        assert!(out.status.success() && said.contains(answer), "{out:?}");
    }
    node.stop();
}

#[test]
fn a_rawsocket_client_that_hangs_does_not_keep_its_names() {
    let node = Node::start(CONFIG);
    let url = format!("rs://{}:8081", node.addr);
    let hung = xconn(&url, "com.test.name");
    signal_pid(hung.pid(), Signal::STOP);
    // It gets the call and never answers; the call ends with its session.
    let out = node.run(&["wamp", "call", "com.test.name", "--url", &url]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(1) && said.contains("wamp.error.canceled"), "{out:?}");
    let _next = xconn(&url, "com.test.name");
    let out = node.run(&["wamp", "call", "com.test.name", "--url", &url]);
    assert!(out.status.success(), "{out:?}");
    node.stop();
}
