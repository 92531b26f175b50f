//! A realm with clients, for tests: messages go in and come out as JSON.

use jackfield_wamp::realm::{
    Access, Allow, ClientFeatures, Config, Disclose, Effect, Joining, Realm, Role, Rule,
};
use jackfield_wamp::uri::Match;
use jackfield_wamp::{Dict, Id, Ids, Message, Now, Payload, Value, kind};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// All that a client can announce.
pub(crate) const FEATURES: ClientFeatures = ClientFeatures::ALL;

/// A callee that takes no INTERRUPT and no revocation.
pub(crate) const DEAF: ClientFeatures =
    ClientFeatures { callee_canceling: false, callee_revocation: false, ..FEATURES };

/// A rule that allows everything.
pub(crate) fn everything(disclose: bool) -> Rule {
    Rule {
        uri: String::new(),
        policy: Match::Prefix,
        allow: Allow::ALL,
        disclose: Disclose { caller: disclose, publisher: disclose },
    }
}

/// A realm whose role `anonymous` may do everything.
pub(crate) fn config() -> Config {
    let mut config = Config::new("realm1");
    config.roles =
        vec![Role { name: "anonymous".to_owned(), access: Access::Static(vec![everything(false)]) }];
    config
}

/// A realm and what its sessions have received.
pub(crate) struct World {
    pub(crate) realm: Realm,
    pub(crate) now: Now,
    received: BTreeMap<Id, Vec<Json>>,
    pub(crate) answers: Vec<(u64, Json)>,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self::seeded(config, 1)
    }

    pub(crate) fn seeded(config: Config, seed: u64) -> Self {
        Self {
            realm: Realm::new(config, Ids::seeded(seed)),
            now: Now { clock: Duration::from_secs(1), wall: Duration::from_secs(1_800_000_000) },
            received: BTreeMap::new(),
            answers: Vec::new(),
        }
    }

    pub(crate) fn join(&mut self) -> Id {
        self.join_as("joe", "anonymous", FEATURES)
    }

    pub(crate) fn join_as(&mut self, authid: &str, authrole: &str, features: ClientFeatures) -> Id {
        let session = self.realm.session_id();
        let joining = Joining {
            session,
            authid: authid.to_owned(),
            authrole: authrole.to_owned(),
            authmethod: "anonymous".to_owned(),
            authprovider: "static".to_owned(),
            authextra: None,
            transport: Dict::new(),
            features,
        };
        self.step(|realm, now, out| realm.join(now, joining, out));
        session
    }

    pub(crate) fn leave(&mut self, session: Id) {
        self.step(|realm, now, out| realm.leave(now, session, out));
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, session: Id, message: Json) {
        let message = message_of(&message);
        self.step(|realm, now, out| realm.receive(now, session, message, out));
    }

    /// Sends a message and takes what the session has received.
    pub(crate) fn ask(&mut self, session: Id, message: Json) -> Vec<Json> {
        self.send(session, message);
        self.take(session)
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, milliseconds: u64) {
        self.now.clock += Duration::from_millis(milliseconds);
        self.now.wall += Duration::from_millis(milliseconds);
        self.step(Realm::expire);
    }

    /// Does something and takes in its effects; the tables have to agree after it.
    pub(crate) fn step(&mut self, act: impl FnOnce(&mut Realm, Now, &mut Vec<Effect>)) {
        let mut out = Vec::new();
        act(&mut self.realm, self.now, &mut out);
        let mut violated = Vec::new();
        for effect in out {
            match effect {
                // Only for messages with a stamp.
                Effect::Hub(_) | Effect::Late(_) => panic!("{effect:?}"),
                Effect::Send { to, message } => self.got(to, wire(message.message())),
                Effect::Fan { to, message } => {
                    for to in to {
                        self.got(to, wire(message.message()));
                    }
                }
                Effect::Goodbye { session, reason, message } => {
                    let details = message.map_or(json!({}), |message| json!({"message": message}));
                    self.got(session, json!([6, details, reason]));
                }
                Effect::Violation { session, text } => {
                    self.got(session, json!(["violation", text]));
                    violated.push(session);
                }
                Effect::Answer { token, answer } => {
                    let answer = match answer {
                        Ok(payload) => json!(["ok", payload_of(&payload)]),
                        Err((error, payload)) => json!(["error", error, payload_of(&payload)]),
                    };
                    self.answers.push((token, answer));
                }
            }
        }
        assert_eq!(self.realm.inconsistency(), None);
        for session in violated {
            self.leave(session);
        }
    }

    fn got(&mut self, session: Id, message: Json) {
        self.received.entry(session).or_default().push(message);
    }

    /// Takes what a session has received.
    pub(crate) fn take(&mut self, session: Id) -> Vec<Json> {
        self.received.remove(&session).unwrap_or_default()
    }

    /// Sends a request that is answered by an id at the third place, and gives it.
    pub(crate) fn id_of(&mut self, session: Id, message: Json) -> Id {
        let kind = message[0].as_u64().unwrap_or_default() + 1;
        let answers = self.ask(session, message);
        let answer = answers.iter().find(|answer| answer[0] == kind);
        let Some(id) = answer.and_then(|answer| answer[2].as_u64()) else {
            panic!("an answer with an id expected, got {answers:?}");
        };
        id
    }

    pub(crate) fn subscribe(&mut self, session: Id, options: Json, topic: &str) -> Id {
        self.id_of(session, json!([32, 1, options, topic]))
    }

    pub(crate) fn register(&mut self, session: Id, options: Json, procedure: &str) -> Id {
        self.id_of(session, json!([64, 1, options, procedure]))
    }
}

