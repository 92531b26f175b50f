//! `jackfield reload`: what is changed, what is left alone, what is undone.

mod several_files;
mod sockets;

use jackfield_tests::{Node, curl, wait_for_end};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::process::Output;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A worker with one JSON value at the port.
fn site(id: &str, port: u16, value: &str) -> Value {
    json!({"type": "router", "id": id, "transports": [{"type": "web",
        "endpoint": {"type": "tcp", "interface": "ADDR", "port": port},
        "paths": {"/": {"type": "json", "value": value}}}]})
}

fn node_of(workers: &[Value]) -> String {
    json!({"version": 2, "workers": workers}).to_string()
}

trait Reload {
    /// Writes the configuration.
    fn configure(&self, config: &str);
    /// Writes the configuration and reloads.
    fn reload(&self, config: &str) -> Output;
    /// The same; panics unless it comes into effect.
    fn reloaded(&self, config: &str) -> Value;
    /// The same; panics unless nothing has changed, and says why.
    fn refused(&self, config: &str) -> String;
    fn get(&self, port: u16) -> String;
}

impl Reload for Node {
    fn configure(&self, config: &str) {
        self.dir.write(".jackfield/config.json", config.replace("ADDR", &self.addr.to_string()));
    }

    fn reload(&self, config: &str) -> Output {
        self.configure(config);
        self.run(&["reload", "--timeout", "20"])
    }

    fn reloaded(&self, config: &str) -> Value {
        let output = self.reload(config);
        assert!(output.status.success(), "{}", text(&output));
        self.ready()
    }

    fn refused(&self, config: &str) -> String {
        let before = self.ready();
        let output = self.reload(config);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        let after = self.until("what was tried is gone", |s| processes(s) == processes(&before));
        assert_eq!(inodes(&before), inodes(&after));
        assert_eq!(before["node"]["generation"], after["node"]["generation"]);
        let text = text(&output);
        assert!(text.contains("nothing was changed") && text.lines().count() < 25, "{text}");
        text
    }

    fn get(&self, port: u16) -> String {
        curl(&[&format!("http://{}:{port}/", self.addr)])
    }
}

/// Worker, process id and state of each process.
fn processes(status: &Value) -> Vec<(String, u64, String)> {
    let workers = status["workers"].as_array().unwrap().iter();
    let of = |w: &Value| {
        let id = w["id"].as_str().unwrap().to_owned();
        let processes = w["processes"].as_array().unwrap().clone().into_iter();
        let of = move |p: Value| {
            (id.clone(), p["pid"].as_u64().unwrap_or(0), p["state"].as_str().unwrap().to_owned())
        };
        processes.map(of).collect::<Vec<_>>()
    };
    workers.flat_map(of).collect()
}

fn pids(status: &Value, worker: &str) -> Vec<u64> {
    processes(status).into_iter().filter(|(id, ..)| id == worker).map(|(_, pid, _)| pid).collect()
}

/// Address and inodes of each endpoint.
fn inodes(status: &Value) -> Vec<(String, Vec<u64>)> {
    let of = |e: &Value| {
        let inodes = e["listeners"].as_array().unwrap().iter().map(|l| l["inode"].as_u64().unwrap());
        (e["address"].as_str().unwrap().to_owned(), inodes.collect())
    };
    status["endpoints"].as_array().unwrap().iter().map(of).collect()
}

#[test]
fn what_has_not_changed_is_left_alone() {
    let two = [site("first", 8080, "one"), site("second", 8081, "two")];
    let node = Node::start(&node_of(&two));
    let before = node.ready();
    let after = node.reloaded(&node_of(&[
        two[0].clone(),
        site("second", 8081, "changed"),
        site("third", 8082, "new"),
    ]));
    assert_eq!(after["node"]["generation"], 2);
    assert_eq!(pids(&before, "first"), pids(&after, "first"));
    assert_ne!(pids(&before, "second"), pids(&after, "second"));
    let generations = |s: &Value, w: usize| s["workers"][w]["processes"][0]["generation"].clone();
    assert_eq!((generations(&after, 0), generations(&after, 1)), (1.into(), 2.into()));
    assert_eq!(inodes(&before), inodes(&after)[..2], "kept listeners keep their sockets");
    assert_eq!([8080, 8081, 8082].map(|port| node.get(port)), ["\"one\"", "\"changed\"", "\"new\""]);
    let accepted = node.until("counters", |s| s["endpoints"][1]["connections"]["accepted"] == 1);
    assert_eq!(accepted["endpoints"][1]["connections"]["open"], 0);

    let last = node.reloaded(&node_of(&[site("third", 8082, "new")]));
    assert_eq!(pids(&after, "third"), pids(&last, "third"));
    assert!(TcpStream::connect((node.addr, 8080)).is_err() && TcpStream::connect((node.addr, 8081)).is_err());
    for (_, pid, _) in processes(&after).iter().filter(|(id, ..)| id != "third") {
        assert!(wait_for_end(u32::try_from(*pid).unwrap()));
    }
    node.reloaded(&node_of(&[]));
    assert_eq!(node.ready()["workers"], json!([]), "a node without workers is a node");
    node.reloaded(&node_of(&two));
    assert_eq!(node.get(8080), "\"one\"");
    node.stop();
}

