//! Every wait for a peer that docs/operations.md names ends: each is waited out, beside the others.

use jackfield_tests::{
    Authority, DEADLINE, Node, Talk, TempDir, Wamp, Wish, dial, head, loopback, python, rest, say,
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

const CONFIG: &str = r#"{"version": 2, "workers": [{"type": "router", "stop": {"drain_timeout": 1}, "transports": [
    {"type": "universal", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "handshake_timeout": 1,
        "rawsocket": {"type": "rawsocket.testee", "options": {"message_timeout": 1, "send_timeout": 1}},
        "websocket": {"ws": {"type": "websocket.testee", "options": {"message_timeout": 1000, "send_timeout": 1000,
                "close_handshake_timeout": 1000}},
            "pinged": {"type": "websocket.testee", "options": {"auto_ping_interval": 1000, "auto_ping_timeout": 1000}}},
        "web": {"options": {"client_timeout": 1, "send_timeout": 1, "body_timeout": 1},
            "rules": {"asked": {"forward_auth": {"endpoint": {"type": "tcp", "host": "BEHIND", "port": 8000}, "timeout": 1}}},
            "paths": {"/": {"type": "json", "value": 1}, "files": {"type": "static", "directory": "../web"},
                "upload": {"type": "reverseproxy", "host": "BEHIND", "port": 8000},
                "silent": {"type": "reverseproxy", "host": "BEHIND", "port": 8000, "timeout": 1},
                "upgraded": {"type": "reverseproxy", "host": "BEHIND", "port": 8001, "idle_timeout": 1},
                "cgi": {"type": "cgi", "directory": "../cgi", "processor": "/bin/sh", "options": {"timeout": 1}},
                "asked": {"type": "none"},
                "behind": {"type": "websocket-reverseproxy", "backend": {"type": "websocket", "url": "ws://BEHIND:8000",
                    "options": {"open_handshake_timeout": 1000}, "endpoint": {"type": "tcp", "host": "BEHIND", "port": 8000}}}}}},
    {"type": "universal", "handshake_timeout": 1, "web": {"paths": {"/": {"type": "none"}}},
        "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8443, "tls": {"certificate": "site.crt", "key": "site.key"}}},
    {"type": "rawsocket.testee", "handshake_timeout": 1,
        "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8081, "proxy_protocol": "v1", "trusted": ["127.0.0.0/8"]}},
    {"type": "stream.relay", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8082}, "idle_timeout": 1,
        "backends": [{"type": "tcp", "host": "BEHIND", "port": 8000}]},
    {"type": "stream.relay", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8083},
        "backends": [{"type": "tcp", "host": "BEHIND", "port": 8002, "timeout": 1}]},
    {"type": "stream.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8084}},
    {"type": "rawsocket.testee", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8086},
        "options": {"auto_ping_interval": 1, "auto_ping_timeout": 1}}]},
  {"type": "proxy", "routes": {"realm1": {"anonymous": "silent"}}, "connections": {"silent": {"timeout": 1,
        "auth": {"cryptosign-proxy": {"type": "static"}}, "transport": {"type": "rawsocket", "serializer": "cbor",
            "endpoint": {"type": "tcp", "host": "BEHIND", "port": 8000}}}},
    "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8085}}]}]}"#;

/// Plays a silent peer, until the other side has lost its patience.
type Case = fn(Ipv4Addr);

fn closed(mut stream: Talk) {
    rest(&mut stream);
}

/// Waits until the connection is closed in both directions, without reading.
fn closed_unread(stream: &TcpStream) {
    let limit = Timespec { tv_sec: DEADLINE.as_secs().cast_signed(), tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(stream, PollFlags::empty())], Some(&limit)).unwrap();
    assert!(ended > 0, "it is not closed");
}

/// Writes until the other side takes no more; all but the last is whole.
fn flood(stream: &mut TcpStream, what: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    while stream.write_all(what).is_ok() {}
}

