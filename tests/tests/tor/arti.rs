//! Onion services and connections by the embedded Arti.

use super::{
    ADDR, Onion, a_key_lets_in, a_third_stream_ends_the_circuit, client_keys, echo, endpoint, is, pids,
    published, start, start_relay, stopped, stream_through_tor, through_tor,
};
use jackfield_tests::{DEADLINE, Node, TempDir, TorNetwork, curl, python, run, signal_pid};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

fn config(network: &TorNetwork, more: &Value) -> String {
    super::config(Onion::Arti, more, &network.arti)
}

/// A relay of which each port leads to one of these through Arti.
fn relay(network: &TorNetwork, backends: &[Value]) -> Node {
    let transports = backends.iter().zip(8080..).map(|(backend, port)| {
        let mut backend = backend.clone();
        backend["type"] = "tor".into();
        json!({"type": "stream.relay", "backends": [backend],
               "endpoint": {"type": "tcp", "interface": "ADDR", "port": port}})
    });
    let transports: Vec<_> = transports.collect();
    let config = json!({"version": 2, "controller": {"tor": network.arti},
                        "workers": [{"type": "router", "transports": transports}]});
    start_relay(&config.to_string())
}

pub(crate) fn all(network: &TorNetwork) {
    let node = start(TempDir::new(), &config(network, &json!({})));
    let addresses = is_reached_and_serves(network, &node);
    connects(network, &node, &addresses);
    says_why_it_does_not_connect(network, &addresses);
    everything_is_private(&node);
    is_replaced(network, &node, &addresses);
    a_restart_keeps_streams(network, &node, &addresses);
    let dir = stopped(node);
    the_daemon_takes_the_key(network, dir, &addresses);
    streams_are_limited(network);
    only_authorized_clients_come(network);
}

/// HTTP through a plain tor client; and what the status says.
fn is_reached_and_serves(network: &TorNetwork, node: &Node) -> [String; 2] {
    let addresses = published(node);
    let [hidden, echo] = &addresses;
    let host = hidden.strip_suffix(":80").unwrap();
    node.log.wait(0, "Arti is starting");
    node.log.wait(0, &format!("published: http://{host}/ for worker001, hidden"));
    node.log.wait(0, &format!("published: tcp://{echo} for worker001, echo"));
    let page = through_tor(&network.client, &format!("http://{host}/"));
    let status: Value = serde_json::from_str(&page).unwrap();
    assert_eq!(endpoint(&status, "hidden")["state"], "published");
    let arti = status["workers"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&arti["id"], &arti["type"], &arti["state"]),
        (&"arti".into(), &"arti".into(), &"ready".into())
    );
    // Both processes serve it: the kernel wakes whichever is free.
    let mut raw: Vec<_> = (0..6).map(|_| stream_through_tor(&network.client, hidden)).collect();
    for stream in &mut raw {
        stream.write_all(b"\x7f\xf3\0\0\0\0\0\x05hello").unwrap();
        let mut got = [0; 13];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"\x7f\xf3\0\0\0\0\0\x05hello");
    }
    node.until("connections of all processes counted", |s| {
        endpoint(s, "hidden")["connections"]["open"].as_u64().unwrap() >= 6
    });
    let socket = endpoint(&status, "hidden")["address"].as_str().unwrap();
    // Strangers are told its name, not its directory.
    assert_eq!(socket, "unix://onion-worker001-hidden.sock");
    drop(raw);
    addresses
}

