//! Whatever happens to a process, a configuration or a release: no connection is refused, none is cut before its time.
//!
//! The short form runs with all tests; the full one with `tests/storm`, which prints the figures.

use jackfield_tests::{
    Authority, Kind, Load, Node, Target, TempDir, Wish, ends_within, jackfield, signal_pid, until,
    wait_for_end,
};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Everything that clients of the load talk to, on two processes; `VALUE` is what changes.
const ALL: &str = r#"{"version": 2, "workers": [
  {"type": "router", "id": "front", "processes": 2, "stop": {"drain_timeout": 4}, "transports": [
    {"type": "universal", "id": "plain", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true, "backlog": 1024},
     "websocket": {"ws": {"type": "websocket.testee"}},
     "web": {"paths": {"/": {"type": "json", "value": "VALUE"}, "files": {"type": "static", "directory": "files"}}}},
    {"type": "web", "id": "tls", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8443, "backlog": 1024,
      "tls": {"certificate": "site.crt", "key": "site.key"}}, "paths": {"/": {"type": "json", "value": "VALUE"}}},
    {"type": "web", "id": "unix", "endpoint": {"type": "unix", "path": "web.sock", "backlog": 1024},
     "paths": {"/": {"type": "json", "value": "VALUE"}}}]}]}"#;

const EVERY: [(Kind, usize); 9] = [
    (Kind::Plain, 2),
    (Kind::PlainKept, 2),
    (Kind::PlainIdle, 8),
    (Kind::Tls, 1),
    (Kind::TlsKept, 1),
    (Kind::Unix, 1),
    (Kind::UnixKept, 1),
    (Kind::Slow, 3),
    (Kind::WebSocket, 5),
];

/// So many in the short form, so many in the full one.
fn times(short: u32, full: u32) -> u32 {
    if std::env::var("JACKFIELD_FULL").is_ok_and(|value| value == "1") { full } else { short }
}

fn configuration(value: &str) -> String {
    ALL.replace("VALUE", value)
}

fn start() -> (Node, Target) {
    let (node, target, _) = start_executable(|_| jackfield());
    (node, target)
}

/// A node that runs the executable which is found, or put, in its directory.
fn start_executable(executable: impl Fn(&Path) -> PathBuf) -> (Node, Target, PathBuf) {
    let dir = TempDir::new();
    let executable = executable(dir.path());
    let authority = Authority::new("The Storm");
    authority.write(&dir, "site", Wish { names: &["load.example"], ..Wish::default() });
    let root = dir.write("authority.crt", authority.pem());
    dir.write(".jackfield/files/large", vec![b'x'; 3 << 20]);
    let node = Node::start_executable(&executable, dir, &configuration("0"));
    let at = |port| SocketAddr::from((node.addr, port));
    let target = Target {
        plain: Some(at(8080)),
        tls: Some((at(8443), "load.example".into(), root)),
        unix: Some(node.dir.path().join(".jackfield/web.sock")),
        small: "/".into(),
        large: "/files/large".into(),
        echo: "/ws".into(),
    };
    (node, target, executable)
}

fn configure(node: &Node, value: &str) {
    let config = configuration(value).replace("ADDR", &node.addr.to_string());
    node.dir.write(".jackfield/config.json", config);
}

