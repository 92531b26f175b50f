//! Many clients do at random what clients do, and whatever a realm sends them is checked.
//!
//! A schedule that fails names its seed; `JACKFIELD_SEED=n` runs that one alone and prints what happens.

mod actions;
mod checks;

use crate::world::{FEATURES, everything};
use jackfield_wamp::realm::{
    Access, ClientFeatures, Config, Disclose, Effect, Joining, Realm, Role, Status, Store,
};
use jackfield_wamp::{Dict, Id, Ids, Message, Now, Payload, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SCHEDULES: u64 = 1500;
const STEPS: usize = 150;

const TOPICS: [&str; 5] = ["com.a", "com.a.b", "com.a.c", "com.b.c", "org.a"];
const PATTERNS: [(&str, &str); 6] = [
    ("prefix", ""),
    ("prefix", "com."),
    ("prefix", "com.a"),
    ("wildcard", "com..c"),
    ("wildcard", ".a"),
    ("wildcard", ".."),
];
const INVOKE: [&str; 5] = ["single", "first", "last", "roundrobin", "random"];
const META: [&str; 8] = [
    "wamp.session.count",
    "wamp.session.list",
    "wamp.session.kill",
    "wamp.subscription.list",
    "wamp.subscription.remove_subscriber",
    "wamp.registration.remove_callee",
    "wamp.session.add_testament",
    "wamp.nonsense",
];

/// What a client remembers.
#[derive(Default)]
struct Client {
    last_request: Id,
    /// Requests that are not answered: their kinds, and what they are about.
    pending: BTreeMap<Id, (u64, Id)>,
    /// Calls among them that go on with further arguments.
    open: BTreeSet<Id>,
    subscriptions: BTreeSet<Id>,
    registrations: BTreeSet<Id>,
    invocations: BTreeSet<Id>,
    last_invocation: Id,
    /// The number of the last event of each publisher, and of each publisher by a subscription.
    events: BTreeMap<Id, u64>,
    events_by: BTreeMap<(Id, Id), u64>,
    calls: BTreeMap<Id, u64>,
}

struct Simulation {
    realm: Realm,
    config: Config,
    random: Ids,
    now: Now,
    clients: BTreeMap<Id, Client>,
    number: u64,
    token: u64,
    tokens: BTreeSet<u64>,
    /// Calls may wait for a callee, so their order is not kept.
    queues: bool,
    events: u64,
    verbose: bool,
}

fn options(pairs: &[(&str, Value)]) -> Dict {
    pairs.iter().fold(Dict::new(), |dict, (key, value)| dict.with(*key, value.clone()))
}

impl Simulation {
    fn new(seed: u64, verbose: bool) -> Self {
        let mut random = Ids::seeded(seed);
        let queues = random.below(2) == 0;
        let mut config = Config::new("realm1");
        config.roles = vec![
            Role { name: "anonymous".to_owned(), access: Access::Static(vec![everything(false)]) },
            Role {
                name: "dynamic".to_owned(),
                access: Access::Dynamic { authorizer: "com.a.b".to_owned(), disclose: Disclose::default() },
            },
        ];
        config.bounds.held = 5;
        config.bounds.calls = 10;
        config.bounds.subscriptions = 4;
        config.bounds.registrations = 4;
        if queues {
            config.store = Some(Store { limit: 3, event_history: Vec::new(), call_queues: Vec::new() });
        }
        Self {
            realm: Realm::new(config.clone(), Ids::seeded(seed + 1)),
            config,
            random,
            now: Now { clock: Duration::from_secs(1), wall: Duration::from_secs(1_800_000_000) },
            clients: BTreeMap::new(),
            number: 0,
            token: 0,
            tokens: BTreeSet::new(),
            queues,
            events: 0,
            verbose,
        }
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.random.below(100) < percent
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.random.below(list.len())]
    }

    fn somebody(&mut self) -> Option<Id> {
        let at = self.random.below(self.clients.len());
        self.clients.keys().nth(at).copied()
    }

    fn some_id(&mut self, ids: &BTreeSet<Id>) -> Id {
        let at = self.random.below(ids.len());
        ids.iter().nth(at).copied().unwrap_or(4711)
    }

    fn act(&mut self, what: &str, act: impl FnOnce(&mut Realm, Now, &mut Vec<Effect>)) {
        if self.verbose {
            println!("{what}");
        }
        let mut out = Vec::new();
        act(&mut self.realm, self.now, &mut out);
        let mut violated = Vec::new();
        for effect in out {
            match effect {
                // Only for messages with a stamp.
                Effect::Hub(_) | Effect::Late(_) => panic!("{effect:?}"),
                Effect::Send { to, message } => self.got(to, message.message()),
                Effect::Fan { to, message } => {
                    assert!(to.len() > 1, "a fan of {}", to.len());
                    for to in to {
                        self.got(to, message.message());
                    }
                }
                Effect::Goodbye { session, .. } => {
                    assert!(self.clients.remove(&session).is_some(), "GOODBYE for {session}, who is gone");
                }
                Effect::Violation { session, text } => violated.push((session, text)),
                Effect::Answer { token, .. } => {
                    assert!(self.tokens.remove(&token), "the call {token} is answered twice");
                }
            }
        }
        if let Some(problem) = self.realm.inconsistency() {
            panic!("{problem}");
        }
        for (session, text) in violated {
            // Only too many held messages make an honest client violate the protocol.
            assert!(text.ends_with("messages wait for an authorizer"), "{text}");
            self.leave(session);
        }
    }

    fn send(&mut self, client: Id, message: Message) {
        let what = format!("{client} sends {message:?}");
        self.act(&what, |realm, now, out| realm.receive(now, client, message, out));
    }

    /// A new request that is to be answered.
    fn request(&mut self, client: Id, kind: u64) -> Id {
        self.request_about(client, kind, 0)
    }

    fn request_about(&mut self, client: Id, kind: u64, about: Id) -> Id {
        let Some(client) = self.clients.get_mut(&client) else { return 1 };
        client.last_request += 1;
        client.pending.insert(client.last_request, (kind, about));
        client.last_request
    }

    /// Arguments by which the order is checked: who sends, and a number that grows.
    fn marked(&mut self, client: Id) -> Payload {
        self.number += 1;
        Payload::of(vec![client.into(), self.number.into()], Dict::new())
    }

    fn join(&mut self) {
        let session = self.realm.session_id();
        let dynamic = self.chance(25);
        let features = ClientFeatures {
            callee_canceling: self.chance(70),
            callee_timeout: self.chance(50),
            callee_revocation: true,
            subscriber_revocation: true,
            ..FEATURES
        };
        let joining = Joining {
            session,
            authid: self.one_of(&["ann", "joe"]).to_owned(),
            authrole: if dynamic { "dynamic" } else { "anonymous" }.to_owned(),
            authmethod: "anonymous".to_owned(),
            authprovider: "static".to_owned(),
            authextra: None,
            transport: Dict::new(),
            features,
        };
        self.clients.insert(session, Client::default());
        let what = format!("{session} joins, {features:?}");
        self.act(&what, |realm, now, out| realm.join(now, joining, out));
    }

    fn leave(&mut self, session: Id) {
        self.clients.remove(&session);
        let what = format!("{session} leaves");
        self.act(&what, |realm, now, out| realm.leave(now, session, out));
    }

    fn pattern(&mut self, options: &mut Dict) -> String {
        if self.chance(60) {
            return self.one_of(&TOPICS).to_owned();
        }
        let (policy, uri) = self.one_of(&PATTERNS);
        options.push("match", policy);
        uri.to_owned()
    }

    fn step(&mut self) {
        if self.clients.len() < 2 || self.clients.len() < 8 && self.chance(5) {
            return self.join();
        }
        let Some(client) = self.somebody() else { return };
        match self.random.below(100) {
            0..3 => self.leave(client),
            3..13 => self.subscribe(client),
            13..18 => self.unsubscribe(client),
            18..40 => self.publish(client),
            40..50 => self.register(client),
            50..53 => self.unregister(client),
            53..70 => self.call(client),
            70..73 => self.call_meta(client),
            73..78 => self.cancel(client),
            78..94 => self.answer(client),
            94..96 => self.call_by_router(),
            96 => self.kill(client),
            97 => self.reload(),
            _ => self.pass(),
        }
    }

    fn pass(&mut self) {
        let milliseconds = self.one_of(&[1, 5, 20, 100, 6000]);
        self.now.clock += Duration::from_millis(milliseconds);
        self.now.wall += Duration::from_millis(milliseconds);
        let what = format!("{milliseconds} ms pass");
        self.act(&what, Realm::expire);
        assert!(self.realm.next_expiry().is_none_or(|next| next > self.now.clock));
    }

    /// Answers all invocations.
    fn answer_all(&mut self) {
        let open = self.clients.iter().flat_map(|(id, own)| own.invocations.iter().map(|i| (*id, *i)));
        for (client, request) in open.collect::<Vec<_>>() {
            if let Some(own) = self.clients.get_mut(&client) {
                own.invocations.remove(&request);
                let (options, payload) = (Dict::new(), Payload::one(true));
                self.send(client, Message::Yield { request, options, payload });
            }
        }
    }

    /// Lets all that is open come to its end, then everybody leave.
    fn finish(mut self) {
        // An authorizer whose own requests wait for it is only helped by its time limit, again and again.
        for _ in 0..50 {
            self.answer_all();
            self.now.clock += Duration::from_secs(6);
            self.act("6 s pass", Realm::expire);
        }
        for (id, client) in &self.clients {
            assert!(client.pending.is_empty(), "{id} waits for {:?}", client.pending);
        }
        assert!(self.tokens.is_empty(), "the router waits for {:?}", self.tokens);
        assert_eq!(self.realm.counters().events, self.events, "events that were sent");
        assert_eq!(self.realm.status().sessions, self.clients.len());
        while let Some(client) = self.somebody() {
            self.leave(client);
        }
        let status = self.realm.status();
        let (retained_topics, retained_bytes) = (status.retained_topics, status.retained_bytes);
        assert_eq!(status, Status { retained_topics, retained_bytes, ..Status::default() });
        assert_eq!(self.realm.next_expiry(), None);
    }
}

fn run(seed: u64, verbose: bool) {
    let mut simulation = Simulation::new(seed, verbose);
    for _ in 0..STEPS {
        simulation.step();
    }
    simulation.finish();
}

#[test]
fn whatever_clients_do_orders_hold_and_each_request_is_answered_once() {
    if let Some(seed) = std::env::var("JACKFIELD_SEED").ok().and_then(|seed| seed.parse().ok()) {
        return run(seed, true);
    }
    for seed in 0..SCHEDULES {
        if std::panic::catch_unwind(|| run(seed, false)).is_err() {
            panic!("the schedule of seed {seed} failed");
        }
    }
}
