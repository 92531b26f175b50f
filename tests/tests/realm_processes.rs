//! Routers whose realms are spread over several processes.

use jackfield_tests::{Node, TempDir, Wamp, jackfield, signal_pid};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;

/// A router with two processes that have clients, and so many that have these realms.
fn config(realm_processes: u16, realms: &[&str]) -> String {
    let all = json!({"call": true, "register": true, "publish": true, "subscribe": true});
    let roles = json!([{"name": "anonymous", "permissions": [{"uri": "", "match": "prefix", "allow": all}]}]);
    let realms: Vec<_> = realms.iter().map(|name| json!({"name": name, "roles": roles})).collect();
    let router = json!({"type": "router", "id": "router1", "processes": 2, "realm_processes": realm_processes,
        // Longer than a test may take; and nobody is replaced because the machine is slow.
        "stop": {"drain_timeout": 3600}, "watchdog": 120, "realm_watchdog": 2,
        "realms": realms, "transports": [{"type": "rawsocket",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "shared": true}}]});
    json!({"version": 2, "workers": [router]}).to_string()
}

fn start(realm_processes: u16, realms: &[&str]) -> Node {
    let node = Node::start(&config(realm_processes, realms));
    node.ready();
    node
}

fn reload(node: &Node, realm_processes: u16, realms: &[&str]) {
    node.dir.write(
        ".jackfield/config.json",
        config(realm_processes, realms).replace("ADDR", &node.addr.to_string()),
    );
    done(node, &["reload"]);
}

fn done(node: &Node, command: &[&str]) {
    let result = node.run(command);
    assert!(result.status.success(), "{command:?}: {}", String::from_utf8_lossy(&result.stderr));
}

/// The processes of the configuration in effect that serve: index, role, realms, and process id.
fn parts(status: &Value) -> Vec<(u64, String, Vec<String>, u32)> {
    let all = status["workers"][0]["processes"].as_array().unwrap().iter();
    let part = |process: &Value| {
        let realms =
            process["realms"].as_array().unwrap().iter().map(|realm| realm.as_str().unwrap().to_owned());
        let pid = process["pid"].as_u64().unwrap_or_default();
        let role = process["role"].as_str().unwrap().to_owned();
        (process["index"].as_u64().unwrap(), role, realms.collect(), u32::try_from(pid).unwrap())
    };
    all.filter(|process| process["state"] == "ready").map(part).collect()
}

/// What is there, when nothing starts any more; processes whose sessions stay may drain.
fn settled(node: &Node) -> Value {
    node.until("no process that starts", |status| {
        let processes = status["workers"][0]["processes"].as_array().unwrap();
        processes.iter().all(|process| process["state"] == "ready" || process["state"] == "draining")
    })
}

/// The realm processes: index, realms, and process id.
fn realm_processes(node: &Node) -> Vec<(u64, Vec<String>, u32)> {
    let parts = parts(&settled(node)).into_iter().filter(|(_, role, ..)| role == "realm");
    parts.map(|(index, _, realms, pid)| (index, realms, pid)).collect()
}

/// Which realms each of them has.
fn spread(node: &Node) -> Vec<Vec<String>> {
    realm_processes(node).into_iter().map(|(_, realms, _)| realms).collect()
}

fn realm<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["realms"].as_array().unwrap().iter().find(|realm| realm["name"] == name).unwrap()
}

/// A caller and a callee of one realm, which are connected to two edges.
struct Pair {
    caller: Wamp,
    callee: Wamp,
    calls: u64,
}

impl Pair {
    fn join(node: &Node, realm: &str) -> Self {
        let joined = || {
            let mut client = Wamp::dial((node.addr, 8080));
            let welcome = client.join_realm(realm, None);
            assert_eq!(welcome[0], 2, "{welcome}");
            (client, welcome[2]["x_cb_pid"].clone())
        };
        let (mut callee, edge) = joined();
        let (caller, _) = std::iter::repeat_with(joined).find(|(_, other)| *other != edge).unwrap();
        let registered = callee.ask(&json!([64, 1, {}, "com.procedure"]));
        assert_eq!(registered[0], 65, "{registered}");
        Self { caller, callee, calls: 0 }
    }

    /// Begins a call.
    fn call(&mut self) {
        self.calls += 1;
        self.caller.say(&json!([48, self.calls, {}, "com.procedure", [self.calls]])).unwrap();
    }

