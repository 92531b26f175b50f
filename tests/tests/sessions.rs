//! Short sessions of WAMP by the thousand: what they used is gone when they are.
//!
//! The short form runs with all tests; the full one, a million sessions, with `tests/storm`, which prints the figures.
//! JACKFIELD_SESSIONS sets another number.

use jackfield_tests::{DEADLINE, Node, TempDir};
use serde_json::{Value, json};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Instant;

const CONFIG: &str = r#"{"version": 2, "workers": [{"type": "router",
    "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [
        {"uri": "*", "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]}]}],
    "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080, "backlog": 1024}}]}]}"#;

/// Clients at a time.
const CLIENTS: u32 = 8;

/// How much more memory a process may have at the end, in bytes: what allocators and caches of the kernel's do by themselves.
const SLACK: u64 = 4 << 20;

fn count() -> u32 {
    let given = std::env::var("JACKFIELD_SESSIONS").ok().and_then(|given| given.parse().ok());
    let full = std::env::var("JACKFIELD_FULL").is_ok_and(|value| value == "1");
    given.unwrap_or(if full { 1_000_000 } else { 4_000 })
}

fn framed(message: &Value) -> Vec<u8> {
    let text = message.to_string();
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

fn hear(stream: &mut TcpStream) -> io::Result<Value> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut text = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Waits for the message of this kind.
fn wait_for(stream: &mut TcpStream, kind: u64) -> io::Result<()> {
    while hear(stream)?[0] != kind {}
    Ok(())
}

/// A session that uses what there is. Every other one takes its leave; the others are cut off, with a call under way.
fn session(addr: Ipv4Addr, number: u32) -> io::Result<()> {
    let mut stream = TcpStream::connect((addr, 8080))?;
    stream.set_read_timeout(Some(DEADLINE))?;
    let hello =
        json!([1, "realm1", {"roles": {"caller": {}, "callee": {}, "publisher": {}, "subscriber": {}}}]);
    stream.write_all(&[&b"\x7f\xf1\0\0"[..], &framed(&hello)].concat())?;
    stream.read_exact(&mut [0; 4])?;
    wait_for(&mut stream, 2)?;
    let own = format!("com.own.n{number}");
    let said = [
        json!([32, 1, {}, "com.topic"]),
        json!([32, 2, {"match": "prefix"}, own]),
        json!([64, 3, {}, own]),
        json!([16, 4, {"acknowledge": true, "exclude_me": false}, own, ["x".repeat(100)]]),
        json!([48, 5, {}, own, [number]]),
    ];
    stream.write_all(&said.iter().flat_map(framed).collect::<Vec<_>>())?;
    wait_for(&mut stream, 68)?;
    if number.is_multiple_of(2) {
        return Ok(());
    }
    stream.write_all(&framed(&json!([6, {}, "wamp.close.normal"])))?;
    wait_for(&mut stream, 6)
}

/// So many sessions, some at a time.
fn sessions(addr: Ipv4Addr, count: u32) {
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= count {
                        break;
                    }
                    session(addr, number).unwrap_or_else(|e| panic!("session {number}: {e}"));
                }
            });
        }
    });
}

/// Memory of the router, when everything is gone from its realm.
fn memory(node: &Node) -> u64 {
    let status = node.until("an empty realm", |status| {
        let realm = &status["realms"][0];
        ["sessions", "subscriptions", "registrations", "calls"].iter().all(|what| realm[what] == 0)
    });
    status["workers"][0]["processes"][0]["rss_bytes"].as_u64().unwrap()
}

#[test]
fn short_sessions_leave_no_memory_behind() {
    let node = Node::start_in(TempDir::new(), CONFIG);
    let count = count();
    sessions(node.addr, count.div_ceil(10));
    let before = memory(&node);
    let begin = Instant::now();
    sessions(node.addr, count);
    let (seconds, after) = (begin.elapsed().as_secs_f64(), memory(&node));
    println!("{count} sessions in {seconds:.0} s: {before} bytes of memory before, {after} after");
    assert!(after <= before + SLACK, "{before} before, {after} after {count} sessions");
    node.stop();
}
