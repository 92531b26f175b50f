//! Onion services through a tor daemon, in a private Tor network that is started once for all of them.

use jackfield_tests::{
    DEADLINE, Node, TempDir, Tor, TorNetwork, curl, loopback, python, run, signal_pid, until,
};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// A control socket that is none.
const NOBODY: &str = "/nowhere/control";

/// A universal endpoint and an echo as onion services, and a plain one.
fn config(control: &Path) -> String {
    let control = format!(r#""tor_control_endpoint": {{"type": "unix", "path": {control:?}}}"#);
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "processes": 2, "transports": [
          {{"type": "universal", "id": "hidden",
            "endpoint": {{"type": "onion", "port": 80, "private_key_file": "hidden.key", {control}}},
            "rawsocket": {{"type": "rawsocket.testee", "serializers": ["cbor"]}},
            "websocket": {{"ws": {{"type": "websocket.testee"}}}},
            "web": {{"paths": {{"/": {{"type": "nodeinfo"}}}}}}}},
          {{"type": "stream.testee", "id": "echo",
            "endpoint": {{"type": "onion", "port": 7, "private_key_file": "echo.key", "max_streams": 9,
                          "target": {{"type": "unix", "path": "echo.sock", "mode": "0666"}}, {control}}}}},
          {{"type": "web", "id": "plain", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "paths": {{"/": {{"type": "json", "value": "plain"}}}}}}]}}]}}"#
    )
}

/// Starts a node; one at a time, so all of a test have the same address.
fn start(dir: TempDir, config: &str) -> Node {
    static ADDR: LazyLock<Ipv4Addr> = LazyLock::new(loopback);
    dir.write(".jackfield/config.json", config.replace("ADDR", &ADDR.to_string()));
    let node = Node::launch(dir, *ADDR, &[], &[]);
    node.ready();
    node
}

fn endpoint<'s>(status: &'s Value, id: &str) -> &'s Value {
    status["endpoints"].as_array().unwrap().iter().find(|e| e["transport"] == id).unwrap()
}

fn is(status: &Value, id: &str, state: &str) -> bool {
    endpoint(status, id)["state"] == state
}

/// Waits until both services are published; their addresses.
fn published(node: &Node) -> [String; 2] {
    let status = node.until("published", |s| is(s, "hidden", "published") && is(s, "echo", "published"));
    ["hidden", "echo"].map(|id| endpoint(&status, id)["onion"].as_str().unwrap().to_owned())
}

/// Asks through a tor client. A directory that is asked first may not have the descriptor yet.
fn through_tor(tor: &Tor, url: &str) -> String {
    let proxy = format!("127.0.0.1:{}", tor.socks_port);
    let again =
        ["--noproxy", "", "--retry", "20", "--retry-all-errors", "--retry-delay", "1", "--max-time", "60"];
    curl(&[&["--socks5-hostname", &proxy], &again[..], &[url]].concat())
}

#[test]
fn onion_services() {
    let mut network = TorNetwork::start();
    let node = start(TempDir::new(), &config(&network.service.control()));
    let addresses = is_reached_and_serves(&network, &node);
    keys_are_kept(&node);
    the_publisher_is_replaced(&network, &node, &addresses);
    the_daemon_is_replaced(&mut network, &node, &addresses);
    let node = the_same_key_gives_the_same_address(&network, node, &addresses);
    node.stop();
    only_authorized_clients_come(&network);
    passwords(&mut network);
    wrong_cookie(&network);
}

/// HTTP through a plain tor client; WebSocket and RawSocket through a relay that connects through Tor.
fn is_reached_and_serves(network: &TorNetwork, node: &Node) -> [String; 2] {
    let addresses = published(node);
    let [hidden, echo] = &addresses;
    assert!(hidden.len() == 65 && hidden.ends_with("d.onion:80"), "{hidden}");
    let host = hidden.strip_suffix(":80").unwrap();
    node.log.wait(0, &format!("published: http://{host}/ for worker001, hidden"));
    node.log.wait(0, &format!("published: tcp://{echo} for worker001, echo"));
    let status: Value =
        serde_json::from_str(&through_tor(&network.client, &format!("http://{host}/"))).unwrap();
    assert_eq!(endpoint(&status, "hidden")["state"], "published");
    assert_eq!(endpoint(&status, "plain")["onion"], Value::Null);
    let tor = status["workers"].as_array().unwrap().last().unwrap();
    assert_eq!((&tor["id"], &tor["type"], &tor["state"]), (&"tor".into(), &"tor".into(), &"ready".into()));
    let relay = Node::start(&format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{{"type": "stream.relay",
            "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "backends": [{{"type": "tor", "host": "{host}", "port": 80, "tor_socks_port": {}}}]}}]}}]}}"#,
        network.client.socks_port
    ));
    assert!(python("ws_echo.py", &[&format!("ws://{}:8080/ws", relay.addr), "10"]).starts_with("ok"));
    let mut raw: Vec<_> = (0..6).map(|_| TcpStream::connect((relay.addr, 8080)).unwrap()).collect();
    for stream in &mut raw {
        stream.write_all(b"\x7f\xf3\0\0\0\0\0\x05hello").unwrap();
        let mut got = [0; 13];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"\x7f\xf3\0\0\0\0\0\x05hello");
    }
    let status = node.until("connections counted", |s| {
        endpoint(s, "hidden")["connections"]["open"].as_u64().unwrap() >= 6
    });
    assert_eq!(endpoint(&status, "hidden")["listeners"].as_array().unwrap().len(), 1, "one common socket");
    assert!(endpoint(&status, "hidden")["address"].as_str().unwrap().starts_with("tcp://127.0.0.1:"));
    let table = String::from_utf8(node.run(&["endpoints"]).stdout).unwrap();
    assert!(table.contains(hidden) && table.contains("published"), "{table}");
    drop(raw);
    relay.stop();
    addresses
}

