//! Clients that send anything at all: the realm stands it, and nothing of them stays.

use crate::world::{FEATURES, config, everything};
use jackfield_wamp::realm::{
    Access, ClientFeatures, Disclose, Effect, Joining, Kept, Realm, Role, Status, Store,
};
use jackfield_wamp::uri::Match;
use jackfield_wamp::{Dict, Id, Ids, MAX_ID, Message, Now, Payload, Serializer, Value, kind};
use std::time::Duration;

const SCHEDULES: u64 = 300;
const STEPS: usize = 300;

const KEYS: [&str; 30] = [
    "acknowledge",
    "exclude_me",
    "exclude",
    "exclude_authid",
    "eligible",
    "eligible_authrole",
    "retain",
    "match",
    "get_retained",
    "invoke",
    "concurrency",
    "force_reregister",
    "forward_timeout",
    "timeout",
    "receive_progress",
    "progress",
    "mode",
    "reason",
    "forward_for",
    "enc_algo",
    "enc_key",
    "ppt_scheme",
    "ppt_keyid",
    "scope",
    "limit",
    "reverse",
    "topic",
    "session_id",
    "publish_options",
    "x_y",
];
const TEXTS: [&str; 24] = [
    "",
    "com.a",
    "com.b",
    "com.",
    "com..c",
    ".",
    "com.a#",
    "wamp.session.kill",
    "wamp.session.kill_all",
    "wamp.session.add_testament",
    "wamp.session.flush_testaments",
    "wamp.subscription.get_events",
    "wamp.subscription.remove_subscriber",
    "wamp.registration.remove_callee",
    "wamp.session.count",
    "wamp.x",
    "exact",
    "prefix",
    "wildcard",
    "roundrobin",
    "kill",
    "skip",
    "destroyed",
    "2027-01-15T08:00:03.000Z",
];

struct Fuzz {
    random: Ids,
    /// Ids that the realm has given.
    seen: Vec<Id>,
}

impl Fuzz {
    fn text(&mut self) -> String {
        TEXTS[self.random.below(TEXTS.len())].to_owned()
    }

    fn id(&mut self) -> Id {
        match self.random.below(3) {
            0 => [0, 1, 4711, MAX_ID][self.random.below(4)],
            1 => self.random.below(8) as Id,
            _ => self.seen.get(self.random.below(self.seen.len())).copied().unwrap_or(1),
        }
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.random.below(if depth == 0 { 6 } else { 9 }) {
            0 => Value::Null,
            1 => Value::Bool(self.random.below(2) == 0),
            2 => Value::Int(self.random.random().cast_signed().into()),
            3 => Value::from(self.id()),
            4 => Value::Float(f64::from_bits(self.random.random())),
            5 => Value::Str(self.text()),
            6 => Value::Bin(vec![0; self.random.below(4)]),
            7 => Value::List((0..self.random.below(4)).map(|_| self.value(depth - 1)).collect()),
            _ => self.dict(depth - 1).into(),
        }
    }

    fn dict(&mut self, depth: usize) -> Dict {
        let mut dict = Dict::new();
        for _ in 0..self.random.below(4) {
            // Mostly what fits, so that some requests come through.
            let key = KEYS[self.random.below(KEYS.len())];
            let value = if self.random.below(3) == 0 { self.value(depth) } else { Value::Bool(true) };
            dict.push(key, value);
        }
        dict
    }

    fn payload(&mut self) -> Payload {
        match self.random.below(5) {
            0 => Payload::None,
            1 => {
                let args = [&b"[1,[],{}]"[..], b"\"AAEC\"", b"[]"][self.random.below(3)];
                let kwargs = (self.random.below(2) == 0).then(|| (&b"{\"scope\":\"never\"}"[..]).into());
                Payload::Raw { serializer: Serializer::Json, args: args.into(), kwargs }
            }
            _ => {
                let args = (0..self.random.below(5)).map(|_| self.value(2)).collect();
                Payload::of(args, self.dict(2))
            }
        }
    }

