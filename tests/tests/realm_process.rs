//! Routers with several processes: what the controller does with those that serve clients, and with the one that has their
//! realms.

use jackfield_tests::{
    Background, Node, TempDir, Wamp, jackfield, signal_pid, until, venv_python, wait_for_end,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

fn router(processes: u16) -> Value {
    let all = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let roles = json!([{"name": "anonymous", "permissions": [{"uri": "", "match": "prefix", "allow": all}]}]);
    json!({"type": "router", "id": "router1", "processes": processes, "stop": {"drain_timeout": 2},
        "realms": [{"name": "realm1", "roles": roles}],
        "transports": [{"type": "universal", "rawsocket": {}, "websocket": {"ws": {"type": "websocket"}},
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}}]})
}

fn config(processes: u16) -> String {
    json!({"version": 2, "workers": [router(processes)]}).to_string()
}

fn processes(status: &Value) -> &Vec<Value> {
    status["workers"][0]["processes"].as_array().unwrap()
}

/// Index, role, and process id of each process.
fn parts(status: &Value) -> Vec<(u64, String, u32)> {
    let part = |process: &Value| {
        let pid = process["pid"].as_u64().unwrap_or_default();
        (
            process["index"].as_u64().unwrap(),
            process["role"].as_str().unwrap_or_default().to_owned(),
            pid.try_into().unwrap(),
        )
    };
    processes(status).iter().map(part).collect()
}

fn roles(status: &Value) -> Vec<String> {
    parts(status).into_iter().map(|(_, role, _)| role).collect()
}

/// The process that has the realms, which is listed last.
fn realm(status: &Value) -> u32 {
    let parts = parts(status);
    let (_, role, pid) = parts.last().unwrap();
    assert_eq!(role, "realm", "{parts:?}");
    *pid
}

fn edges(status: &Value) -> Vec<u32> {
    parts(status).into_iter().filter(|(_, role, _)| role == "edge").map(|(.., pid)| pid).collect()
}

/// All processes are ready, and one other than that with this process id has the realms.
fn has_another_realm_process(status: &Value, before: u32) -> bool {
    let all_ready = processes(status).iter().all(|process| process["state"] == "ready");
    all_ready && realm(status) != before
}

/// A client on each edge gets what another one publishes.
fn events_get_through(node: &Node) {
    let url = format!("ws://{}:8080/ws", node.addr);
    let subscriber = node.background(&["wamp", "subscribe", "com.topic", "--url", &url, "--realm", "realm1"]);
    let mut count = 0;
    until("an event", || {
        count += 1;
        let args = ["wamp", "publish", "com.topic", "--url", &url, "--realm", "realm1"];
        let published = node.run(&[&args[..], &[&format!("number{count}")]].concat());
        assert!(published.status.success(), "{}", String::from_utf8_lossy(&published.stderr));
        subscriber.out.all().iter().any(|line| line.contains("number")).then_some(())
    });
}

#[test]
fn the_realms_have_a_process_of_their_own_which_is_listed_last() {
    let node = Node::start(&config(2));
    let status = node.ready();
    assert_eq!(roles(&status), ["edge", "edge", "realm"]);
    assert_eq!(processes(&status)[0]["realms"], json!([]));
    assert_eq!(processes(&status)[2]["realms"], json!(["realm1"]));
    let listeners = status["endpoints"][0]["listeners"].as_array().unwrap();
    let owners: Vec<_> = listeners.iter().map(|listener| listener["process"].as_u64().unwrap()).collect();
    assert_eq!(owners, [0, 1]);
    let names: Vec<_> = status["realms"].as_array().unwrap().iter().map(|realm| &realm["name"]).collect();
    assert_eq!(names, ["realm1"]);
    assert_eq!(
        (&status["realms"][0]["worker"], &status["realms"][0]["takeovers"]),
        (&json!("router1"), &json!(0))
    );
    let table = String::from_utf8(node.run(&["status"]).stdout).unwrap();
    assert!(table.contains("2 (realm)"), "{table}");
    events_get_through(&node);
    node.stop();
}

