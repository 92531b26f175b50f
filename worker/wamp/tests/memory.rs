//! What sessions that do nothing take in the process that has the realms.

use jackfield_wamp::link::{Edge, Hub};
use jackfield_wamp::realm::{Access, ClientFeatures, Config, Joining, Realm, Role};
use jackfield_wamp::{Dict, Id, Ids, Now};
use std::time::Duration;

const SESSIONS: u64 = 100_000;
/// Sessions of each edge.
const EACH: u64 = 1000;
/// Bytes of each, and a quarter for what an allocator makes of them.
const MOST: u64 = 700;

/// Bytes of memory of this process, which has one test.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kib.trim().trim_end_matches(" kB").parse().ok().map(|kib: u64| kib * 1024)
}

/// A client as most are: anonymous, by TCP.
fn joining(session: Id) -> Joining {
    let transport = Dict::new()
        .with("channel_type", "tcp")
        .with("channel_framing", "websocket")
        .with("channel_serializer", "json")
        .with("peer", format!("tcp4:127.{}.{}.1:{}", session % 200, session / 200 % 200, session % 60_000))
        .with("is_secure", false);
    Joining {
        session,
        authid: format!("{session:024}"),
        authrole: "anonymous".into(),
        authmethod: "anonymous".into(),
        authprovider: "static".into(),
        authextra: None,
        transport,
        features: ClientFeatures::ALL,
    }
}

#[test]
fn a_session_that_does_nothing_takes_little_where_the_realm_is() {
    let now = Now::default();
    let mut config = Config::new("realm1");
    config.roles = vec![Role { name: "anonymous".to_owned(), access: Access::Static(Vec::new()) }];
    let mut hub = Hub::new(vec![Realm::new(config, Ids::seeded(1))], Ids::seeded(2));
    hub.take_over(now, [], Duration::ZERO);
    let mut random = Ids::seeded(3);
    let before = resident().unwrap();
    for number in 1..=SESSIONS / EACH {
        let mut edge = Edge::new(number, Ids::seeded(number));
        edge.connected(now);
        for _ in 0..EACH {
            edge.join("realm1", joining(random.id()));
        }
        let link = hub.connected();
        // As they come from a socket: a buffer for all of them would count as theirs.
        for bytes in edge.output().chunks(4096) {
            hub.received(now, link, bytes).unwrap();
        }
        hub.acknowledge();
        hub.output(link).map(std::mem::take);
    }
    assert_eq!(hub.realms()[0].status().sessions as u64, SESSIONS);
    let each = (resident().unwrap() - before) / SESSIONS;
    println!("{each} bytes for each session");
    assert!(each <= MOST, "{each} bytes");
}