    /// It comes to its end, as if nothing were the matter.
    fn ends(&mut self) {
        let invocation = self.callee.hear();
        assert_eq!((&invocation[0], &invocation[4]), (&json!(68), &json!([self.calls])), "{invocation}");
        self.callee.say(&json!([70, invocation[1], {}, [self.calls]])).unwrap();
        let result = self.caller.hear();
        assert_eq!(result, json!([50, self.calls, {}, [self.calls]]));
    }

    fn calls(&mut self) {
        self.call();
        self.ends();
    }
}

#[test]
fn realms_are_spread_in_the_order_of_the_configuration() {
    let node = start(2, &["aaa", "bbb", "ccc"]);
    let roles: Vec<_> = parts(&node.ready()).into_iter().map(|(index, role, ..)| (index, role)).collect();
    let expected = ["edge", "edge", "realm", "realm"];
    assert_eq!(roles, (0..).zip(expected.map(str::to_owned)).collect::<Vec<_>>());
    assert_eq!(spread(&node), [vec!["aaa", "ccc"], vec!["bbb"]]);
    let table = String::from_utf8(node.run(&["status"]).stdout).unwrap();
    assert!(table.contains("2 (realm)") && table.contains("3 (realm)"), "{table}");
    let status = node.ready();
    let names: Vec<_> = status["realms"].as_array().unwrap().iter().map(|realm| &realm["name"]).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    for name in ["aaa", "bbb", "ccc"] {
        assert_eq!(
            (&realm(&status, name)["epoch"], &realm(&status, name)["takeovers"]),
            (&json!(1), &json!(0))
        );
        Pair::join(&node, name).calls();
    }
    node.stop();
}

#[test]
fn the_death_of_a_realm_process_is_no_matter_of_the_realms_of_others() {
    let node = start(2, &["aaa", "bbb"]);
    let (mut a, mut b) = (Pair::join(&node, "aaa"), Pair::join(&node, "bbb"));
    for takeovers in 1..=3 {
        let before = realm_processes(&node);
        let (killed, other) = (before[0].2, before[1].2);
        if takeovers == 1 {
            // As long as this one hangs nothing of its realm goes on, and all of the other one.
            signal_pid(killed, Signal::STOP);
            a.call();
            for _ in 0..100 {
                b.calls();
            }
        } else {
            a.call();
        }
        signal_pid(killed, Signal::KILL);
        for _ in 0..20 {
            b.calls();
        }
        a.ends();
        node.until("another realm process", |status| {
            let realms: Vec<_> = parts(status).into_iter().filter(|(_, role, ..)| role == "realm").collect();
            realms.len() == 2
                && realms[0].3 != killed
                && realms[1].3 == other
                && realm(status, "aaa")["takeovers"] == takeovers
        });
        let status = node.ready();
        assert_eq!(
            (&realm(&status, "bbb")["epoch"], &realm(&status, "bbb")["takeovers"]),
            (&json!(1), &json!(0))
        );
        a.calls();
    }
    assert_eq!(spread(&node), [vec!["aaa"], vec!["bbb"]]);
    let log = node.stop().join("\n");
    assert!(!log.contains("did not tell") && !log.contains("holds up"), "{log}");
}

#[test]
fn a_reload_moves_realms_to_more_processes_or_fewer_and_ends_no_session() {
    let node = start(1, &["aaa", "bbb"]);
    assert_eq!(spread(&node), [vec!["aaa", "bbb"]]);
    let mut pairs = vec![Pair::join(&node, "aaa"), Pair::join(&node, "bbb")];
    let mut epoch = 1;
    for (processes, realms, expected) in [
        (2, &["aaa", "bbb"][..], &[&["aaa"][..], &["bbb"]][..]),
        // One that is added moves none of the others.
        (2, &["aaa", "bbb", "ccc"], &[&["aaa", "ccc"], &["bbb"]]),
        (3, &["aaa", "bbb", "ccc"], &[&["aaa"], &["bbb"], &["ccc"]]),
        // Each is somewhere else.
        (3, &["ccc", "aaa", "bbb"], &[&["ccc"], &["aaa"], &["bbb"]]),
        (1, &["aaa", "bbb", "ccc"], &[&["aaa", "bbb", "ccc"]]),
    ] {
        reload(&node, processes, realms);
        epoch += 1;
        assert_eq!(spread(&node), expected, "{processes} of {realms:?}");
        for pair in &mut pairs {
            pair.calls();
        }
        if realms.len() == 3 && pairs.len() == 2 {
            pairs.push(Pair::join(&node, "ccc"));
        }
        for name in ["aaa", "bbb"] {
            let epoch = json!(epoch);
            node.until("the count of processes", |status| realm(status, name)["epoch"] == epoch);
            Wamp::joined_to((node.addr, 8080), name);
        }
    }
    let log = node.stop().join("\n");
    assert!(!log.contains("did not tell") && !log.contains("holds up"), "{log}");
}