#[test]
fn one_process_has_clients_and_realms_and_is_not_taken_apart_while_it_runs() {
    let node = Node::start(&config(1));
    assert_eq!(roles(&node.ready()), ["both"]);
    let scaled = node.run(&["worker", "scale", "router1", "2"]);
    let text = String::from_utf8(scaled.stderr).unwrap();
    assert!(!scaled.status.success() && text.contains("write \"processes\": 2"), "{text}");
    node.dir.write(".jackfield/config.json", config(2).replace("ADDR", &node.addr.to_string()));
    assert!(node.run(&["reload"]).status.success());
    let is_apart = |status: &Value| roles(status) == ["edge", "edge", "realm"];
    node.until("the process before to end", is_apart);
    events_get_through(&node);
    node.stop();
}

#[test]
fn a_realm_process_that_is_killed_is_replaced_at_once_and_its_edges_go_on() {
    let node = Node::start(&config(2));
    let status = node.ready();
    let (before, edges_before) = (realm(&status), edges(&status));
    for takeovers in 1..=3 {
        let killed = realm(&node.ready());
        signal_pid(killed, Signal::KILL);
        node.until("another realm process", |status| {
            has_another_realm_process(status, killed) && status["realms"][0]["takeovers"] == takeovers
        });
    }
    let status = node.ready();
    assert_eq!(edges(&status), edges_before);
    assert_eq!(processes(&status)[2]["restarts"], 3);
    assert_eq!(processes(&status)[2]["last_exit"]["signal"], "SIGKILL");
    assert_ne!(realm(&status), before);
    assert_eq!(status["realms"][0]["epoch"], 4);
    events_get_through(&node);
    node.stop();
}

#[test]
fn a_realm_process_that_hangs_is_replaced_after_its_own_watchdog() {
    let node = Node::start(&config(2));
    let before = realm(&node.ready());
    signal_pid(before, Signal::STOP);
    let since = Instant::now();
    node.until("another realm process", |status| has_another_realm_process(status, before));
    // That of edges takes 10 s.
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    let log = node.stop().join("\n");
    assert!(log.contains("did not answer for 2."), "{log}");
}

#[test]
fn an_edge_that_drains_waits_a_limited_time_for_a_realm_process_that_hangs() {
    let mut router = router(2);
    router["stop"]["drain_timeout"] = json!(60);
    router["realm_watchdog"] = json!(0);
    let node = Node::start(&json!({"version": 2, "workers": [router]}).to_string());
    let hangs = realm(&node.ready());
    // Each edge has some of them.
    let clients: Vec<_> = (0..16).map(|_| Wamp::joined_to((node.addr, 8080), "realm1")).collect();
    signal_pid(hangs, Signal::STOP);
    drop(clients);
    let since = Instant::now();
    let scaled = node.run(&["worker", "scale", "router1", "1"]);
    assert!(scaled.status.success(), "{}", String::from_utf8_lossy(&scaled.stderr));
    node.log.wait(0, "was not routed in time");
    node.until("one edge", |status| edges(status).len() == 1);
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
    signal_pid(hangs, Signal::CONT);
    node.stop();
}

#[test]
fn scaling_counts_edges_and_leaves_the_realm_process_alone() {
    let node = Node::start(&config(2));
    let before = realm(&node.ready());
    for count in ["4", "1", "3"] {
        let scaled = node.run(&["worker", "scale", "router1", count]);
        assert!(scaled.status.success(), "{}", String::from_utf8_lossy(&scaled.stderr));
        let status = node.ready();
        assert_eq!(edges(&status).len().to_string(), count);
        assert_eq!(realm(&status), before);
        assert_eq!(parts(&status).last().unwrap().0.to_string(), count);
        assert_eq!(processes(&status).last().unwrap()["restarts"], 0);
    }
    events_get_through(&node);
    node.stop();
}