#[test]
fn what_fails_is_undone_and_named() {
    let good = [site("first", 8080, "one"), site("second", 8081, "two")];
    let node = Node::start(&node_of(&good));
    let with = |worker: Value| node_of(&[good[0].clone(), site("second", 8081, "changed"), worker]);

    let broken = node.refused(&node_of(&[json!({"type": "rooter"})]));
    assert!(broken.contains("config.json:1:") && broken.contains("rooter"), "{broken}");
    let syntax = node.refused("{\"version\": 2, \"workers\": [");
    assert!(syntax.contains("config.json:1:"), "{syntax}");

    let _taken = TcpListener::bind((node.addr, 8090)).unwrap();
    let in_use = node.refused(&with(site("third", 8090, "x")));
    assert!(
        in_use.contains("in use") && in_use.contains("8090") && in_use.contains("config.json:1:"),
        "{in_use}"
    );

    let mut tls = site("third", 8082, "x");
    tls["transports"][0]["endpoint"]["tls"] = json!({"certificate": "missing.pem", "key": "missing.key"});
    let missing = node.refused(&with(tls));
    assert!(missing.contains("missing.pem"), "{missing}");

    let mut exits = site("third", 8082, "x");
    exits["limits"] = json!({"nofile": 16});
    exits["transports"] = (0..20)
        .map(|n| json!({"type": "stream.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 9000 + n}}))
        .collect();
    let exits = node.refused(&with(exits));
    assert!(exits.contains("third[0]: the new process"), "{exits}");
    assert!(TcpStream::connect((node.addr, 9000)).is_err(), "what was bound is closed");

    assert_eq!((node.get(8080), node.get(8081)), ("\"one\"".into(), "\"two\"".into()));
    let status = node.reloaded(&node_of(&[site("second", 8081, "two"), site("first", 8080, "one")]));
    assert_eq!(status["workers"][0]["id"], "second", "the order is the configuration's");
    node.stop();
}

#[test]
fn a_new_process_that_hangs_is_waited_for_and_given_up() {
    let node = Node::start(&node_of(&[site("first", 8080, "one")]));
    let before = node.ready();
    // It is to say when it is ready, and never does.
    let hangs = json!({"type": "guest", "id": "hangs", "executable": "sleep", "arguments": ["1000"], "ready": "notify"});
    node.configure(&node_of(&[site("first", 8080, "changed"), hangs]));
    let output = node.run(&["reload", "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(1));
    let text = text(&output);
    assert!(
        text.contains("nothing was changed: hangs[0]: the new process was not ready after 1 s"),
        "{text}"
    );
    assert_eq!(node.get(8080), "\"one\"");
    let after = node.until("the end of what was started", |s| processes(s) == processes(&before));
    assert_eq!(inodes(&before), inodes(&after));
    node.stop();
}

#[test]
fn without_descriptors_nothing_is_changed() {
    let node = Node::start_with_descriptors(&node_of(&[site("first", 8080, "one")]), 64);
    let many: Vec<_> = (0..30).map(|n| site(&format!("w{n:02}"), 9000 + n, "x")).collect();
    let text = node.refused(&node_of(&many));
    assert!(text.contains("open files") || text.contains("descriptors"), "{text}");
    assert_eq!(node.get(8080), "\"one\"");
    let status = node.reloaded(&node_of(&[site("first", 8080, "two")]));
    assert_eq!((node.get(8080), &status["node"]["generation"]), ("\"two\"".into(), &2.into()));
    node.stop();
}

#[test]
fn a_dry_run_says_what_a_reload_would_do_and_does_nothing() {
    let mut worker = site("second", 8081, "two");
    let node =
        Node::start(&node_of(&[site("first", 8080, "one"), worker.clone(), site("third", 8082, "three")]));
    let before = node.ready();
    let untouched = |after: &Value| {
        assert_eq!((processes(&before), inodes(&before)), (processes(after), inodes(after)));
        assert_eq!(before["node"]["generation"], after["node"]["generation"]);
    };
    worker["processes"] = json!(2);
    let next = node_of(&[site("first", 8080, "changed"), worker, site("fourth", 8083, "new")]);
    node.configure(&next);
    let output = node.run(&["reload", "--dry-run"]);
    assert!(output.status.success(), "{}", text(&output));
    let said =
        "new: fourth; replaced: first; resized: second (1 → 2 processes); removed: third; unchanged: 0";
    assert!(text(&output).contains(said), "{}", text(&output));
    untouched(&node.until("what was bound is gone", |s| s["endpoints"].as_array().unwrap().len() == 3));
    assert_eq!((node.get(8080), node.get(8082)), ("\"one\"".into(), "\"three\"".into()));
    // What stands in the way is said.
    let _taken = TcpListener::bind((node.addr, 8083)).unwrap();
    let output = node.run(&["reload", "--dry-run"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains(":8083"), "{}", text(&output));
    untouched(&node.status().unwrap());
    node.stop();
}

#[test]
fn a_reload_goes_on_without_the_command_that_wanted_it() {
    let node = Node::start(&node_of(&[site("first", 8080, "one")]));
    node.configure(&node_of(&[site("first", 8080, "two")]));
    drop(node.background(&["reload"]));
    // It was interrupted before it had asked, or after.
    node.signal(Signal::HUP);
    node.until("the new configuration", |s| s["node"]["generation"].as_u64() > Some(1));
    node.ready();
    assert_eq!(node.get(8080), "\"two\"");
    node.stop();
}

#[test]
fn signals_reload_too_and_one_waits_for_the_other() {
    let node = Node::start(&node_of(&[site("first", 8080, "one")]));
    node.configure(&node_of(&[site("first", 8080, "two")]));
    node.signal(Signal::HUP);
    node.log.wait(0, "SIGHUP: reading the configuration");
    node.until("the new generation", |s| s["node"]["generation"] == 2);
    assert_eq!(node.get(8080), "\"two\"");
    for _ in 0..3 {
        node.signal(Signal::HUP);
    }
    node.until("a later generation", |s| s["node"]["generation"].as_u64() > Some(2));
    node.configure("{");
    node.signal(Signal::HUP);
    node.log.wait(0, "reload: nothing was changed");
    assert_eq!(node.get(8080), "\"two\"");
    node.stop();
}

#[test]
fn workers_are_scaled_up_and_down() {
    let mut worker = site("front", 8080, "x");
    worker["processes"] = json!(2);
    worker["transports"][0]["endpoint"]["shared"] = json!(true);
    let mut other = site("other", 8081, "y");
    let node = Node::start(&node_of(&[worker.clone(), other.clone()]));
    let two = node.ready();
    let scale = |n: &str| {
        let output = node.run(&["worker", "scale", "front", n]);
        assert!(output.status.success(), "{}", text(&output));
        node.ready()
    };
    let four = scale("4");
    assert_eq!((pids(&four, "front").len(), &pids(&four, "front")[..2]), (4, &pids(&two, "front")[..]));
    assert_eq!(inodes(&four)[0].1.len(), 4);
    other["transports"][0]["paths"]["/"]["value"] = json!("z");
    let reloaded = node.reloaded(&node_of(&[worker.clone(), other.clone()]));
    assert_eq!(pids(&four, "front"), pids(&reloaded, "front"), "the configuration says what it said before");
    let one = scale("1");
    assert_eq!(pids(&one, "front"), pids(&two, "front")[..1]);
    assert_eq!(inodes(&one)[0].1, inodes(&four)[0].1, "queues of those that went have readers");
    for _ in 0..100 {
        assert_eq!(node.get(8080), "\"x\"");
    }
    worker["processes"] = json!(3);
    let three = node.reloaded(&node_of(&[worker, other]));
    assert_eq!(pids(&three, "front").len(), 3, "the configuration says something new");
    for (args, expected) in [(["scale", "frnot", "2"], "front"), (["scale", "front", "0"], "from 1 to 1024")]
    {
        let output = node.run(&[&["worker"][..], &args].concat());
        assert!(!output.status.success() && text(&output).contains(expected), "{}", text(&output));
    }
    node.stop();
}

#[test]
fn a_configuration_that_has_gone_changes_nothing() {
    let node = Node::start(&node_of(&[site("first", 8080, "one")]));
    std::fs::remove_file(node.dir.path().join(".jackfield/config.json")).unwrap();
    let output = node.run(&["reload"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("there is no configuration"), "{}", text(&output));
    assert_eq!(node.get(8080), "\"one\"");
    node.stop();
}

#[test]
fn success_is_said_where_nobody_looks_too() {
    let node = Node::start(&node_of(&[site("first", 8080, "one")]));
    node.configure(&node_of(&[site("first", 8080, "two")]));
    let said = |args: &[&str]| {
        let output = node.run(args);
        assert!(output.status.success(), "{}", text(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(said(&["reload"]), "generation 2 is in effect: replaced: first; unchanged: 0\n");
    assert_eq!(said(&["worker", "restart", "first"]), "restarted: first\n");
    assert_eq!(said(&["worker", "scale", "first", "2"]), "first has 2 processes\n");
    assert!(said(&["upgrade"]).starts_with("upgraded: release "));
    assert!(said(&["stop"]).ends_with(".jackfield has stopped\n"));
}