/// A relay connects through its own Arti: to onion services, and through exits; WebSocket, RawSocket, bytes.
fn connects(network: &TorNetwork, node: &Node, [hidden, echo]: &[String; 2]) {
    let target = |address: &str| {
        let (host, port) = address.rsplit_once(':').unwrap();
        json!({"host": host, "port": port.parse::<u16>().unwrap()})
    };
    let mut isolated = target(echo);
    isolated["isolation"] = "connection".into();
    let plain = json!({"host": node.addr.to_string(), "port": 8080, "isolation": "destination"});
    let relay = relay(network, &[target(hidden), target(echo), isolated, plain]);
    assert!(python("ws_echo.py", &[&format!("ws://{}:8080/ws", relay.addr), "10"]).starts_with("ok"));
    for port in [8081, 8082, 8082] {
        let mut stream = TcpStream::connect((relay.addr, port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let sent: Vec<u8> = (0..400_000_u32).map(|n| (n % 251) as u8).collect();
        let mut got = vec![0; sent.len()];
        let mut writer = stream.try_clone().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| writer.write_all(&sent).unwrap());
            stream.read_exact(&mut got).unwrap();
        });
        assert!(got == sent, "other bytes came back than were sent");
    }
    assert_eq!(curl(&[&format!("http://{}:8083/", relay.addr)]), "\"plain\"");
    // Nobody else can ask Arti.
    let socket = relay.dir.path().join(".jackfield/run/arti.sock");
    assert_eq!(fs::metadata(socket.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    // Arti is killed: who connects meanwhile waits.
    let before = pids(&relay.ready())[1];
    signal_pid(before, Signal::KILL);
    assert_eq!(curl(&[&format!("http://{}:8083/", relay.addr)]), "\"plain\"");
    assert_ne!(pids(&relay.ready())[1], before);
    relay.stop();
}

fn says_why_it_does_not_connect(network: &TorNetwork, [hidden, _]: &[String; 2]) {
    let host = hidden.strip_suffix(":80").unwrap();
    // An address that is right, of a key that nobody has published.
    let unknown = "2gzyxa5ihm7nsggfxnu52rck2vv4rvmdlkiu3zzui5du4xyclen53wid.onion";
    let wrong = format!("a{}", &host[1..]);
    let cases = [
        (json!({"host": unknown, "port": 80}), "descriptor can't be found"),
        (json!({"host": wrong, "port": 80}), "the onion address is invalid"),
        (json!({"host": host, "port": 81}), "nobody listens on that port"),
        (json!({"host": "127.0.0.1", "port": 1}), "can't be reached through any exit"),
    ];
    let backends: Vec<_> = cases.iter().map(|(backend, _)| backend.clone()).collect();
    let relay = relay(network, &backends);
    for ((_, expected), port) in cases.iter().zip(8080..) {
        let from = relay.log.all().len();
        let mut stream = TcpStream::connect((relay.addr, port)).unwrap();
        let mut nothing = Vec::new();
        assert_eq!(stream.read_to_end(&mut nothing).unwrap_or(0), 0);
        let (line, _) = relay.log.wait(from, "the node's Arti");
        assert!(line.contains(expected), "expected {expected}: {line}");
    }
    relay.stop();
}

/// State, keys and sockets are the node's own.
fn everything_is_private(node: &Node) {
    let mode = |name: &str| {
        let path = node.dir.path().join(".jackfield").join(name);
        fs::metadata(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode() & 0o777
    };
    for directory in ["tor", "tor/state", "tor/cache", "run"] {
        assert_eq!(mode(directory), 0o700, "{directory}");
    }
    assert_eq!(mode("run/onion-worker001-hidden.sock"), 0o600);
    assert_eq!(mode("hidden.key"), 0o600);
    let key = fs::read_to_string(node.dir.path().join(".jackfield/hidden.key")).unwrap();
    let secret = key.trim().strip_prefix("ED25519-V3:").unwrap();
    let said = node.log.all().join("\n") + &node.status().unwrap().to_string();
    assert!(!said.contains(&secret[..20]), "the key is told");
    assert!(!node.dir.path().join(".jackfield/tor/state/keystore").exists(), "the key has a copy");
}

/// Arti is killed: its successor publishes the same, and nobody else is touched.
fn is_replaced(network: &TorNetwork, node: &Node, addresses: &[String; 2]) {
    let before = pids(&node.ready());
    let mut plain = TcpStream::connect((node.addr, 8080)).unwrap();
    let from = node.log.all().len();
    signal_pid(before[1], Signal::KILL);
    node.log.wait(from, "published: http://");
    let after = pids(&node.ready());
    assert!(before[0] == after[0] && before[1] != after[1]);
    assert_eq!(&published(node), addresses);
    through_tor(&network.client, &format!("http://{}/", addresses[0]));
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    plain.read_to_string(&mut text).unwrap();
    assert!(text.ends_with("\"plain\""), "{text}");
}

/// A successor publishes while the predecessor waits for its last stream.
fn a_restart_keeps_streams(network: &TorNetwork, node: &Node, addresses: &[String; 2]) {
    let mut stays = stream_through_tor(&network.client, &addresses[1]);
    echo(&mut stays, b"once").unwrap();
    let from = node.log.all().len();
    let restarting = node.background(&["worker", "restart", "arti"]);
    node.log.wait(from, "published: http://");
    node.log.wait(from, "published: tcp://");
    echo(&mut stays, b"more").unwrap();
    drop(stays);
    drop(restarting);
    node.ready();
    through_tor(&network.client, &format!("http://{}/", addresses[0]));
}

/// The same key file, published by a tor daemon: the same address.
fn the_daemon_takes_the_key(network: &TorNetwork, dir: TempDir, addresses: &[String; 2]) {
    let node = start(dir, &super::daemon::config(&network.service.control(), &json!({})));
    assert_eq!(&published(&node), addresses);
    through_tor(&network.client, &format!("http://{}/", addresses[0]));
    node.stop();
}

fn streams_are_limited(network: &TorNetwork) {
    let node = start(TempDir::new(), &config(network, &json!({"max_streams": 2})));
    let [_, echo] = published(&node);
    a_third_stream_ends_the_circuit(network, &echo);
    node.stop();
}

fn only_authorized_clients_come(network: &TorNetwork) {
    let (public, private) = client_keys();
    let clients = json!({"authorized_clients": [format!("descriptor:x25519:{public}")]});
    let node = start(TempDir::new(), &config(network, &clients));
    let [_, echo] = published(&node);
    a_key_lets_in(network, &echo, &private);
    node.stop();
}

/// All relays end: the services are degraded, and nothing else is.
pub(crate) fn the_network_is_lost(mut network: TorNetwork) {
    let node = start(TempDir::new(), &config(&network, &json!({})));
    published(&node);
    network.end_relays();
    let status = node.until("degraded", |s| is(s, "hidden", "degraded") && is(s, "echo", "degraded"));
    assert!(endpoint(&status, "hidden")["reason"].is_string());
    assert!(is(&status, "plain", "bound"));
    assert_eq!(curl(&[&format!("http://{}:8080/", node.addr)]), "\"plain\"");
    node.stop();
}

/// Nobody answers where the network should be.
#[test]
fn no_network_degrades_onion_endpoints_only() {
    let nobody = json!({
        "authorities": [{"name": "x", "v3ident": "A".repeat(40)}],
        "fallback_directories": [{"rsa_identity": "B".repeat(40), "ed_identity": "A".repeat(43),
                                  "orports": ["127.0.0.1:1"]}],
        "bootstrap_timeout": 1,
    });
    let node = start(TempDir::new(), &super::config(Onion::Arti, &json!({}), &nobody));
    let status = node.until("degraded", |s| is(s, "hidden", "degraded"));
    let reason = endpoint(&status, "hidden")["reason"].as_str().unwrap();
    assert!(reason.contains("Arti is not up after 1 s"), "{reason}");
    assert!(endpoint(&status, "hidden")["onion"].as_str().unwrap().ends_with(".onion:80"), "known before");
    assert_eq!(curl(&[&format!("http://{}:8080/", node.addr)]), "\"plain\"");
    node.stop();
}

/// The state can't be had: the node isn't started, and the directory is named.
#[test]
fn a_state_directory_that_is_none_is_named() {
    let config = super::config(Onion::Arti, &json!({}), &json!({"state_directory": "file/tor"}));
    let dir = TempDir::new();
    dir.write(".jackfield/file", "not a directory");
    dir.write(".jackfield/config.json", config.replace("ADDR", &ADDR.to_string()));
    let output = run(dir.path(), &["start"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("controller.tor.state_directory: ") && said.contains("file/tor"), "{said}");
}

/// What Arti does not take is an error of `check`.
#[test]
fn settings_that_are_none_are_refused() {
    let check = |tor: Value| {
        let dir = TempDir::new();
        let config = super::config(Onion::Arti, &json!({}), &tor).replace("ADDR", &ADDR.to_string());
        dir.write(".jackfield/config.json", config);
        let output = run(dir.path(), &["check"]);
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let bridge = "192.0.2.7:9001 6F1E9A5A0D2C4B7A8C3D5E6F708192A3B4C5D6E7";
    let (valid, said) = check(json!({"bridges": [bridge]}));
    assert!(valid, "{said}");
    for (tor, expected) in [
        (json!({"bridges": ["no bridge"]}), "Arti can't be set up so"),
        (
            json!({"authorities": [{"name": "x", "v3ident": "A".repeat(40)}]}),
            "needs \"fallback_directories\"",
        ),
        (json!({"max_queued": 1}), "max_queued"),
    ] {
        let (valid, said) = check(tor);
        assert!(!valid && said.contains(expected) && said.contains("config.json:1:"), "{said}");
    }
}