fn keys_are_kept(node: &Node) {
    for name in ["hidden.key", "echo.key"] {
        let path = node.dir.path().join(".jackfield").join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        let secret = text.trim().strip_prefix("ED25519-V3:").unwrap();
        let said = node.log.all().join("\n") + &node.status().unwrap().to_string();
        assert!(!said.contains(&secret[..20]), "the key is told");
    }
}

/// A connection through Tor (RFC 1928).
fn stream_through_tor(tor: &Tor, onion: &str) -> TcpStream {
    let (host, port) = onion.split_once(':').unwrap();
    until("a connection through Tor", || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, tor.socks_port)).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut asked = vec![5, 1, 0, 5, 1, 0, 3, u8::try_from(host.len()).unwrap()];
        asked.extend(host.bytes().chain(port.parse::<u16>().unwrap().to_be_bytes()));
        stream.write_all(&asked).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).ok()?;
        (answer[3] == 0).then_some(stream)
    })
}

/// The process that publishes is killed: its successor publishes the same, and nobody else is touched.
fn the_publisher_is_replaced(network: &TorNetwork, node: &Node, addresses: &[String; 2]) {
    let pids = |s: &Value| {
        let workers = s["workers"].as_array().unwrap().iter();
        workers.map(|w| w["processes"][0]["pid"].as_u64()).collect::<Vec<_>>()
    };
    let before = pids(&node.ready());
    let mut stays = stream_through_tor(&network.client, &addresses[1]);
    let mut echo = |octets: &[u8; 4]| {
        stays.write_all(octets).unwrap();
        let mut got = [0; 4];
        stays.read_exact(&mut got).unwrap();
        assert_eq!(&got, octets);
    };
    echo(b"once");
    let from = node.log.all().len();
    signal_pid(u32::try_from(before[1].unwrap()).unwrap(), Signal::KILL);
    node.log.wait(from, "published: http://");
    let after = pids(&node.ready());
    assert!(before[0] == after[0] && before[1] != after[1]);
    echo(b"more");
    assert_eq!(&published(node), addresses);
    let from = node.log.all().len();
    assert!(node.run(&["worker", "restart", "tor"]).status.success());
    node.log.wait(from, "published: http://");
    through_tor(&network.client, &format!("http://{}/", addresses[0]));
}

/// The daemon is killed: the services are degraded, the rest is not; and they come back by themselves.
fn the_daemon_is_replaced(network: &mut TorNetwork, node: &Node, addresses: &[String; 2]) {
    network.service.kill();
    let status = node.until("degraded", |s| is(s, "hidden", "degraded") && is(s, "echo", "degraded"));
    let reason = endpoint(&status, "hidden")["reason"].as_str().unwrap();
    assert!(reason.contains("tor"), "{reason}");
    assert!(is(&status, "plain", "bound"));
    assert_eq!(curl(&[&format!("http://{}:8080/", node.addr)]), "\"plain\"");
    network.service.launch(&[]);
    assert_eq!(&published(node), addresses);
    through_tor(&network.client, &format!("http://{}/", addresses[0]));
}

fn the_same_key_gives_the_same_address(
    network: &TorNetwork,
    mut node: Node,
    addresses: &[String; 2],
) -> Node {
    let dir = std::mem::take(&mut node.dir);
    node.stop();
    let node = start(dir, &config(&network.service.control()));
    assert_eq!(&published(&node), addresses);
    node
}

