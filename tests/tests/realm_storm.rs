//! A router with several processes under load while the process with its realms, or an edge, dies again and again.
//!
//! The short form runs with all tests; the full one with `tests/storm realm`, which prints the figures.

use jackfield_tests::{Lines, Node, signal_pid, venv_python, wait_for_end};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// So many in the short form, so many in the full one.
fn times(short: u32, full: u32) -> u32 {
    if std::env::var("JACKFIELD_FULL").is_ok_and(|value| value == "1") { full } else { short }
}

fn node() -> Node {
    let all = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let roles = json!([{"name": "anonymous", "permissions": [{"uri": "", "match": "prefix", "allow": all}]}]);
    let router = json!({"type": "router", "id": "router1", "processes": 3, "stop": {"drain_timeout": 2},
        "realms": [{"name": "realm1", "roles": roles}],
        "transports": [{"type": "websocket",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}}]});
    let node = Node::start(&json!({"version": 2, "workers": [router]}).to_string());
    node.ready();
    node
}

/// The clients, which work until [`Self::end`].
struct Clients {
    child: Child,
    out: Lines,
}

impl Clients {
    fn start(node: &Node) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/wamp_load.py");
        let mut command = Command::new(venv_python());
        command.arg(script).arg(format!("ws://{}:8080/", node.addr));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run the clients");
        let out = Lines::follow(child.stdout.take().unwrap());
        out.wait(0, "running");
        Self { child, out }
    }

    fn end(mut self) -> Value {
        drop(self.child.stdin.take());
        let (line, _) = self.out.wait(0, "longest_ms");
        assert!(self.child.wait().expect("the clients end").success());
        serde_json::from_str(&line).expect("figures are JSON")
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn processes(status: &Value, role: &str) -> Vec<u32> {
    let all = status["workers"][0]["processes"].as_array().unwrap();
    let own = all.iter().filter(|process| process["role"] == role && process["state"] == "ready");
    own.map(|process| process["pid"].as_u64().unwrap().try_into().unwrap()).collect()
}

fn realm(node: &Node, unlike: Option<u32>) -> u32 {
    let found = |status: &Value| processes(status, "realm").first().is_some_and(|pid| Some(*pid) != unlike);
    node.until("a realm process", found);
    processes(&node.status().unwrap(), "realm")[0]
}

/// What nobody's death but their own may do to clients.
fn nothing_is_lost(figures: &Value) {
    let longest: Vec<_> =
        figures["longest_ms"].as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    let mut sorted = longest.clone();
    sorted.sort_unstable();
    println!(
        "{} calls, {} results, {} publications, {} events, {} visits; the longest call of a second: median {} ms, worst {} ms",
        figures["calls"],
        figures["results"],
        figures["published"],
        figures["events"],
        figures["visits"],
        sorted[sorted.len() / 2],
        sorted[sorted.len() - 1]
    );
    for key in ["missing", "doubled", "disordered"] {
        assert_eq!(figures[key], 0, "{key}: {figures}");
    }
    assert_eq!((&figures["ended"], &figures["errors"]), (&json!([]), &json!([])), "{figures}");
    assert_eq!(figures["calls"], figures["results"]);
    assert!(figures["events"].as_u64() > Some(100), "{figures}");
}

#[test]
fn a_realm_process_that_is_killed_again_and_again_costs_no_session_no_event_and_no_call() {
    let node = node();
    let clients = Clients::start(&node);
    let mut before = None;
    for _ in 0..times(6, 60) {
        let pid = realm(&node, before);
        before = Some(pid);
        // Between two deaths there is to be load.
        node.until("events", |status| status["realms"][0]["events"].as_u64() > Some(100));
        signal_pid(pid, Signal::KILL);
        assert!(wait_for_end(pid));
    }
    let figures = clients.end();
    nothing_is_lost(&figures);
    let status = node.ready();
    assert_eq!(status["realms"][0]["takeovers"], times(6, 60), "{}", status["realms"]);
    node.stop();
}

#[test]
fn a_realm_process_that_hangs_costs_time_alone() {
    let node = node();
    let clients = Clients::start(&node);
    for _ in 0..times(1, 5) {
        let pid = realm(&node, None);
        signal_pid(pid, Signal::STOP);
        realm(&node, Some(pid));
    }
    nothing_is_lost(&clients.end());
    node.stop();
}
