//! The PROXY protocol, taken and sent.

use jackfield_tests::{Authority, DEADLINE, Node, TempDir, Wish, argument, curl, loopback};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;

const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn node(dir: TempDir, transports: &str) -> Node {
    let config =
        format!(r#"{{"version": 2, "workers": [{{"type": "router", "transports": [{transports}]}}]}}"#);
    let node = Node::spawn(dir, &config, &["--log-level", "debug"]);
    node.ready();
    node
}

fn echo(version: &str, trusted: &str) -> String {
    format!(
        r#"{{"type": "universal", "handshake_timeout": 1, "web": {{"paths": {{"/": {{"type": "json", "value": 1}}}},
            "options": {{"access_log": true}}}}, "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080,
            "proxy_protocol": "{version}", "trusted": ["{trusted}"]}}}}"#
    )
}

fn connect(addr: Ipv4Addr) -> TcpStream {
    let stream = TcpStream::connect((addr, 8080)).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

const GET: &[u8] = b"GET / HTTP/1.0\r\n\r\n";

/// What comes back for these bytes, until the connection ends.
fn answer(mut stream: TcpStream, pieces: &[&[u8]]) -> String {
    for piece in pieces {
        let _ = stream.write_all(piece);
    }
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got); // a reset, where something was left unread
    String::from_utf8_lossy(&got).into_owned()
}

#[test]
fn the_header_names_the_client() {
    let node = node(TempDir::new(), &echo("auto", "127.0.0.0/8"));
    let v4 = [V2, b"\x21\x11\0\x0c\xc0\0\x02\x09\xc0\0\x02\x02\x12\x34\0\x50"].concat();
    let local = [V2, b"\x20\x00\0\x00"].concat();
    for (header, client) in [
        (&b"PROXY TCP4 192.0.2.7 192.0.2.2 4660 80\r\n"[..], "192.0.2.7 "),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 4660 80\r\n", "2001:db8::7 "),
        (b"PROXY UNKNOWN\r\n", "127."),
        (&v4, "192.0.2.9 "),
        (&local, "127."),
    ] {
        let before = node.log.all().len();
        let whole = [header, GET].concat();
        assert!(answer(connect(node.addr), &[&whole]).starts_with("HTTP/1.0 200 OK"));
        let (line, seen) = node.log.wait(before, "\"GET / HTTP/1.0\" 200");
        assert!(line.contains(client), "{line}");
        let single: Vec<_> = whole.chunks(1).collect();
        assert!(answer(connect(node.addr), &single).starts_with("HTTP/1.0 200 OK"));
        let (line, _) = node.log.wait(seen, "\"GET / HTTP/1.0\" 200");
        assert!(line.contains(client), "{line}");
    }
    for (bytes, reason) in [
        (GET, "does not begin with a PROXY header"),
        (b"PROXY TCP4 nobody\r\n", "is malformed"),
        (b"PROXY TC", "no complete header came within 1 s"),
    ] {
        let before = node.log.all().len();
        assert_eq!(answer(connect(node.addr), &[bytes]), "");
        node.log.wait(before, reason);
    }
    assert_eq!(node.status().unwrap()["endpoints"][0]["connections"]["failed"], 3);
    node.stop();
}

#[test]
fn strangers_are_closed_and_versions_are_meant() {
    let stranger = node(TempDir::new(), &echo("auto", "192.0.2.0/24"));
    assert_eq!(answer(connect(stranger.addr), &[b"PROXY TCP4 192.0.2.7 192.0.2.2 4660 80\r\n", GET]), "");
    let (line, _) = stranger.log.wait(0, "not in a network whose word is taken");
    assert!(line.contains("warn"), "{line}");
    stranger.stop();
    let node = node(TempDir::new(), &echo("v2", "127.0.0.0/8"));
    assert_eq!(answer(connect(node.addr), &[b"PROXY UNKNOWN\r\n", GET]), "");
    node.stop();
}

#[test]
fn curl_over_tls_behind_the_header() {
    let (dir, authority) = (TempDir::new(), Authority::new("authority"));
    dir.write(".jackfield/ca.crt", authority.pem());
    authority.write(
        &dir,
        "server",
        Wish { names: &["localhost"], common_name: "localhost", ..Wish::default() },
    );
    let tls = r#""tls": {"key": "server.key", "certificate": "server.crt"}, "proxy_protocol""#;
    let node = node(dir, &echo("v1", "127.0.0.0/8").replace("\"proxy_protocol\"", tls));
    let (ca, connect) = (argument(&node.dir, "ca.crt"), format!("::{}:8080", node.addr));
    let got = curl(&["--haproxy-protocol", "--cacert", &ca, "--connect-to", &connect, "https://localhost/"]);
    assert_eq!(got, "1");
    node.stop();
}

#[test]
fn a_relay_says_for_whom() {
    let addr = loopback();
    let tcp = TcpListener::bind((addr, 8000)).unwrap();
    let dir = TempDir::new();
    let path = dir.path().join("backend");
    let unix = UnixListener::bind(&path).unwrap();
    let relay = |port: u16, endpoint: &str, backend: &str| {
        format!(
            r#"{{"type": "stream.relay", "endpoint": {{"type": "tcp", "interface": "ADDR", "port": {port}{endpoint}}},
                "backends": [{{{backend}}}]}}"#
        )
    };
    let v1 = format!(r#""type": "tcp", "host": "{addr}", "port": 8000, "proxy_protocol": "v1""#);
    let v2 = format!(r#""type": "unix", "path": {path:?}, "proxy_protocol": "v2""#);
    let behind = r#", "proxy_protocol": "v1", "trusted": ["127.0.0.1"]"#;
    let transports = [relay(8080, "", &v1), relay(8081, "", &v2), relay(8082, behind, &v1)].join(", ");
    let node = node(dir, &transports);

    let mut client = TcpStream::connect((node.addr, 8080)).unwrap();
    client.write_all(b"hello").unwrap();
    let own = client.local_addr().unwrap();
    let expected = format!("PROXY TCP4 {} {} {} 8080\r\nhello", own.ip(), node.addr, own.port());
    let mut got = vec![0; expected.len()];
    tcp.accept().unwrap().0.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), expected);
    drop(client);

    let mut client = TcpStream::connect((node.addr, 8081)).unwrap();
    client.write_all(b"hello").unwrap();
    let own = client.local_addr().unwrap();
    let ports = [own.port().to_be_bytes(), 8081_u16.to_be_bytes()].concat();
    let expected =
        [V2, b"\x21\x11\0\x0c", &[127, 0, 0, 1], &node.addr.octets(), ports.as_slice(), b"hello"].concat();
    let mut got = vec![0; expected.len()];
    unix.accept().unwrap().0.read_exact(&mut got).unwrap();
    assert_eq!(got, expected);
    drop(client);

    // What a proxy before us has said is passed on.
    let header = "PROXY TCP6 2001:db8::7 2001:db8::1 4660 80\r\n";
    let mut client = TcpStream::connect((node.addr, 8082)).unwrap();
    client.write_all(header.as_bytes()).unwrap();
    let mut got = vec![0; header.len()];
    tcp.accept().unwrap().0.read_exact(&mut got).unwrap();
    assert_eq!(String::from_utf8_lossy(&got), header);
    drop(client);
    node.stop();
}
