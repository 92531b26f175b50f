//! Onion services by a tor daemon.

use super::{
    Onion, a_key_lets_in, a_third_stream_ends_the_circuit, client_keys, echo, endpoint, is, pids, published,
    start, start_relay, stopped, stream_through_tor, through_tor,
};
use jackfield_tests::{Node, TempDir, TorNetwork, curl, free_port, python, signal_pid};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

pub(crate) fn config(control: &Path, more: &Value) -> String {
    super::config(Onion::Daemon(control), more, &json!({}))
}

pub(crate) fn all(network: &mut TorNetwork) {
    let node = start(TempDir::new(), &config(&network.service.control(), &json!({})));
    let addresses = is_reached_and_serves(network, &node);
    keys_are_kept(&node);
    the_publisher_is_replaced(network, &node, &addresses);
    the_daemon_is_replaced(network, &node, &addresses);
    let dir = stopped(node);
    the_same_key_gives_the_same_address(network, dir, &addresses);
    streams_are_limited_and_clients_authorized(network);
    a_key_of_tor_itself(network);
    passwords(network);
    a_control_port_without_authentication(network);
    a_plain_cookie(network);
    wrong_cookie(network);
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
    let relay = start_relay(&format!(
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

/// The process that publishes is killed: its successor publishes the same, and nobody else is touched.
fn the_publisher_is_replaced(network: &TorNetwork, node: &Node, addresses: &[String; 2]) {
    let before = pids(&node.ready());
    let mut stays = stream_through_tor(&network.client, &addresses[1]);
    echo(&mut stays, b"once").unwrap();
    let from = node.log.all().len();
    signal_pid(before[1], Signal::KILL);
    node.log.wait(from, "published: http://");
    let after = pids(&node.ready());
    assert!(before[0] == after[0] && before[1] != after[1]);
    echo(&mut stays, b"more").unwrap();
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

fn the_same_key_gives_the_same_address(network: &TorNetwork, dir: TempDir, addresses: &[String; 2]) {
    let node = start(dir, &config(&network.service.control(), &json!({})));
    assert_eq!(&published(&node), addresses);
    node.stop();
}

fn streams_are_limited_and_clients_authorized(network: &TorNetwork) {
    let control = network.service.control();
    let node = start(TempDir::new(), &config(&control, &json!({"max_streams": 2})));
    let [_, echo] = published(&node);
    a_third_stream_ends_the_circuit(network, &echo);
    node.stop();
    let (public, private) = client_keys();
    let clients = json!({"authorized_clients": [format!("descriptor:x25519:{public}")]});
    let node = start(TempDir::new(), &config(&control, &clients));
    let [_, echo] = published(&node);
    a_key_lets_in(network, &echo, &private);
    node.stop();
}

/// The key file of a HiddenServiceDir, as tor has written it: the address is the one that tor says it is.
fn a_key_of_tor_itself(network: &mut TorNetwork) {
    network.service.kill();
    let theirs = network.service.dir.join("theirs");
    let path = theirs.to_str().unwrap();
    network.service.launch(&["HiddenServiceDir", path, "HiddenServicePort", "7"]);
    network.service.bootstrapped();
    let address = fs::read_to_string(theirs.join("hostname")).unwrap();
    let dir = TempDir::new();
    let ours = dir.write(".jackfield/echo.key", fs::read(theirs.join("hs_ed25519_secret_key")).unwrap());
    fs::set_permissions(&ours, fs::Permissions::from_mode(0o600)).unwrap();
    network.service.kill();
    network.service.launch(&[]);
    let node = start(dir, &config(&network.service.control(), &json!({})));
    let [_, published] = published(&node);
    assert_eq!(published, format!("{}:7", address.trim()));
    echo(&mut stream_through_tor(&network.client, &published), b"as before").unwrap();
    node.stop();
}

/// A control port of TCP, where nobody has to authenticate.
fn a_control_port_without_authentication(network: &mut TorNetwork) {
    network.service.kill();
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    network.service.launch(&["CookieAuthentication", "0", "ControlPort", &listen]);
    let tcp = json!({"type": "tcp", "host": "127.0.0.1", "port": port});
    let mut config: Value = serde_json::from_str(&config(Path::new("unused"), &json!({}))).unwrap();
    for index in [0, 1] {
        config["workers"][0]["transports"][index]["endpoint"]["tor_control_endpoint"] = tcp.clone();
    }
    let node = start(TempDir::new(), &config.to_string());
    let (line, _) = node.log.wait(0, "connected to tor");
    assert!(line.contains("no authentication") && line.contains(&listen), "{line}");
    published(&node);
    node.stop();
}

/// A tor that offers COOKIE alone, as those before 0.2.3 do.
fn a_plain_cookie(network: &mut TorNetwork) {
    network.service.kill();
    network.service.launch(&[]);
    network.service.bootstrapped();
    let dir = TempDir::new();
    let path = dir.path().join("old");
    let listener = UnixListener::bind(&path).unwrap();
    let real = network.service.control();
    let proxy = std::thread::spawn(move || without_safe_cookie(&listener, &real));
    let node = start(TempDir::new(), &config(&path, &json!({})));
    node.log.wait(0, "authenticated by COOKIE)");
    published(&node);
    node.stop();
    proxy.join().unwrap();
}

/// A daemon that wants a password: none, a wrong one, the right one.
fn passwords(network: &mut TorNetwork) {
    network.service.kill();
    let hash = tor_hash("right");
    network.service.launch(&["CookieAuthentication", "0", "HashedControlPassword", &hash]);
    let config = config(&network.service.control(), &json!({}));
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
        (Some(b"short"), "it has not 32 bytes"),
        (None, "can't be read: No such file or directory"),
    ];
    for (bytes, expected) in cases {
        match bytes {
            Some(bytes) => fs::write(&cookie, bytes).unwrap(),
            None => fs::remove_file(&cookie).unwrap(),
        }
        let node = start(TempDir::new(), &config(&network.client.control(), &json!({})));
        let (line, _) = node.log.wait(0, expected);
        assert!(line.contains(cookie.to_str().unwrap()), "{line}");
        assert!(is(&node.status().unwrap(), "hidden", "degraded"));
        node.stop();
    }
    fs::write(&cookie, right).unwrap();
}

/// Passes a control connection on, but for one word of what tor offers.
fn without_safe_cookie(listener: &UnixListener, tor: &Path) {
    let (mut node, _) = listener.accept().unwrap();
    let mut tor = UnixStream::connect(tor).unwrap();
    let (mut from_node, mut to_tor) = (node.try_clone().unwrap(), tor.try_clone().unwrap());
    let inward = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_node, &mut to_tor);
        let _ = to_tor.shutdown(std::net::Shutdown::Both);
    });
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = tor.read(&mut bytes) {
        let text = String::from_utf8_lossy(&bytes[..count]).replace("COOKIE,SAFECOOKIE", "COOKIE");
        if node.write_all(text.as_bytes()).is_err() {
            break;
        }
    }
    let _ = node.shutdown(std::net::Shutdown::Both);
    inward.join().unwrap();
}
