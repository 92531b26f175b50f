//! Onion services and connections through Tor, in a private Tor network that is started once for all of them.

mod arti;
mod daemon;
mod everywhere;
mod keys;

use jackfield_tests::{DEADLINE, Node, TempDir, Tor, TorNetwork, loopback, openssl, until};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The address of every node that [`start`] starts: there is one at a time.
static ADDR: LazyLock<Ipv4Addr> = LazyLock::new(loopback);

#[test]
fn onion_services() {
    let mut network = TorNetwork::start();
    daemon::all(&mut network);
    arti::all(&network);
    everywhere::one_transport_on_every_endpoint(&network);
    everywhere::a_site_has_two_addresses(&network);
    everywhere::a_realm_has_an_onion_address(&network);
    arti::the_network_is_lost(network);
}

/// Who publishes.
#[derive(Clone, Copy, Debug)]
enum Onion<'a> {
    /// The daemon with this control socket.
    Daemon(&'a Path),
    /// The embedded Arti.
    Arti,
}

/// A universal endpoint and an echo as onion services, and a plain one.
fn services(publisher: Onion<'_>) -> Value {
    let by = |mut endpoint: Value| {
        endpoint["type"] = "onion".into();
        if let Onion::Daemon(control) = publisher {
            endpoint["tor_control_endpoint"] = json!({"type": "unix", "path": control});
        }
        endpoint
    };
    json!([
        {"type": "universal", "id": "hidden", "endpoint": by(json!({"port": 80, "private_key_file": "hidden.key"})),
         "rawsocket": {"type": "rawsocket.testee", "serializers": ["cbor"]},
         "websocket": {"ws": {"type": "websocket.testee"}},
         "web": {"paths": {"/": {"type": "nodeinfo"}}}},
        {"type": "stream.testee", "id": "echo",
         "endpoint": by(json!({"port": 7, "private_key_file": "echo.key", "max_streams": 9,
                               "target": {"type": "unix", "path": "echo.sock", "mode": "0666"}}))},
        {"type": "web", "id": "plain", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
         "paths": {"/": {"type": "json", "value": "plain"}}},
    ])
}

/// A node with these on two processes; `more` is added to the endpoint of the echo, `tor` is `controller.tor`.
fn config(publisher: Onion<'_>, more: &Value, tor: &Value) -> String {
    let mut services = services(publisher);
    for (key, value) in more.as_object().unwrap() {
        services[1]["endpoint"][key] = value.clone();
    }
    json!({"version": 2, "controller": {"tor": tor},
           "workers": [{"type": "router", "processes": 2, "transports": services}]})
    .to_string()
}

/// Starts a node.
fn start(dir: TempDir, config: &str) -> Node {
    start_at(*ADDR, dir, config)
}

/// Starts a node beside that one.
fn start_relay(config: &str) -> Node {
    static ADDR: LazyLock<Ipv4Addr> = LazyLock::new(loopback);
    start_at(*ADDR, TempDir::new(), config)
}

fn start_at(addr: Ipv4Addr, dir: TempDir, config: &str) -> Node {
    dir.write(".jackfield/config.json", config.replace("ADDR", &addr.to_string()));
    let node = Node::launch(dir, addr, &[], &[]);
    node.ready();
    node
}

fn stopped(mut node: Node) -> TempDir {
    let dir = std::mem::take(&mut node.dir);
    node.stop();
    dir
}

fn endpoint<'s>(status: &'s Value, id: &str) -> &'s Value {
    status["endpoints"].as_array().unwrap().iter().find(|e| e["transport"] == id).unwrap()
}

fn is(status: &Value, id: &str, state: &str) -> bool {
    endpoint(status, id)["state"] == state
}

/// Waits until both services are published; their addresses.
fn published(node: &Node) -> [String; 2] {
    // Arti fetches the whole directory first, in a debug build, on a machine that may be busy.
    let status = node.until_within(4 * DEADLINE, "published", |s| {
        is(s, "hidden", "published") && is(s, "echo", "published")
    });
    ["hidden", "echo"].map(|id| endpoint(&status, id)["onion"].as_str().unwrap().to_owned())
}

/// Process ids of the first process of each worker.
fn pids(status: &Value) -> Vec<u32> {
    let workers = status["workers"].as_array().unwrap().iter();
    workers.map(|w| w["processes"][0]["pid"].as_u64().unwrap().try_into().unwrap()).collect()
}

