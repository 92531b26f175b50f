//! Links that carry anything: neither end may panic, or believe what it can't check.

use jackfield_wamp::link::{Edge, Hub};
use jackfield_wamp::realm::{ClientFeatures, Config, Joining, Realm};
use jackfield_wamp::{Dict, Ids, Message, Now, Payload};
use std::time::Duration;

const SEEDS: u64 = 20_000;

fn hub(seed: u64) -> Hub {
    Hub::new(vec![Realm::new(Config::new("realm1"), Ids::seeded(seed))], Ids::seeded(seed))
}

fn joining(authid: &str) -> Joining {
    Joining {
        session: 7,
        authid: authid.into(),
        authrole: "trusted".into(),
        authmethod: "anonymous".into(),
        authprovider: "static".into(),
        authextra: None,
        transport: Dict::new(),
        features: ClientFeatures::default(),
    }
}

/// What an edge says, and what it is told.
fn talk(seed: u64) -> (Vec<u8>, Vec<u8>) {
    let now = Now::default();
    let mut hub = hub(seed);
    hub.take_over(now, [], Duration::ZERO);
    let realm = Realm::new(Config::new("realm1"), Ids::seeded(seed));
    let (mut edge, mut out) = (Edge::new(1, Ids::seeded(seed)), Vec::new());
    edge.join("realm1", joining("joe"));
    edge.connected(now);
    let (options, uri) = (Dict::new(), "com.x".to_owned());
    edge.receive(
        now,
        &realm,
        7,
        Message::Subscribe { request: 1, options: options.clone(), topic: uri.clone() },
        &mut out,
    );
    edge.receive(
        now,
        &realm,
        7,
        Message::Register { request: 2, options: options.clone(), procedure: uri.clone() },
        &mut out,
    );
    let payload = Payload::one("x");
    edge.receive(now, &realm, 7, Message::Call { request: 3, options, procedure: uri, payload }, &mut out);
    assert!(out.is_empty(), "{out:?}");
    let up = std::mem::take(edge.output());
    let link = hub.connected();
    hub.received(now, link, &up).unwrap();
    hub.written(link, 1 << 20);
    hub.acknowledge();
    (up, hub.output(link).map(std::mem::take).unwrap_or_default())
}

fn mutate(bytes: &[u8], random: &mut Ids) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len());
        match random.below(4) {
            0 => bytes[at] = random.random() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.remove(at)),
            _ => bytes.insert(at, random.random() as u8),
        }
    }
    bytes
}

#[test]
fn whatever_a_link_carries_is_taken_or_refused() {
    let now = Now::default();
    let (up, down) = talk(1);
    assert!(up.len() > 100 && down.len() > 50, "{} {}", up.len(), down.len());
    let mut refused = 0;
    for seed in 0..SEEDS {
        let mut random = Ids::seeded(seed);
        let mut hub = hub(seed);
        if random.below(2) == 0 {
            hub.take_over(now, [1], Duration::from_secs(2));
        }
        let link = hub.connected();
        refused += u32::from(hub.received(now, link, &mutate(&up, &mut random)).is_err());
        hub.expire(Now { clock: Duration::from_secs(3), ..now });
        hub.written(link, 1 << 20);
        hub.acknowledge();
        hub.closed(now, link);
        let mut edge = Edge::new(1, Ids::seeded(seed));
        edge.connected(now);
        let mut effects = Vec::new();
        refused += u32::from(edge.received(&mutate(&down, &mut random), &mut effects).is_err());
        edge.disconnected(&mut effects);
        edge.connected(now);
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn an_edge_does_not_speak_for_the_sessions_of_another_one() {
    let now = Now::default();
    let (up, _) = talk(1);
    let mut hub = hub(1);
    let first = hub.connected();
    hub.received(now, first, &up).unwrap();
    let mut other = Edge::new(2, Ids::seeded(2));
    other.connected(now);
    other.join("realm1", joining("eve"));
    other.leave(7);
    let second = hub.connected();
    hub.received(now, second, other.output()).unwrap();
    assert_eq!(hub.realms()[0].status().sessions, 1);
    assert_eq!(hub.realms()[0].status().subscriptions, 1);
    hub.closed(now, first);
    assert_eq!(hub.realms()[0].status().sessions, 0);
}