fn only_authorized_clients_come(network: &TorNetwork) {
    let node = start(
        TempDir::new(),
        &config(&network.service.control()).replace(
            r#""max_streams": 9"#,
            &format!(r#""authorized_clients": ["descriptor:x25519:{}"]"#, "a".repeat(51) + "q"),
        ),
    );
    let [_, echo] = published(&node);
    // Tor's extended error 0xF4: the service wants a key of its clients that this one doesn't have.
    until("the client to be refused", || {
        let proxy = format!("127.0.0.1:{}", network.client.socks_port);
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "30", "--socks5-hostname", &proxy]).arg(format!("http://{echo}/"));
        let output = curl.output().unwrap();
        assert!(!output.status.success(), "a stranger was let in");
        String::from_utf8_lossy(&output.stderr).contains("(244)").then_some(())
    });
    node.stop();
}

/// A daemon that wants a password: none, a wrong one, the right one.
fn passwords(network: &mut TorNetwork) {
    network.service.kill();
    let hash = tor_hash("right");
    network.service.launch(&["CookieAuthentication", "0", "HashedControlPassword", &hash]);
    let config = config(&network.service.control());
    let with = |option: &str| {
        config.replace(r#""tor_control_endpoint""#, &format!(r#"{option}, "tor_control_endpoint""#))
    };
    let node = start(TempDir::new(), &config);
    node.log.wait(0, "tor wants a password: set \"tor_control_password\"");
    node.stop();
    let node = start(TempDir::new(), &with(r#""tor_control_password": "wrong-word""#));
    node.log.wait(0, "tor refuses the password");
    let said = node.log.all().join("\n") + &node.status().unwrap().to_string();
    assert!(!said.contains("wrong-word"), "the password is told");
    node.stop();
    let dir = TempDir::new();
    dir.write(".jackfield/password", "right\n");
    let node = start(dir, &with(r#""tor_control_password_file": "password""#));
    node.log.wait(0, "authenticated by a password");
    published(&node);
    node.stop();
}

fn tor_hash(password: &str) -> String {
    let output = Command::new("tor").args(["--quiet", "--hash-password", password]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The cookie's file is another one than tor wrote, has another length, can't be had.
fn wrong_cookie(network: &TorNetwork) {
    let cookie = network.client.dir.join("cookie");
    let right = fs::read(&cookie).unwrap();
    let cases: [(Option<&[u8]>, &str); 3] = [
        (Some(&[7; 32]), "does not know the cookie in"),
        (Some(b"short"), "it has not 32 octets"),
        (None, "can't be read: No such file or directory"),
    ];
    for (octets, expected) in cases {
        match octets {
            Some(octets) => fs::write(&cookie, octets).unwrap(),
            None => fs::remove_file(&cookie).unwrap(),
        }
        let node = start(TempDir::new(), &config(&network.client.control()));
        let (line, _) = node.log.wait(0, expected);
        assert!(line.contains(cookie.to_str().unwrap()), "{line}");
        assert!(is(&node.status().unwrap(), "hidden", "degraded"));
        node.stop();
    }
    fs::write(&cookie, right).unwrap();
}

#[test]
fn no_tor_degrades_onion_endpoints_only() {
    let node = start(TempDir::new(), &config(Path::new(NOBODY)));
    node.log.wait(0, "no tor daemon answers: unix:/nowhere/control: No such file or directory");
    assert_eq!(curl(&[&format!("http://{}:8080/", node.addr)]), "\"plain\"");
    let status = node.until("degraded", |s| is(s, "hidden", "degraded"));
    assert!(endpoint(&status, "hidden")["onion"].as_str().unwrap().ends_with(".onion:80"), "known before");
    node.stop();
}

#[test]
fn bad_keys_are_refused_at_the_start() {
    let config = config(Path::new(NOBODY)).replace("ADDR", &loopback().to_string());
    let cases: [(&[u8], &str); 4] = [
        (b"garbage\n", "does not hold a key of an onion service"),
        (b"", "is empty"),
        (b"RSA1024:MIICXQIBAAKBgQ", "version 2 service"),
        (b"ED25519-V3:AAAA", "holds a key that is damaged"),
    ];
    for (octets, expected) in cases {
        let dir = TempDir::new();
        let path = dir.write(".jackfield/hidden.key", octets);
        dir.write(".jackfield/config.json", &config);
        let output = run(dir.path(), &["start"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains(expected) && text.contains("hidden.key") && text.contains("config.json:"),
            "{text}"
        );
        assert_eq!(fs::read(&path).unwrap(), octets, "the file stays as it is");
    }
    let dir = TempDir::new();
    fs::create_dir_all(dir.path().join(".jackfield/hidden.key")).unwrap();
    dir.write(".jackfield/config.json", &config);
    let output = run(dir.path(), &["start"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("the key can't be read"));
}

#[test]
fn a_key_that_others_can_read_is_warned_of() {
    let mut node = start(TempDir::new(), &config(Path::new(NOBODY)));
    let dir = std::mem::take(&mut node.dir);
    node.stop();
    let path = dir.path().join(".jackfield/hidden.key");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let node = start(dir, &config(Path::new(NOBODY)));
    node.log.wait(0, "others may read or change this key (mode 0644)");
    node.stop();
}