#[test]
fn a_restart_replaces_edges_and_then_the_realm_process() {
    let node = Node::start(&config(2));
    let before = node.ready();
    let (_, seen) = node.log.wait(0, "every worker is ready");
    let restarted = node.run(&["worker", "restart", "router1"]);
    assert!(restarted.status.success(), "{}", String::from_utf8_lossy(&restarted.stderr));
    let after = node.ready();
    assert_eq!(roles(&after), ["edge", "edge", "realm"]);
    assert!(edges(&before).iter().all(|pid| !edges(&after).contains(pid)));
    assert_ne!(realm(&before), realm(&after));
    let log = node.log.all();
    let ready = log[seen..].iter().filter(|line| line.contains("ready after"));
    let order: Vec<_> = ready.filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(order, ["router1[0]", "router1[1]", "router1[2]"], "{log:#?}");
    events_get_through(&node);
    node.stop();
}

#[test]
fn edges_end_before_the_realm_process_when_their_worker_stops() {
    let node = Node::start(&config(2));
    let (edges, realm) = (edges(&node.ready()), realm(&node.ready()));
    assert!(node.run(&["worker", "stop", "router1"]).status.success());
    edges.iter().chain([&realm]).for_each(|pid| assert!(wait_for_end(*pid)));
    node.log.wait(0, "router1[2]     exited with code 0");
    let log = node.log.all();
    let end =
        |name: &str| log.iter().position(|line| line.contains(name) && line.contains("exited with code 0"));
    let (last, ends) = (end("router1[2]"), [end("router1[0]"), end("router1[1]")]);
    assert!(ends.iter().all(|edge| edge.is_some() && edge < &last), "{log:#?}");
    assert!(node.run(&["worker", "start", "router1"]).status.success());
    events_get_through(&node);
    node.stop();
}