fn reload(node: &Node) {
    let output = node.run(&["reload"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn inodes(status: &Value) -> Vec<Value> {
    status["endpoints"].as_array().unwrap().iter().map(|e| e["listeners"].clone()).collect()
}

fn pids(status: &Value) -> Vec<u32> {
    let workers = status["workers"].as_array().unwrap().iter();
    let processes = workers.flat_map(|w| w["processes"].as_array().unwrap());
    processes.filter_map(|p| u32::try_from(p["pid"].as_u64()?).ok()).collect()
}

/// Descriptors, and bytes of resident memory, of a process.
fn uses(pid: u32) -> (usize, u64) {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    (descriptors, statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096)
}

#[test]
fn reloads_under_load_lose_nobody() {
    let (node, target) = start();
    let before = node.ready();
    let load = Load::start(&target, &EVERY);
    let count = times(5, 100);
    for n in 1..=count {
        configure(&node, &n.to_string());
        reload(&node);
        // The full form lets clients come to rest, so that they meet processes at every point of their ends.
        std::thread::sleep(Duration::from_millis(times(0, 300).into()));
    }
    let after =
        node.until("the end of what drains", |s| s["workers"][0]["processes"].as_array().unwrap().len() == 2);
    let report = load.finish();
    println!("{count} reloads under load\n{report}");
    assert_eq!(inodes(&before), inodes(&after), "the same sockets");
    assert_eq!(after["node"]["generation"], count + 1);
    report.assert_clean();
    node.stop();
}

/// Puts another file with the same executable there.
fn release(path: &Path) {
    let next = path.with_extension("next");
    std::fs::copy(jackfield(), &next).unwrap();
    std::fs::rename(&next, path).unwrap();
}

#[test]
fn upgrades_under_load_lose_nobody() {
    let (node, target, executable) = start_executable(|dir| {
        let path = dir.join("release");
        release(&path);
        path
    });
    let before = node.ready();
    let upgrade = || {
        release(&executable);
        let output = node.run(&["upgrade"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let load = Load::start(&target, &EVERY);
    upgrade();
    let count = times(0, 19);
    for _ in 0..count {
        upgrade();
    }
    let report = load.finish();
    println!("{} upgrades under load\n{report}", count + 1);
    let after = node.ready();
    assert_eq!(inodes(&before), inodes(&after), "the same sockets");
    report.assert_clean();
    // Without load, so that clients' connections don't count.
    let (descriptors, memory) = uses(node.pid());
    (0..times(1, 20)).for_each(|_| upgrade());
    node.ready();
    let (descriptors_after, memory_after) = uses(node.pid());
    println!("descriptors {descriptors} → {descriptors_after}, memory {memory} → {memory_after}");
    assert_eq!(descriptors, descriptors_after);
    assert!(memory_after < memory + memory / 5 + (2 << 20), "{memory} → {memory_after} bytes");
    node.stop();
}

#[test]
fn many_reloads_leave_nothing_behind() {
    let (node, _) = start();
    let warm = times(10, 50);
    let more = times(20, 950);
    let run = |from: u32, count: u32| {
        for n in from..from + count {
            configure(&node, &n.to_string());
            reload(&node);
        }
        let status = node.until("rest", |s| s["workers"][0]["processes"].as_array().unwrap().len() == 2);
        (uses(node.pid()), pids(&status).len())
    };
    let ((fds, memory), processes) = run(1, warm);
    let ((fds_after, memory_after), processes_after) = run(warm + 1, more);
    println!("{} reloads: descriptors {fds} → {fds_after}, memory {memory} → {memory_after}", warm + more);
    assert_eq!((fds, processes), (fds_after, processes_after));
    assert!(memory_after < memory + memory / 5 + (2 << 20), "{memory} → {memory_after} bytes");
    node.stop();
}

/// Local ports of the clients whose connections a process has accepted.
fn accepted(pid: u32) -> BTreeSet<u16> {
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeSet::new() };
    let links = descriptors.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let inodes: BTreeSet<String> = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let of_line = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let port = u16::from_str_radix(fields.get(2)?.rsplit_once(':')?.1, 16).ok()?;
        inodes.contains(*fields.get(9)?).then_some(port)
    };
    table.lines().filter_map(of_line).collect()
}

#[test]
fn killed_workers_lose_only_what_they_had_accepted() {
    let config = r#"{"version": 2, "workers": [
      {"type": "router", "processes": 4, "restart": {"max_restarts": 100000, "backoff": 0.05, "backoff_max": 0.4},
       "transports": [{"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true, "backlog": 1024},
         "paths": {"/": {"type": "json", "value": "x"}}}]}]}"#;
    let node = Node::start(config);
    let before = node.ready();
    let target = Target { plain: Some((node.addr, 8080).into()), small: "/".into(), ..Target::default() };
    let load = Load::start(&target, &[(Kind::Plain, 8)]);
    let kills = times(15, 150);
    let allowed = storm(kills, || pids(&node.status().expect("the node answers")));
    let after = node.ready();
    let report = load.finish();
    let tally = &report.0[&Kind::Plain];
    let mut ready: Vec<u64> = node
        .log
        .all()
        .iter()
        .filter_map(|line| line.split("ready after ").nth(1)?.split(' ').next()?.parse().ok())
        .collect();
    ready.sort_unstable();
    let (median, longest) = (ready.get(ready.len() / 2), ready.last());
    println!(
        "{kills} kills; processes were ready after {median:?} ms (median), {longest:?} ms at most\n{report}"
    );
    assert!(tally.answered > 100, "{report}");
    assert_eq!((tally.refused, tally.other), (0, 0), "{report}");
    let early: Vec<_> = tally.victims.iter().filter(|port| !allowed.contains(port)).collect();
    assert!(early.is_empty(), "reset before they were accepted: {early:?}\n{report}");
    assert_eq!(inodes(&before), inodes(&after), "the same sockets");
    node.stop();
}

/// Kills one of these processes every 200 ms, so many times; the local ports of those whom they had accepted.
fn storm(kills: u32, processes: impl Fn() -> Vec<u32>) -> BTreeSet<u16> {
    let mut allowed = BTreeSet::new();
    let mut killed = 0;
    while killed < kills {
        let next = Instant::now() + Duration::from_millis(200);
        // One that was killed just now may still be listed.
        let runs = |pid: &u32| !ends_within(*pid, Duration::ZERO);
        let there: Vec<u32> = processes().into_iter().filter(runs).collect();
        if let Some(&victim) = there.get(killed as usize * 7 % there.len().max(1)) {
            // Stopped, it accepts nothing more: what it has accepted by then ends with it, and nothing else may.
            signal_pid(victim, Signal::STOP);
            allowed.extend(accepted(victim));
            signal_pid(victim, Signal::KILL);
            assert!(wait_for_end(victim));
            killed += 1;
        }
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    allowed
}

#[test]
fn a_storm_of_kills_with_the_default_policy_refuses_nobody() {
    let node = Node::start(
        r#"{"version": 2, "workers": [{"type": "router", "processes": 2, "transports": [{"type": "web",
          "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true, "backlog": 1024},
          "paths": {"/": {"type": "json", "value": "x"}}}]}]}"#,
    );
    let kills = times(15, 50);
    let target = Target { plain: Some((node.addr, 8080).into()), small: "/".into(), ..Target::default() };
    let load = Load::start(&target, &[(Kind::Plain, 4)]);
    let allowed = storm(kills, || pids(&node.status().expect("the node answers")));
    node.ready();
    let report = load.finish();
    let tally = &report.0[&Kind::Plain];
    assert_eq!((tally.refused, tally.other), (0, 0), "{report}");
    let early: Vec<_> = tally.victims.iter().filter(|port| !allowed.contains(port)).collect();
    assert!(early.is_empty(), "reset before they were accepted: {early:?}\n{report}");
    assert!(tally.answered > 100, "{report}");
    println!("{kills} kills of 2 processes: longest gap of a client {:?}, {report}", tally.longest);
    node.stop();
    // nginx, which does the same, beside it.
    let nginx = jackfield_tests::Nginx::with_workers(jackfield_tests::loopback(), 8081, 2);
    let target = Target { plain: Some((nginx.addr, 8081).into()), small: "/".into(), ..Target::default() };
    let load = Load::start(&target, &[(Kind::Plain, 4)]);
    storm(kills, || nginx.workers());
    let report = load.finish();
    println!("nginx: longest gap of a client {:?}", report.0[&Kind::Plain].longest);
}