    fn message(&mut self) -> Message {
        let (request, options) = (self.id(), self.dict(2));
        match self.random.below(10) {
            0 => Message::Publish { request, options, topic: self.text(), payload: self.payload() },
            1 => Message::Subscribe { request, options, topic: self.text() },
            2 => Message::Unsubscribe { request, subscription: self.id() },
            3 | 4 => Message::Call { request, options, procedure: self.text(), payload: self.payload() },
            5 => Message::Cancel { request, options },
            6 => Message::Register { request, options, procedure: self.text() },
            7 => Message::Unregister { request, registration: self.id() },
            8 => Message::Yield { request, options, payload: self.payload() },
            _ => {
                let request_type = if self.random.below(20) == 0 { kind::CALL } else { kind::INVOCATION };
                let (details, error) = (options, self.text());
                Message::Error { request_type, request, details, error, payload: self.payload() }
            }
        }
    }

    /// Keeps the ids that are sent to clients; gives who is to end.
    fn take(&mut self, effects: Vec<Effect>) -> Vec<Id> {
        let mut ended = Vec::new();
        for effect in effects {
            match effect {
                // Only for messages with a stamp.
                Effect::Hub(_) | Effect::Late(_) => panic!("{effect:?}"),
                Effect::Send { message, .. } | Effect::Fan { message, .. } => match message.message() {
                    Message::Subscribed { subscription: id, .. }
                    | Message::Registered { registration: id, .. }
                    | Message::Invocation { request: id, .. } => self.seen.push(*id),
                    _ => {}
                },
                Effect::Violation { session, .. } => ended.push(session),
                Effect::Goodbye { .. } | Effect::Answer { .. } => {}
            }
        }
        ended
    }
}

fn run(seed: u64) {
    let mut config = config();
    let kept = |uri: &str| Kept { uri: uri.to_owned(), policy: Match::Prefix, limit: Some(3) };
    if seed.is_multiple_of(2) {
        config.store =
            Some(Store { limit: 3, event_history: vec![kept("com.")], call_queues: vec![kept("com.")] });
    }
    let access = Access::Dynamic { authorizer: "com.a".to_owned(), disclose: Disclose::default() };
    config.roles.push(Role { name: "dynamic".to_owned(), access });
    config.roles.push(Role { name: "open".to_owned(), access: Access::Static(vec![everything(true)]) });
    let mut realm = Realm::new(config, Ids::seeded(seed));
    let mut fuzz = Fuzz { random: Ids::seeded(seed + 1), seen: Vec::new() };
    let mut now = Now::default();
    let mut sessions = Vec::new();
    for _ in 0..STEPS {
        let mut out = Vec::new();
        now.clock += Duration::from_millis(fuzz.random.below(100) as u64);
        if sessions.len() < 3 || fuzz.random.below(30) == 0 {
            let session = realm.session_id();
            let joining = Joining {
                session,
                authid: fuzz.text(),
                authrole: ["anonymous", "dynamic", "open", "none"][fuzz.random.below(4)].to_owned(),
                authmethod: "anonymous".to_owned(),
                authprovider: "static".to_owned(),
                authextra: Some(fuzz.dict(1)),
                transport: Dict::new(),
                features: if fuzz.random.below(2) == 0 { FEATURES } else { ClientFeatures::default() },
            };
            realm.join(now, joining, &mut out);
            sessions.push(session);
            fuzz.seen.push(session);
        }
        let session = sessions[fuzz.random.below(sessions.len())];
        realm.receive(now, session, fuzz.message(), &mut out);
        realm.expire(now, &mut out);
        for session in fuzz.take(out) {
            realm.leave(now, session, &mut Vec::new());
            sessions.retain(|other| *other != session);
        }
        if let Some(problem) = realm.inconsistency() {
            panic!("{problem}");
        }
    }
    for session in sessions {
        realm.leave(now, session, &mut Vec::new());
    }
    let status = realm.status();
    let Status { retained_topics, retained_bytes, history_bytes, .. } = status;
    assert_eq!(status, Status { retained_topics, retained_bytes, history_bytes, ..Status::default() });
    assert_eq!((realm.next_expiry(), realm.inconsistency()), (None, None));
}

#[test]
fn whatever_is_sent_the_realm_stands_it_and_nothing_stays() {
    for seed in 0..SCHEDULES {
        if std::panic::catch_unwind(|| run(seed)).is_err() {
            panic!("the schedule of seed {seed} failed");
        }
    }
}