/// Inodes of the Unix sockets at which a process listens.
fn links(pid: u32) -> Vec<String> {
    let own = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten();
    let own = own.filter_map(|entry| fs::read_link(entry.path()).ok()).map(|link| link.display().to_string());
    let own: Vec<_> = own
        .filter_map(|name| Some(name.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let all = fs::read_to_string("/proc/net/unix").unwrap();
    // Those that listen (SO_ACCEPTCON).
    let listens =
        |fields: &Vec<&str>| fields.get(3) == Some(&"00010000") && own.contains(&fields[6].to_owned());
    let lines = all.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.filter(listens).map(|fields| fields[6].to_owned()).collect()
}

#[test]
fn an_upgrade_keeps_the_link_between_edges_and_realm_process() {
    let dir = TempDir::new();
    let executable = dir.path().join("release");
    fs::copy(jackfield(), &executable).unwrap();
    let node = Node::start_executable(&executable, dir, &config(2));
    let before = node.ready();
    let link = links(realm(&before));
    assert_eq!(link.len(), 1, "{link:?}");
    let left = fs::read_dir(node.dir.path().join(".jackfield/run")).unwrap();
    assert!(left.flatten().all(|entry| entry.file_name() != "link.sock"));
    // The next release: the same, but another file.
    let next = executable.with_extension("next");
    fs::copy(jackfield(), &next).unwrap();
    fs::rename(&next, &executable).unwrap();
    let upgraded = node.run(&["upgrade"]);
    assert!(upgraded.status.success(), "{}", String::from_utf8_lossy(&upgraded.stderr));
    let after = node.ready();
    assert_eq!(links(realm(&after)), link);
    assert_eq!(roles(&after), ["edge", "edge", "realm"]);
    assert_ne!(realm(&before), realm(&after));
    events_get_through(&node);
    // The new image knows which edges there are, and goes on with that.
    let killed = edges(&after)[0];
    signal_pid(killed, Signal::KILL);
    node.until("another edge", |status| !edges(status).contains(&killed) && edges(status).len() == 2);
    node.ready();
    events_get_through(&node);
    node.stop();
}

/// A client that prints what it gets.
fn subscriber(node: &Node, realm: &str, topic: &str) -> Background {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/wamp_wait.py");
    let url = format!("ws://{}:8080/ws", node.addr);
    let client = Background::spawn(Command::new(venv_python()).args([script, &url, realm, topic]));
    gets(&client, "[33,1,");
    client
}

/// The first line with this text.
fn gets(client: &Background, text: &str) -> String {
    client.out.wait(0, text).0
}

/// Realms whose clients may subscribe to these topics.
fn realms(names: &[&str], topics: &[&str]) -> String {
    let permit = |topic: &&str| json!({"uri": topic, "allow": {"publish": true, "subscribe": true}});
    let permissions: Vec<_> = topics.iter().map(permit).collect();
    let roles = json!([{"name": "anonymous", "permissions": permissions}]);
    let mut router = router(2);
    router["realms"] = names.iter().map(|name| json!({"name": name, "roles": roles})).collect();
    // Longer than the test may take.
    router["stop"] = json!({"drain_timeout": 3600});
    json!({"version": 2, "workers": [router]}).to_string()
}

#[test]
fn who_may_not_stay_after_a_reload_is_told_why_and_a_stop_ends_the_others() {
    let node = Node::start(&realms(&["realm1", "realm2"], &["com.topic", "com.other"]));
    node.ready();
    let stays = subscriber(&node, "realm1", "com.topic");
    let loses = subscriber(&node, "realm1", "com.other");
    let goes = subscriber(&node, "realm2", "com.topic");
    let text = realms(&["realm1"], &["com.topic"]).replace("ADDR", &node.addr.to_string());
    node.dir.write(".jackfield/config.json", text);
    let reloaded = node.run(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    let goodbye = gets(&goes, "[6,");
    assert!(goodbye.contains("no_such_realm") && goodbye.contains("realm2"), "{goodbye}");
    let revoked = gets(&loses, "[35,0,");
    assert!(revoked.contains("wamp.error.not_authorized"), "{revoked}");
    events_get_through(&node);
    gets(&stays, "[36,");
    assert!(node.run(&["worker", "stop", "router1"]).status.success());
    for client in [&stays, &loses] {
        let goodbye = gets(client, "[6,");
        assert!(goodbye.contains("wamp.close.system_shutdown"), "{goodbye}");
        gets(client, "closed 1012");
    }
    node.stop();
}

#[test]
fn a_realm_that_a_reload_adds_waits_for_no_process_that_does_not_know_it() {
    let node = Node::start(&realms(&["realm1"], &["com.topic"]));
    node.ready();
    // Keeps the process that it is connected to, which is of the configuration before.
    let stays = subscriber(&node, "realm1", "com.topic");
    let text = realms(&["realm1", "realm2"], &["com.topic"]).replace("ADDR", &node.addr.to_string());
    node.dir.write(".jackfield/config.json", text);
    let reloaded = node.run(&["reload"]);
    assert!(reloaded.status.success(), "{}", String::from_utf8_lossy(&reloaded.stderr));
    let joins = subscriber(&node, "realm2", "com.topic");
    events_get_through(&node);
    gets(&stays, "[36,");
    drop(joins);
    let log = node.stop().join("\n");
    assert!(!log.contains("did not tell"), "{log}");
}

#[test]
fn sessions_of_a_process_that_was_replaced_end_with_a_goodbye_when_its_time_is_over() {
    let node = Node::start(&config(2));
    node.ready();
    let client = subscriber(&node, "realm1", "com.topic");
    assert!(node.run(&["worker", "restart", "router1"]).status.success());
    events_get_through(&node);
    gets(&client, "[36,");
    let goodbye = gets(&client, "[6,");
    assert!(goodbye.contains("wamp.close.system_shutdown"), "{goodbye}");
    gets(&client, "closed 1012");
    node.ready();
    node.stop();
}