#[test]
fn siblings_stand_in_for_a_process_that_stays_away() {
    let config = r#"{"version": 2, "workers": [
      {"type": "router", "processes": 2, "restart": {"policy": "never"}, "transports": [
        {"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true, "backlog": 1024},
         "paths": {"/": {"type": "json", "value": "x"}}}]}]}"#;
    let node = Node::start(config);
    let before = node.ready();
    signal_pid(pids(&before)[0], Signal::KILL);
    node.until("the failure", |s| s["workers"][0]["processes"][0]["state"] == "failed");
    let target = Target { plain: Some((node.addr, 8080).into()), small: "/".into(), ..Target::default() };
    let load = Load::start(&target, &[(Kind::Plain, 4)]);
    let answered =
        || node.status().and_then(|s| s["endpoints"][0]["connections"]["accepted"].as_u64()).unwrap_or(0);
    until("connections to both sockets", || (answered() > 200).then_some(()));
    assert!(node.run(&["worker", "start", "worker001"]).status.success());
    let both = |s: &Value| {
        s["workers"][0]["processes"]
            .as_array()
            .unwrap()
            .iter()
            .all(|p| p["connections"].as_u64() >= Some(0) && p["state"] == "ready")
    };
    node.until("both", both);
    let at_return = answered();
    until("connections to both processes", || (answered() > at_return + 200).then_some(()));
    let after = node.ready();
    let report = load.finish();
    report.assert_clean();
    assert_eq!(inodes(&before), inodes(&after));
    node.stop();
}