fn websocket(addr: Ipv4Addr, path: &str) -> Talk {
    let mut client = dial((addr, 8080));
    say(
        &mut client,
        &format!(
            "GET /{path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ),
    );
    client
}

fn spoken(addr: Ipv4Addr, path: &str) -> Talk {
    let mut client = websocket(addr, path);
    assert!(head(&mut client)[0].contains(" 101 "));
    client
}

fn request(addr: Ipv4Addr, text: &str) -> Talk {
    let mut client = dial((addr, 8080));
    say(&mut client, text);
    client
}

fn answered(client: &mut Talk, status: u16) {
    assert!(head(client)[0].contains(&format!(" {status} ")));
}

fn two(addr: Ipv4Addr, how: &str, path: &str) -> String {
    python("h2_stalls.py", &[&addr.to_string(), "8080", how, path])
}

/// Each wait of the table, by what is waited for and where.
fn cases() -> BTreeMap<(&'static str, &'static str), Case> {
    let cases: [((&str, &str), Case); 29] = [
        (("the PROXY protocol's header", "`proxy_protocol`"), |addr| closed(dial((addr, 8081)))),
        (("the handshake of TLS", "`tls`"), |addr| closed(dial((addr, 8443)))),
        (("the first byte", "`universal`"), |addr| closed(dial((addr, 8080)))),
        (("the handshake of RawSocket", "`rawsocket.testee`, `universal`"), |addr| {
            closed(request(addr, "\x7f"))
        }),
        (("the head of a request", "HTTP/1"), |addr| closed(request(addr, "GET / HTTP/1.1\r\nHost:"))),
        (("the head of a request", "HTTP/2"), |addr| drop(two(addr, "head", "/"))),
        (("the rest of a frame", "HTTP/2"), |addr| drop(two(addr, "frame", "/"))),
        (("the first request", "HTTP/2"), |addr| drop(two(addr, "silent", "/"))),
        (("more of a request's content", "HTTP/1"), |addr| {
            let head = "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12";
            answered(&mut request(addr, head), 408);
        }),
        (("more of a request's content", "HTTP/2"), |addr| {
            assert!(two(addr, "body", "/upload").starts_with("408"));
        }),
        (("an answer to be taken", "HTTP/1"), |addr| {
            closed_unread(request(addr, "GET /files/big HTTP/1.1\r\nHost: a\r\n\r\n").get_ref());
        }),
        (("an answer to be taken (windows)", "HTTP/2"), |addr| drop(two(addr, "window", "/files/big"))),
        (("the next request", "HTTP/1"), |addr| {
            let mut client = request(addr, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            answered(&mut client, 200);
            closed(client);
        }),
        (("the next request", "HTTP/2"), |addr| drop(two(addr, "idle", "/"))),
        (("the rest of a message", "WebSocket"), |addr| {
            let mut client = spoken(addr, "ws");
            client.get_mut().write_all(b"\x82\xfe\x04\x00\x01\x02\x03\x04begun").unwrap();
            let mut close = [0; 4];
            client.read_exact(&mut close).unwrap();
            assert_eq!((close[0], &close[2..]), (0x88, &1008_u16.to_be_bytes()[..]));
            closed(client);
        }),
        (("messages to be taken", "WebSocket"), |addr| {
            let mut client = spoken(addr, "ws");
            let message = [&b"\x82\xfe\xff\xff\0\0\0\0"[..], &[0; 65535]].concat();
            flood(client.get_mut(), &message);
            closed_unread(client.get_ref());
        }),
        (("a pong", "WebSocket"), |addr| closed(spoken(addr, "pinged"))),
        (("the answer to a close", "WebSocket"), |addr| {
            let mut client = spoken(addr, "ws");
            client.get_mut().write_all(b"\x81\x01x").unwrap(); // it has no mask
            closed_unread(client.get_ref());
        }),
        (("the rest of a message", "RawSocket"), |addr| {
            closed(request(addr, "\x7f\x71\0\0\0\0\0\x05he"));
        }),
        (("messages to be taken", "RawSocket"), |addr| {
            let mut client = request(addr, "\x7f\x71\0\0");
            client.read_exact(&mut [0; 4]).unwrap();
            let message = [&b"\0\0\xff\xff"[..], &[0; 65535]].concat();
            flood(client.get_mut(), &message);
            closed_unread(client.get_ref());
        }),
        (("a pong", "RawSocket"), |addr| {
            let mut client = dial((addr, 8086));
            client.get_mut().write_all(b"\x7f\x71\0\0").unwrap();
            closed(client);
        }),
        (("anything to move", "`stream.relay`"), |addr| closed(dial((addr, 8082)))),
        (("anything to move", "`reverseproxy`, upgraded"), |addr| closed(spoken(addr, "upgraded"))),
        (("a backend to accept", "connecting endpoints"), |addr| closed(dial((addr, 8083)))),
        (("a backend's answer", "`reverseproxy`"), |addr| {
            answered(&mut request(addr, "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n"), 504);
        }),
        (("who decides whether a request may come", "`forward_auth`"), |addr| {
            answered(&mut request(addr, "GET /asked HTTP/1.1\r\nHost: a\r\n\r\n"), 504);
        }),
        (("a backend's handshake", "`websocket-reverseproxy`"), |addr| {
            answered(&mut websocket(addr, "behind"), 504)
        }),
        (("a router's session", "`proxy` workers"), |addr| {
            let abort = Wamp::dial((addr, 8085)).join(None);
            assert_eq!(abort[2], "wamp.error.network_failure", "{abort}");
        }),
        (("a script's output", "`cgi`"), |addr| {
            answered(&mut request(addr, "GET /cgi/silent.sh HTTP/1.1\r\nHost: a\r\n\r\n"), 504);
        }),
    ];
    cases.into()
}

/// The rows of the first table behind a heading of a page: their cells.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/");
    let text = std::fs::read_to_string(format!("{path}{page}")).unwrap();
    let (_, behind) = text.split_once(heading).unwrap();
    let rows = behind.lines().skip_while(|line| !line.starts_with("| ---")).skip(1);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// A backend that says nothing, one that consents to WebSocket and then says nothing, and one whose queue is full.
fn backends(addr: Ipv4Addr) -> (TcpListener, TcpStream) {
    let silent = TcpListener::bind((addr, 8000)).unwrap();
    thread::spawn(move || silent.incoming().map(|stream| stream.unwrap()).collect::<Vec<_>>());
    let upgrading = TcpListener::bind((addr, 8001)).unwrap();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in upgrading.incoming() {
            let mut stream = Talk::new(stream.unwrap());
            head(&mut stream);
            let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                          Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
            say(&mut stream, answer);
            kept.push(stream);
        }
    });
    let full = TcpListener::bind((addr, 8002)).unwrap();
    rustix::net::listen(&full, 0).unwrap();
    let waiting = TcpStream::connect((addr, 8002)).unwrap();
    (full, waiting)
}