/// Tries through a tor client until it works. A client that found nothing at a directory, or nobody where it was to be
/// introduced, remembers that for minutes: it is told to forget before it tries again.
fn patiently<T>(what: &str, tor: &Tor, mut attempt: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + 4 * DEADLINE;
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(Instant::now() < end, "tried in vain: {what}");
        tor.command("SIGNAL NEWNYM");
        // No event tells when a directory has what it did not have.
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Asks through a tor client.
fn through_tor(tor: &Tor, url: &str) -> String {
    let proxy = format!("127.0.0.1:{}", tor.socks_port);
    patiently(url, tor, || {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "--noproxy", "", "--max-time", "30", "--socks5-hostname", &proxy, url]);
        let output = curl.output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    })
}

/// A connection through Tor (RFC 1928).
fn stream_through_tor(tor: &Tor, onion: &str) -> TcpStream {
    patiently(onion, tor, || try_stream_through_tor(tor, onion).ok())
}

/// The same, once; the error is what the SOCKS port replies, or 0 when it says nothing.
fn try_stream_through_tor(tor: &Tor, onion: &str) -> Result<TcpStream, u8> {
    let (host, port) = onion.split_once(':').unwrap();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, tor.socks_port)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut asked = vec![5, 1, 0, 5, 1, 0, 3, u8::try_from(host.len()).unwrap()];
    asked.extend(host.bytes().chain(port.parse::<u16>().unwrap().to_be_bytes()));
    stream.write_all(&asked).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).map_err(|_| 0)?;
    if answer[3] == 0 { Ok(stream) } else { Err(answer[3]) }
}

/// Sends bytes to an echo, and waits for them.
fn echo(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes)?;
    let mut got = vec![0; bytes.len()];
    stream.read_exact(&mut got)?;
    assert_eq!(got, bytes);
    Ok(())
}

/// With `max_streams` of 2: streams of a client without isolation are on one circuit, and a third ends that.
fn a_third_stream_ends_the_circuit(network: &TorNetwork, address: &str) {
    until("two streams on one circuit", || {
        let mut first = stream_through_tor(&network.client, address);
        let mut second = stream_through_tor(&network.client, address);
        // A circuit that was closed in between had another one follow.
        echo(&mut first, b"one").and_then(|()| echo(&mut second, b"two")).ok()?;
        let _third = try_stream_through_tor(&network.client, address);
        let ended = |stream: &mut TcpStream| !matches!(stream.read(&mut [0]), Ok(1..));
        assert!(ended(&mut first) && ended(&mut second));
        Some(())
    });
}

/// An x25519 key pair: the public key in base32, as a configuration has it, and the private one in base64, as a control
/// port takes it.
fn client_keys() -> (String, String) {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let pem = openssl(&["genpkey", "-algorithm", "x25519"], b"");
    let public = openssl(&["pkey", "-pubout"], pem.as_bytes());
    let bytes = |pem: &str| {
        let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(text).unwrap();
        der[der.len() - 32..].to_vec()
    };
    let mut base32 = String::new();
    for group in bytes(&public).chunks(5) {
        let bits = (0..5).fold(0_u64, |bits, at| bits << 8 | u64::from(group.get(at).copied().unwrap_or(0)));
        let count = (group.len() * 8).div_ceil(5);
        base32.extend((0..count).map(|at| {
            let digit = u8::try_from(bits >> (35 - 5 * at) & 31).unwrap();
            char::from(if digit < 26 { b'A' + digit } else { b'2' + digit - 26 })
        }));
    }
    (base32, STANDARD.encode(bytes(&pem)))
}

/// A client without a key is refused; with the key it gets in.
fn a_key_lets_in(network: &TorNetwork, address: &str, private: &str) {
    // Tor's extended error 0xF4: the service wants a key of its clients that this one doesn't have.
    until("the client to be refused", || {
        let refused = try_stream_through_tor(&network.client, address).expect_err("a stranger was let in");
        (refused == 0xF4).then_some(())
    });
    let id = address.split(".onion").next().unwrap();
    let reply = network.client.command(&format!("ONION_CLIENT_AUTH_ADD {id} x25519:{private}"));
    assert!(reply.starts_with("250") || reply.starts_with("251") || reply.starts_with("252"), "{reply}");
    echo(&mut stream_through_tor(&network.client, address), b"let in").unwrap();
}
