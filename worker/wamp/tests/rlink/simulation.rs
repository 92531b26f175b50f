//! Clients of realms that are linked with each other come, go, subscribe and register while links are cut and made again; then
//! every event has to come once to each subscription, and every call to one callee.

use crate::world::{ALL, Client, World};
use jackfield_wamp::{Dict, Id, Ids, Message, Payload};
use std::collections::BTreeMap;

const REALMS: usize = 3;
const TOPICS: [(&str, &str); 5] = [
    ("com.a.b", "exact"),
    ("com.a.c", "exact"),
    ("com.", "prefix"),
    ("com..b", "wildcard"),
    ("org.a.b", "exact"),
];
const PUBLISHED: [&str; 4] = ["com.a.b", "com.a.c", "com.d.b", "org.a.b"];
const PROCEDURES: [(&str, &str, &str); 4] = [
    ("com.one", "exact", "single"),
    ("com.two", "exact", "roundrobin"),
    ("com.three", "exact", "first"),
    ("com.more.", "prefix", "single"),
];

fn matches(topic: &str, (uri, policy): (&str, &str)) -> bool {
    match policy {
        "exact" => topic == uri,
        "prefix" => topic.starts_with(uri),
        _ => topic.split('.').count() == 3 && topic.starts_with("com.") && topic.ends_with(".b"),
    }
}

/// What a client has.
#[derive(Default)]
struct Has {
    subscriptions: BTreeMap<usize, Id>,
    registrations: BTreeMap<usize, Id>,
}

fn run(seed: u64) {
    let mut random = Ids::seeded(seed);
    let mut world = World::new(REALMS, seed);
    let mut clients: BTreeMap<Client, Has> = BTreeMap::new();
    let pairs = [(0, 1), (1, 2), (2, 0)];
    let mut links = [None; 3];
    for _ in 0..60 {
        let one = |clients: &BTreeMap<Client, Has>, random: &mut Ids| {
            let at = random.below(clients.len().max(1));
            clients.keys().nth(at).copied()
        };
        match random.below(10) {
            0 | 1 => {
                let client = world.join(random.below(REALMS));
                clients.insert(client, Has::default());
            }
            2 => {
                if let Some(client) = one(&clients, &mut random) {
                    clients.remove(&client);
                    world.leave(client);
                }
            }
            3 | 4 => {
                let Some(client) = one(&clients, &mut random) else { continue };
                let topic = random.below(TOPICS.len());
                let has = clients.entry(client).or_default();
                match has.subscriptions.remove(&topic) {
                    Some(subscription) => {
                        let request = world.request();
                        world.send(client, Message::Unsubscribe { request, subscription });
                    }
                    None => {
                        let (uri, policy) = TOPICS[topic];
                        has.subscriptions.insert(topic, world.subscribe(client, uri, policy));
                    }
                }
                world.take(client);
            }
            5..=7 => {
                let Some(client) = one(&clients, &mut random) else { continue };
                let procedure = random.below(PROCEDURES.len());
                let has = clients.entry(client).or_default();
                match has.registrations.remove(&procedure) {
                    Some(registration) => {
                        let request = world.request();
                        world.send(client, Message::Unregister { request, registration });
                    }
                    None => {
                        let (uri, policy, invoke) = PROCEDURES[procedure];
                        let options = Dict::new().with("match", policy).with("invoke", invoke);
                        if let Some(id) = world.register(client, uri, options) {
                            has.registrations.insert(procedure, id);
                        }
                    }
                }
                world.take(client);
            }
            _ => {
                let at = random.below(3);
                match links[at].take() {
                    Some(link) => world.cut(link),
                    None => links[at] = Some(world.link(pairs[at].0, pairs[at].1, ALL)),
                }
            }
        }
    }
    let linked = |a: usize, b: usize, links: &[Option<usize>; 3]| {
        a == b || (0..3).any(|at| links[at].is_some() && (pairs[at] == (a, b) || pairs[at] == (b, a)))
    };
    for client in clients.keys() {
        world.take(*client);
    }
    for realm in 0..REALMS {
        let publisher = world.join(realm);
        for (number, topic) in PUBLISHED.into_iter().enumerate() {
            world.publish(publisher, topic, number as u64);
            for (client, has) in &clients {
                let all = has.subscriptions.iter().filter(|(at, _)| matches(topic, TOPICS[**at]));
                let mut expected: Vec<_> = all.map(|(_, id)| (*id, number as u64)).collect();
                expected.sort_unstable();
                if !linked(realm, client.0, &links) {
                    expected.clear();
                }
                assert_eq!(
                    world.events(*client),
                    expected,
                    "seed {seed}: {topic} from {realm} at {client:?}"
                );
            }
        }
        for (number, (uri, policy, _)) in PROCEDURES.into_iter().enumerate() {
            let reached = |client: &Client, has: &Has| {
                has.registrations.contains_key(&number) && linked(realm, client.0, &links)
            };
            let any = clients.iter().any(|(client, has)| reached(client, has));
            let procedure = if policy == "prefix" { format!("{uri}x") } else { uri.to_owned() };
            for _ in 0..3 {
                world.call(publisher, &procedure, Dict::new());
                let mut invoked = 0;
                for client in clients.keys().copied().collect::<Vec<_>>() {
                    for message in world.take(client) {
                        let Message::Invocation { request, .. } = message else { panic!("{message:?}") };
                        invoked += 1;
                        let (options, payload) = (Dict::new(), Payload::one(1_u64));
                        world.send(client, Message::Yield { request, options, payload });
                    }
                }
                let answers = world.take(publisher);
                assert_eq!(invoked, usize::from(any), "seed {seed}: {procedure} from {realm}");
                let answered = match &answers[..] {
                    [Message::Result { .. }] => any,
                    [Message::Error { .. }] => !any,
                    _ => false,
                };
                assert!(answered, "seed {seed}: {procedure} from {realm}: {answers:?}");
            }
        }
        world.leave(publisher);
    }
}

#[test]
fn events_come_once_and_calls_are_answered_whatever_was_cut() {
    match std::env::var("JACKFIELD_SEED").ok().and_then(|seed| seed.parse().ok()) {
        Some(seed) => run(seed),
        None => (0..120).for_each(run),
    }
}
