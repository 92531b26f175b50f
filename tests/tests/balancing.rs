//! Which of several web servers a request goes to: weights, backups, health checks by HTTP, and browsers that stay.

use jackfield_tests::{Nginx, Node, curl, loopback};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

const PORTS: [u16; 3] = [8001, 8002, 8003];

/// Three web servers of the same nginx, each of which says its port at every address but `/health`, where it has a file.
fn three(addr: Ipv4Addr) -> Nginx {
    let server = |port: u16| {
        format!(
            "server {{ listen {addr}:{port}; root DIR/www/{port}; location / {{ return 200 {port}; }}
               location = /health {{ }} }}\n"
        )
    };
    let nginx = Nginx::start_with(addr, 8000, &PORTS.map(server).concat());
    for port in PORTS {
        std::fs::create_dir(nginx.root().join(port.to_string())).unwrap();
        std::fs::write(health(&nginx, port), "well").unwrap();
    }
    nginx
}

fn health(nginx: &Nginx, port: u16) -> PathBuf {
    nginx.root().join(port.to_string()).join("health")
}

/// A node in one process that carries everything to these backends.
fn node(addr: Ipv4Addr, backends: &[Value], more: &Value) -> Node {
    let backends: Vec<_> = backends
        .iter()
        .enumerate()
        .map(|(index, more)| with(json!({"type": "tcp", "host": addr, "port": PORTS[index]}), more))
        .collect();
    let service = with(json!({"type": "reverseproxy", "backends": backends}), more);
    let web = json!({"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "paths": {"/": service}});
    Node::start(
        &json!({"version": 2, "workers": [{"type": "router", "id": "edge", "transports": [web]}]})
            .to_string(),
    )
}

fn with(mut object: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

/// How many of so many requests each backend has answered.
fn answers(node: &Node, count: usize) -> BTreeMap<String, usize> {
    let url = format!("http://{}:8080/page", node.addr);
    let mut answers = BTreeMap::new();
    for _ in 0..count {
        *answers.entry(curl(&["-s", &url])).or_default() += 1;
    }
    answers
}

fn shares<const N: usize>(shares: [(&str, usize); N]) -> BTreeMap<String, usize> {
    shares.map(|(port, count)| (port.to_owned(), count)).into()
}

#[test]
fn requests_are_shared_by_weight_and_backups_wait_until_nobody_else_is_well() {
    let addr = loopback();
    let nginx = three(addr);
    let backends = [json!({"weight": 3}), json!({}), json!({"backup": true})];
    let checks = json!({"path": "/health", "interval": 1, "fall": 2, "rise": 1});
    let node = node(addr, &backends, &json!({"balance": "round-robin", "health": checks}));
    assert_eq!(answers(&node, 16), shares([("8001", 12), ("8002", 4)]));
    for port in &PORTS[..2] {
        std::fs::remove_file(health(&nginx, *port)).unwrap();
        let told = format!("backend {addr}:{port}: down: {addr}:{port} answers /health with 404");
        node.log.wait(0, &told);
    }
    assert_eq!(answers(&node, 4), shares([("8003", 4)]));
    let status = node.until("the states are told", |status| {
        status["backends"].as_array().unwrap().iter().filter(|b| b["state"] == "down").count() == 2
    });
    assert_eq!(status["backends"].as_array().unwrap().len(), 3);
    let output = node.run(&["status"]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("BACKEND") && table.contains("answers /health with 404"), "{table}");
    std::fs::write(health(&nginx, 8002), "well").unwrap();
    node.log.wait(0, &format!("backend {addr}:8002: up"));
    assert_eq!(answers(&node, 4), shares([("8002", 4)]));
    node.stop();
}

#[test]
fn a_browser_stays_at_its_backend_while_that_is_up() {
    let addr = loopback();
    let nginx = three(addr);
    let checks = json!({"path": "/health", "status": [200], "interval": 1, "fall": 2, "rise": 1});
    let more = json!({"balance": "random-two", "sticky": {"cookie": "route"}, "health": checks});
    let node = node(addr, &[json!({}), json!({}), json!({})], &more);
    let jar = node.dir.path().join("jar");
    let jar = jar.to_str().unwrap();
    let url = format!("http://{}:8080/", node.addr);
    let ask = || curl(&["-s", "-b", jar, "-c", jar, &url]);
    let mine = ask();
    for _ in 0..8 {
        assert_eq!(ask(), mine);
    }
    let port: u16 = mine.parse().unwrap();
    std::fs::remove_file(health(&nginx, port)).unwrap();
    node.log.wait(0, &format!("backend {addr}:{port}: down"));
    let other = ask();
    assert_ne!(other, mine);
    std::fs::write(health(&nginx, port), "well").unwrap();
    node.log.wait(0, &format!("backend {addr}:{port}: up"));
    for _ in 0..8 {
        assert_eq!(ask(), other, "it has a new cookie");
    }
    // Who has none is sent anywhere.
    assert!(answers(&node, 40).len() > 1);
    node.stop();
}

#[test]
fn a_backend_that_is_drained_gets_nobody_new_until_it_is_enabled_through_all_that_happens() {
    let addr = loopback();
    let _nginx = three(addr);
    let node = node(addr, &[json!({}), json!({})], &json!({"balance": "round-robin"}));
    let first = format!("{addr}:8001");
    let run = |args: &[&str]| {
        let output = node.run(args);
        let said =
            [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        (output.status.code(), said)
    };
    let only = |port: &str| assert_eq!(answers(&node, 6), shares([(port, 6)]));
    assert_eq!(run(&["backend", "drain", &first]), (Some(0), format!("drained: {first}\n")));
    only("8002");
    let state_of = |status: &Value, port: u16| {
        let backends = status["backends"].as_array().unwrap().iter();
        let mut of_port = backends.filter(|b| b["address"] == format!("{addr}:{port}"));
        of_port.next().map(|backend| backend["state"].as_str().unwrap().to_owned())
    };
    node.until("the status to tell", |status| state_of(status, 8001).as_deref() == Some("drained"));
    // New processes know of it, those of another configuration and those of another image of the executable, too.
    assert_eq!(run(&["worker", "restart", "edge"]).0, Some(0));
    only("8002");
    let file = node.dir.path().join(".jackfield/config.json");
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, config.replace("round-robin", "random-two")).unwrap();
    assert_eq!(run(&["reload"]).0, Some(0));
    only("8002");
    let (code, said) = run(&["upgrade"]);
    assert_eq!(code, Some(0), "{said}");
    only("8002");
    // Where all are, nobody is asked.
    assert_eq!(run(&["backend", "drain", &format!("{addr}:8002")]).0, Some(0));
    let url = format!("http://{}:8080/", node.addr);
    assert_eq!(curl(&["-o", "/dev/null", "-w", "%{http_code}", &url]), "503");
    node.log.wait(0, "every one is drained (`jackfield backend enable ADDRESS` lets it in)");
    assert_eq!(run(&["backend", "enable", &first]), (Some(0), format!("enabled: {first}\n")));
    only("8001");
    node.until("the status to tell", |status| {
        state_of(status, 8001).as_deref() == Some("up")
            && state_of(status, 8002).as_deref() == Some("drained")
    });
    let (code, said) = run(&["backend", "drain", &first, "nobody:1"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains(&format!("there is no backend \"nobody:1\" (backends: {first}, {addr}:8002)")),
        "{said}"
    );
    only("8001");
    node.stop();
}

#[test]
fn requests_are_tried_again_within_the_budget_and_no_further() {
    let addr = loopback();
    let _nginx = three(addr);
    // Of two, the first takes no connection; for 5 s after that it is asked last.
    let ask = |budget: &Value| {
        let backends =
            json!([{"type": "tcp", "host": addr, "port": 9}, {"type": "tcp", "host": addr, "port": 8001}]);
        let service = json!({"type": "reverseproxy", "backends": backends, "balance": "round-robin", "retry_budget": budget});
        let web = json!({"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "paths": {"/": service}});
        let node = Node::start(
            &json!({"version": 2, "workers": [{"type": "router", "transports": [web]}]}).to_string(),
        );
        let said = curl(&["-w", " %{http_code}", &format!("http://{}:8080/", node.addr)]);
        node.stop();
        said
    };
    assert_eq!(ask(&json!({})), "8001 200");
    assert!(ask(&json!({"share": 0, "minimum": 0})).ends_with(" 502"));
}