/// A message as it would be on the wire.
pub(crate) fn wire(message: &Message) -> Json {
    let with = |mut head: Vec<Json>, payload: &Payload| {
        let Json::Array(payload) = payload_of(payload) else { return Json::Array(head) };
        head.extend(payload);
        Json::Array(head)
    };
    match message {
        Message::Error { request_type, request, details, error, payload } => {
            with(vec![json!(8), json!(request_type), json!(request), dict(details), json!(error)], payload)
        }
        Message::Published { request, publication } => json!([17, request, publication]),
        Message::Subscribed { request, subscription } => json!([33, request, subscription]),
        Message::Unsubscribed { request, details: None } => json!([35, request]),
        Message::Unsubscribed { request, details: Some(details) } => json!([35, request, dict(details)]),
        Message::Event { subscription, publication, details, payload } => {
            with(vec![json!(36), json!(subscription), json!(publication), dict(details)], payload)
        }
        Message::Result { request, details, payload } => {
            with(vec![json!(50), json!(request), dict(details)], payload)
        }
        Message::Registered { request, registration } => json!([65, request, registration]),
        Message::Unregistered { request, details: None } => json!([67, request]),
        Message::Unregistered { request, details: Some(details) } => json!([67, request, dict(details)]),
        Message::Invocation { request, registration, details, payload } => {
            with(vec![json!(68), json!(request), json!(registration), dict(details)], payload)
        }
        Message::Interrupt { request, options } => json!([69, request, dict(options)]),
        other => panic!("the realm does not send {}", other.name()),
    }
}

/// A message from how it would be on the wire.
pub(crate) fn message_of(json: &Json) -> Message {
    let id = |at: usize| json[at].as_u64().unwrap_or_else(|| panic!("no id at {at} in {json}"));
    let text = |at: usize| json[at].as_str().unwrap_or_default().to_owned();
    let options = |at: usize| value(&json[at]).into_dict().unwrap_or_default();
    let payload = |at: usize| {
        let args = json[at].as_array().map_or(Vec::new(), |list| list.iter().map(value).collect());
        Payload::of(args, value(&json[at + 1]).into_dict().unwrap_or_default())
    };
    match id(0) {
        kind::PUBLISH => {
            Message::Publish { request: id(1), options: options(2), topic: text(3), payload: payload(4) }
        }
        kind::SUBSCRIBE => Message::Subscribe { request: id(1), options: options(2), topic: text(3) },
        kind::UNSUBSCRIBE => Message::Unsubscribe { request: id(1), subscription: id(2) },
        kind::CALL => {
            Message::Call { request: id(1), options: options(2), procedure: text(3), payload: payload(4) }
        }
        kind::CANCEL => Message::Cancel { request: id(1), options: options(2) },
        kind::REGISTER => Message::Register { request: id(1), options: options(2), procedure: text(3) },
        kind::UNREGISTER => Message::Unregister { request: id(1), registration: id(2) },
        kind::YIELD => Message::Yield { request: id(1), options: options(2), payload: payload(3) },
        kind::ERROR => Message::Error {
            request_type: id(1),
            request: id(2),
            details: options(3),
            error: text(4),
            payload: payload(5),
        },
        kind::RESULT => Message::Result { request: id(1), details: options(2), payload: payload(3) },
        other => panic!("no message {other}"),
    }
}

fn payload_of(payload: &Payload) -> Json {
    let Ok((args, kwargs)) = payload.decode() else { panic!("no payload of the test itself") };
    match (args.is_empty(), kwargs.is_empty()) {
        (true, true) => json!([]),
        (_, true) => json!([list(&args)]),
        _ => json!([list(&args), dict(&kwargs)]),
    }
}

fn list(values: &[Value]) -> Json {
    Json::Array(values.iter().map(to_json).collect())
}

fn dict(dict: &Dict) -> Json {
    let mut map = Map::new();
    for (key, value) in &dict.0 {
        assert!(map.insert(key.clone(), to_json(value)).is_none(), "{key} is there twice");
    }
    Json::Object(map)
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(i64::try_from(*value).unwrap_or(i64::MAX)),
        Value::Float(value) => json!(value),
        Value::Str(text) => json!(text),
        Value::Bin(bytes) => json!(bytes),
        Value::List(values) => list(values),
        Value::Map(entries) => {
            let entries =
                entries.iter().map(|(k, v)| (k.as_str().unwrap_or_default().to_owned(), to_json(v)));
            Json::Object(entries.collect())
        }
        Value::Tag(_, value) => to_json(value),
    }
}

/// A value of JSON.
pub(crate) fn value(json: &Json) -> Value {
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => match number.as_i64() {
            Some(number) => Value::Int(number.into()),
            None => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Str(text.clone()),
        Json::Array(values) => Value::List(values.iter().map(value).collect()),
        Json::Object(map) => Value::Map(map.iter().map(|(k, v)| (Value::Str(k.clone()), value(v))).collect()),
    }
}