#[test]
fn every_wait_for_a_peer_ends() {
    let rows = table("operations.md", "## What is waited for");
    let mut cases = cases();
    let dir = TempDir::new();
    dir.write("web/big", vec![b'x'; 20 << 20]);
    dir.write("cgi/silent.sh", "sleep 60");
    Authority::new("waits").write(&dir, "site", Wish { names: &["localhost"], ..Wish::default() });
    let behind = loopback();
    let _full = backends(behind);
    let mut node = Node::start_in(dir, &CONFIG.replace("BEHIND", &behind.to_string()));
    let addr = node.addr;
    let configuration =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/configuration.md"));
    let configuration = configuration.unwrap();
    let mut playing = Vec::new();
    for row in &rows {
        let [wait, place, option, default, _] = &row[..] else { panic!("{row:?}") };
        // It says of the option what the reference says.
        let default = if default == "never" { "" } else { default };
        let mut declared = configuration.lines().filter(|line| line.starts_with(&format!("| {option} |")));
        assert!(
            declared.any(|line| line.split('|').nth(3).is_some_and(|cell| cell.trim() == default)),
            "{option} with the default {default:?} is not in configuration.md"
        );
        let Some((_, case)) = cases.remove_entry(&(wait.as_str(), place.as_str())) else {
            assert_eq!(option, "`drain_timeout`", "no peer waits out {wait} ({place})");
            continue;
        };
        let name = format!("{wait} ({place})");
        playing.push((
            name,
            thread::spawn(move || {
                let begun = Instant::now();
                case(addr);
                begun.elapsed()
            }),
        ));
    }
    assert!(cases.is_empty(), "not in the table: {:?}", cases.keys());
    for (name, playing) in playing {
        let took = playing.join().unwrap_or_else(|_| panic!("{name}"));
        assert!(
            took >= Duration::from_millis(800),
            "{name}: after {took:?} already, so it was something else"
        );
    }
    // Last, the wait for connections to end.
    let open = dial((addr, 8084));
    node.until("the connection", |s| {
        s["endpoints"].as_array().unwrap().iter().any(|e| e["connections"]["open"] == 1)
    });
    node.signal(Signal::TERM);
    closed(open);
    assert!(node.wait().success());
}