#[test]
fn a_realm_that_is_gone_after_a_reload_is_so_for_its_sessions_whichever_process_had_it() {
    let node = start(2, &["aaa", "bbb"]);
    let (mut a, mut b) = (Pair::join(&node, "aaa"), Pair::join(&node, "bbb"));
    reload(&node, 2, &["aaa"]);
    for client in [&mut b.caller, &mut b.callee] {
        let goodbye = client.hear();
        assert_eq!((&goodbye[0], &goodbye[2]), (&json!(6), &json!("wamp.error.no_such_realm")), "{goodbye}");
    }
    // There are no more processes than realms.
    assert_eq!(spread(&node), [vec!["aaa"]]);
    a.calls();
    node.stop();
}

#[test]
fn scaling_leaves_realm_processes_alone_and_in_order() {
    let node = start(2, &["aaa", "bbb"]);
    let (mut a, mut b) = (Pair::join(&node, "aaa"), Pair::join(&node, "bbb"));
    let pids = |node: &Node| {
        realm_processes(node).into_iter().map(|(_, realms, pid)| (realms, pid)).collect::<Vec<_>>()
    };
    let before = pids(&node);
    for count in [3_u64, 5, 1, 2] {
        done(&node, &["worker", "scale", "router1", &count.to_string()]);
        assert_eq!(pids(&node), before, "{count}");
        let indices: Vec<_> = realm_processes(&node).into_iter().map(|(index, ..)| index).collect();
        assert_eq!(indices, [count, count + 1]);
        a.calls();
        b.calls();
    }
    // The successor of one that has changed places has its realms.
    signal_pid(before[1].1, Signal::KILL);
    node.until("another realm process", |status| realm(status, "bbb")["takeovers"] == 1);
    b.calls();
    assert_eq!(pids(&node)[0], before[0]);
    node.stop();
}

#[test]
fn a_restart_replaces_edges_and_then_each_realm_process_and_a_stop_ends_edges_first() {
    let node = start(2, &["aaa", "bbb"]);
    let (mut a, mut b) = (Pair::join(&node, "aaa"), Pair::join(&node, "bbb"));
    let before = realm_processes(&node);
    let (_, seen) = node.log.wait(0, "every worker is ready");
    done(&node, &["worker", "restart", "router1"]);
    a.calls();
    b.calls();
    let after = realm_processes(&node);
    assert!(before.iter().zip(&after).all(|(before, after)| before.1 == after.1 && before.2 != after.2));
    let log = node.log.all();
    let ready = log[seen..].iter().filter(|line| line.contains("ready after"));
    let order: Vec<_> = ready.filter_map(|line| line.split_whitespace().nth(2)).collect();
    assert_eq!(order, ["router1[0]", "router1[1]", "router1[2]", "router1[3]"], "{log:#?}");
    done(&node, &["worker", "stop", "router1"]);
    for client in [&mut a.caller, &mut b.caller] {
        let goodbye = client.hear();
        assert_eq!(
            (&goodbye[0], &goodbye[2]),
            (&json!(6), &json!("wamp.close.system_shutdown")),
            "{goodbye}"
        );
    }
    done(&node, &["worker", "start", "router1"]);
    Pair::join(&node, "bbb").calls();
    node.stop();
}

#[test]
fn an_upgrade_keeps_the_sessions_of_all_realms() {
    let dir = TempDir::new();
    let executable = dir.path().join("release");
    fs::copy(jackfield(), &executable).unwrap();
    let node = Node::start_executable(&executable, dir, &config(2, &["aaa", "bbb"]));
    let (mut a, mut b) = (Pair::join(&node, "aaa"), Pair::join(&node, "bbb"));
    let before = realm_processes(&node);
    // The next release: the same, but another file.
    let next = executable.with_extension("next");
    fs::copy(jackfield(), &next).unwrap();
    fs::rename(&next, &executable).unwrap();
    done(&node, &["upgrade"]);
    let after = realm_processes(&node);
    assert!(before.iter().zip(&after).all(|(before, after)| before.1 == after.1 && before.2 != after.2));
    a.calls();
    b.calls();
    signal_pid(after[1].2, Signal::KILL);
    node.until("another realm process", |status| realm(status, "bbb")["takeovers"] == 2);
    b.calls();
    a.calls();
    assert_eq!(realm(&settled(&node), "aaa")["takeovers"], 1);
    let log = node.stop().join("\n");
    assert!(!log.contains("did not tell") && !log.contains("holds up"), "{log}");
}
