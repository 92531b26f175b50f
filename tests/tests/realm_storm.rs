//! A router with several processes under load while the process with its realms, or an edge, dies again and again.
//!
//! The short form runs with all tests; the full one with `tests/storm realm`, which prints the figures.

use jackfield_tests::{Lines, Node, TempDir, Wamp, jackfield, signal_pid, venv_python, wait_for_end};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// So many in the short form, so many in the full one.
fn times(short: u32, full: u32) -> u32 {
    if std::env::var("JACKFIELD_FULL").is_ok_and(|value| value == "1") { full } else { short }
}

fn config(drain_timeout: u32, roles: &[&str]) -> String {
    let all = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let permissions = json!([{"uri": "", "match": "prefix", "allow": all}]);
    let roles: Vec<_> = roles.iter().map(|name| json!({"name": name, "permissions": permissions})).collect();
    let router = json!({"type": "router", "id": "router1", "processes": 3, "stop": {"drain_timeout": drain_timeout},
        "realms": [{"name": "realm1", "roles": roles}],
        "transports": [{"type": "websocket",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}}]});
    json!({"version": 2, "workers": [router]}).to_string()
}

fn node() -> Node {
    let node = Node::start(&config(2, &["anonymous"]));
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
        // In the full form one a second: what a call waits for is then one death and not several.
        sleep(Duration::from_millis(times(0, 1000).into()));
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

#[test]
fn processes_that_are_replaced_keep_the_sessions_that_they_have() {
    let dir = TempDir::new();
    let executable = dir.path().join("release");
    fs::copy(jackfield(), &executable).unwrap();
    let node = Node::start_executable(&executable, dir, &config(3600, &["anonymous"]));
    node.ready();
    let clients = Clients::start(&node);
    let command = |args: &[&str]| {
        let begun = node.status().unwrap()["realms"][0]["events"].as_u64();
        node.until("events", |status| status["realms"][0]["events"].as_u64() > begun.map(|n| n + 100));
        let output = node.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for time in 0..times(1, 10) {
        // Another role is another configuration: all processes of the worker are replaced.
        let roles: &[&str] = if time % 2 == 0 { &["anonymous", "other"] } else { &["anonymous"] };
        let text = config(3600, roles).replace("ADDR", &node.addr.to_string());
        node.dir.write(".jackfield/config.json", text);
        command(&["reload"]);
        command(&["worker", "scale", "router1", "2"]);
        command(&["worker", "scale", "router1", "3"]);
        command(&["worker", "restart", "router1"]);
        let next = executable.with_extension("next");
        fs::copy(jackfield(), &next).unwrap();
        fs::rename(&next, &executable).unwrap();
        command(&["upgrade"]);
    }
    nothing_is_lost(&clients.end());
    node.stop();
}

/// What calls of the meta API take in a realm, one after the other: the median and the 99th percentile.
fn calls(client: &mut Wamp, count: u32) -> (Duration, Duration) {
    let took = (1..=count).map(|request| {
        let began = Instant::now();
        let answer = client.ask(&json!([48, request, {}, "wamp.session.count"]));
        assert_eq!((&answer[0], &answer[1]), (&json!(50), &json!(request)), "{answer}");
        began.elapsed()
    });
    let mut took: Vec<_> = took.collect();
    took.sort_unstable();
    (took[took.len() / 2], took[took.len() * 99 / 100])
}

/// A message as RawSocket has it.
fn framed(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

#[test]
fn a_flood_in_one_realm_stops_its_own_clients_and_nobody_elses() {
    let all = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let roles = json!([{"name": "anonymous", "permissions": [{"uri": "", "match": "prefix", "allow": all}]}]);
    let router = json!({"type": "router", "id": "router1", "processes": 2,
        "realms": [{"name": "realm1", "roles": roles}, {"name": "realm2", "roles": roles}],
        "transports": [{"type": "rawsocket",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}}]});
    let node = Node::start(&json!({"version": 2, "workers": [router]}).to_string());
    node.ready();
    let to = (node.addr, 8080);
    let mut quiet = Wamp::joined_to(to, "realm2");
    let count = times(50, 20_000);
    let alone = calls(&mut quiet, count);
    let subscribers = [(); 4].map(|()| {
        let mut client = Wamp::joined_to(to, "realm1");
        assert_eq!(client.ask(&json!([32, 1, {}, "com.flood"]))[0], 33);
        client.0
    });
    let mut publishers = [(); 2].map(|()| Wamp::joined_to(to, "realm1"));
    let floods = AtomicBool::new(true);
    let (beside, published) = std::thread::scope(|scope| {
        for subscriber in &subscribers {
            scope.spawn(move || {
                let (mut subscriber, mut chunk) = (subscriber, vec![0; 1 << 20]);
                while subscriber.read(&mut chunk).is_ok_and(|count| count > 0) {}
            });
        }
        let publishing = publishers.each_mut().map(|publisher| {
            let floods = &floods;
            scope.spawn(move || {
                let events = framed(&json!([16, 1, {}, "com.flood", ["x".repeat(100)]])).repeat(1000);
                let last = json!([16, 2, {"acknowledge": true}, "com.flood", ["last"]]);
                let mut published = 0_u64;
                while floods.load(Ordering::Relaxed) {
                    // All of it is routed, or the last one would not be answered.
                    publisher.0.write_all(&events).unwrap();
                    assert_eq!(publisher.ask(&last)[0], 17);
                    published += 1001;
                }
                published
            })
        });
        let beside = calls(&mut quiet, count);
        floods.store(false, Ordering::Relaxed);
        let published: u64 = publishing.into_iter().map(|flood| flood.join().unwrap()).sum();
        for subscriber in &subscribers {
            subscriber.shutdown(Shutdown::Both).unwrap();
        }
        (beside, published)
    });
    println!(
        "a call in a quiet realm, median and 99th percentile: {alone:?}; beside {published} events: {beside:?}"
    );
    assert!(published > 100, "{published}");
    let status = node.ready();
    let processes = status["workers"][0]["processes"].as_array().unwrap();
    assert!(processes.iter().all(|process| process["restarts"] == 0), "{status}");
    node.stop();
}
