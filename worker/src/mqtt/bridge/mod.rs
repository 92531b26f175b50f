//! What a client of MQTT says, as WAMP, and back: without I/O.

mod filters;

use super::topic;
use super::words::{name, roles};
use jackfield_wamp::{Dict, Id, Message, Payload, Value, kind};
use mqttbytes::QoS;
use mqttbytes::v4::{
    ConnAck, Connect, ConnectReturnCode, LastWill, Packet, PubAck, Publish, SubscribeReasonCode, UnsubAck,
};
use std::collections::{HashMap, HashSet};

/// Events with an acknowledgement of their own that a client has not acknowledged, at most; more wait.
const MOST_IN_FLIGHT: usize = 1024;

/// What is to be done.
#[derive(Debug)]
pub(super) enum Step {
    /// Send a packet.
    Send(Packet),
    /// Hand a message to the router.
    Route(Message),
    /// Read the payload of what the client publishes, then [`Bridge::publish`] it.
    Publish(Publish),
    /// Close the connection, for this reason.
    Close(String),
}

/// One client.
#[derive(Debug)]
pub(super) struct Bridge {
    realm: String,
    /// Whether the connection is encrypted, so that the client may have shown a certificate.
    secure: bool,
    state: State,
    last_request: Id,
    waiting: HashMap<Id, Asked>,
    /// What filters have become, by their texts.
    filters: HashMap<String, Filter>,
    /// Sets of filters that wait for the router.
    batches: HashMap<u16, Batch>,
    in_flight: HashSet<u16>,
    last_packet: u16,
    will: Option<LastWill>,
}

#[derive(Debug)]
enum State {
    Fresh,
    Joining { password: Option<String> },
    Open,
    Over,
}

#[derive(Debug)]
enum Asked {
    Publish(u16),
    Subscribe { packet: u16, index: usize, filter: String, uri: String, qos: QoS },
    Unsubscribe(u16),
}

#[derive(Debug)]
struct Filter {
    subscription: Id,
    uri: String,
    qos: QoS,
}

#[derive(Debug)]
struct Batch {
    left: usize,
    codes: Vec<SubscribeReasonCode>,
}

/// An event on its way to the client, whose arguments are still to be written as a payload.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) uri: String,
    pub(super) payload: Payload,
    pub(super) retained: bool,
    qos: QoS,
}

impl Bridge {
    pub(super) fn new(realm: &str, secure: bool) -> Self {
        Self {
            realm: realm.to_owned(),
            secure,
            state: State::Fresh,
            last_request: 0,
            waiting: HashMap::new(),
            filters: HashMap::new(),
            batches: HashMap::new(),
            in_flight: HashSet::new(),
            last_packet: 0,
            will: None,
        }
    }

    /// Whether the client takes another event.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight.len() < MOST_IN_FLIGHT
    }

    /// Whether the client is in its realm.
    pub(super) const fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    /// Whether the client waits for the answer to CONNECT.
    pub(super) const fn is_joining(&self) -> bool {
        matches!(self.state, State::Joining { .. })
    }

    /// Answers a CONNECT of another version.
    pub(super) fn refuse_version(&mut self) -> Vec<Step> {
        if !matches!(self.state, State::Fresh) {
            return vec![Step::Close("CONNECT is not expected in a session".into())];
        }
        self.refuse(ConnectReturnCode::RefusedProtocolVersion, "another version of MQTT than 3.1.1")
    }

    /// What is to be published because the connection ended without a DISCONNECT.
    pub(super) fn take_will(&mut self) -> Option<Publish> {
        let LastWill { topic, message, retain, .. } = self.will.take().filter(|_| self.is_open())?;
        let mut publish = Publish::from_bytes(topic, QoS::AtMostOnce, message);
        publish.retain = retain;
        Some(publish)
    }

    fn request(&mut self, asked: Asked) -> Id {
        self.last_request += 1;
        self.waiting.insert(self.last_request, asked);
        self.last_request
    }

    /// Takes a packet of the client.
    pub(super) fn packet(&mut self, packet: Packet) -> Vec<Step> {
        match (&self.state, packet) {
            (State::Fresh, Packet::Connect(connect)) => self.connect(connect),
            (State::Open, Packet::Publish(publish)) if publish.qos == QoS::ExactlyOnce => {
                vec![Step::Close("a message with QoS 2, which is not spoken here".into())]
            }
            (State::Open, Packet::Publish(publish)) => vec![Step::Publish(publish)],
            (State::Open, Packet::PubAck(PubAck { pkid })) => {
                self.in_flight.remove(&pkid);
                Vec::new()
            }
            (State::Open, Packet::Subscribe(subscribe)) => self.subscribe(subscribe),
            (State::Open, Packet::Unsubscribe(unsubscribe)) => self.unsubscribe(unsubscribe),
            (State::Open, Packet::PingReq) => vec![Step::Send(Packet::PingResp)],
            (State::Over, _) => Vec::new(),
            (_, Packet::Disconnect) => {
                self.will = None;
                self.state = State::Over;
                vec![Step::Close("the client says it goes".into())]
            }
            // It may speak before it has its answer (MQTT 3.1.1, section 3.1.4); the driver lets it wait.
            (state, other) => {
                vec![Step::Close(format!("{} is not expected {}", name(&other), when(state)))]
            }
        }
    }

    fn refuse(&mut self, code: ConnectReturnCode, why: &str) -> Vec<Step> {
        self.state = State::Over;
        vec![Step::Send(Packet::ConnAck(ConnAck { session_present: false, code })), Step::Close(why.into())]
    }

    fn connect(&mut self, connect: Connect) -> Vec<Step> {
        if connect.protocol != mqttbytes::Protocol::V4 {
            let code = ConnectReturnCode::RefusedProtocolVersion;
            return self.refuse(code, "another version of MQTT than 3.1.1");
        }
        // As Crossbar.io answers.
        let code = ConnectReturnCode::RefusedProtocolVersion;
        if !connect.clean_session {
            return self.refuse(code, "the client wants to resume a session, and sessions are not kept");
        }
        let Connect { client_id, last_will, login, .. } = connect;
        if last_will.as_ref().is_some_and(|will| will.qos == QoS::ExactlyOnce) {
            return self.refuse(code, "the client has a will with QoS 2, which is not spoken here");
        }
        if let Some(Err(why)) = last_will.as_ref().map(|will| topic::of_name(&will.topic)) {
            return self.refuse(code, why);
        }
        let extra = Dict::new()
            .with("client_id", client_id.as_str())
            .with("will", last_will.is_some())
            .with("will_topic", last_will.as_ref().map_or(Value::Null, |will| will.topic.as_str().into()));
        let login = login.filter(|login| !login.username.is_empty() && !login.password.is_empty());
        let mut methods: Vec<Value> = Vec::new();
        if self.secure {
            methods.push("tls".into());
        }
        methods.push(if login.is_some() { "ticket" } else { "anonymous" }.into());
        let authid = login.as_ref().map_or(client_id, |login| login.username.clone());
        let mut details = Dict::new()
            .with("roles", roles())
            .with("authmethods", Value::List(methods))
            .with("authextra", Dict::new().with("mqtt", extra));
        if !authid.is_empty() {
            details.push("authid", authid);
        }
        self.will = last_will;
        self.state = State::Joining { password: login.map(|login| login.password) };
        vec![Step::Route(Message::Hello { realm: Some(self.realm.clone()), details })]
    }

    /// Publishes what a client has said, once its payload is read; that may have failed, which nobody can be told.
    pub(super) fn publish(&mut self, publish: &Publish, read: Option<(Dict, Payload)>) -> Vec<Step> {
        let acknowledge = publish.qos == QoS::AtLeastOnce;
        let (Ok(uri), Some((mut options, payload))) = (topic::of_name(&publish.topic), read) else {
            let ack = Step::Send(Packet::PubAck(PubAck::new(publish.pkid)));
            return acknowledge.then_some(ack).into_iter().collect();
        };
        options.push("exclude_me", false);
        if publish.retain {
            options.push("retain", true);
        }
        if acknowledge {
            options.push("acknowledge", true);
        }
        let request = if acknowledge {
            self.request(Asked::Publish(publish.pkid))
        } else {
            self.last_request += 1;
            self.last_request
        };
        vec![Step::Route(Message::Publish { request, options, topic: uri, payload })]
    }

    /// Takes a message of the router; an event has its arguments written first.
    pub(super) fn message(&mut self, message: &Message) -> (Vec<Step>, Option<Event>) {
        let steps = match message {
            Message::Challenge { method, .. } => self.challenge(method),
            Message::Welcome { .. } => {
                self.state = State::Open;
                let code = ConnectReturnCode::Success;
                vec![Step::Send(Packet::ConnAck(ConnAck { session_present: false, code }))]
            }
            Message::Abort { reason, .. } if matches!(self.state, State::Joining { .. }) => {
                self.refuse(ConnectReturnCode::NotAuthorized, reason)
            }
            Message::Abort { reason, .. } | Message::Goodbye { reason, .. } => {
                self.state = State::Over;
                vec![Step::Close(format!("the router ends the session: {reason}"))]
            }
            Message::Event { subscription, details, payload, .. } => {
                return (Vec::new(), self.event(*subscription, details, payload));
            }
            Message::Published { request, .. }
            | Message::Error { request_type: kind::PUBLISH, request, .. } => {
                match self.waiting.remove(request) {
                    // There is no other answer in MQTT 3.1.1, also to who may not (section 3.3.5).
                    Some(Asked::Publish(packet)) => vec![Step::Send(Packet::PubAck(PubAck::new(packet)))],
                    _ => Vec::new(),
                }
            }
            Message::Subscribed { request, subscription } => self.subscribed(*request, Some(*subscription)),
            Message::Error { request_type: kind::SUBSCRIBE, request, .. } => self.subscribed(*request, None),
            Message::Unsubscribed { request, .. }
            | Message::Error { request_type: kind::UNSUBSCRIBE, request, .. } => {
                match self.waiting.remove(request) {
                    Some(Asked::Unsubscribe(packet)) => {
                        vec![Step::Send(Packet::UnsubAck(UnsubAck::new(packet)))]
                    }
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        };
        (steps, None)
    }

    fn challenge(&mut self, method: &str) -> Vec<Step> {
        match &mut self.state {
            State::Joining { password } if method == "ticket" => {
                let signature = password.take().unwrap_or_default();
                vec![Step::Route(Message::Authenticate { signature, extra: Dict::new() })]
            }
            _ => self.refuse(ConnectReturnCode::NotAuthorized, "a challenge that MQTT can't answer"),
        }
    }

    fn event(&self, subscription: Id, details: &Dict, payload: &Payload) -> Option<Event> {
        let mut filters = self.filters.values().filter(|filter| filter.subscription == subscription);
        let first = filters.next()?;
        let qos =
            if filters.any(|filter| filter.qos == QoS::AtLeastOnce) { QoS::AtLeastOnce } else { first.qos };
        let uri = details.get("topic").and_then(Value::as_str).unwrap_or(&first.uri).to_owned();
        let retained = details.get("retained").and_then(Value::as_bool).unwrap_or_default();
        Some(Event { uri, payload: payload.clone(), retained, qos })
    }

    /// The packet of an event whose arguments are written.
    pub(super) fn deliver(&mut self, event: &Event, bytes: Vec<u8>) -> Option<Packet> {
        // A retained event without a payload is one that was taken back (section 3.3.1.3).
        if event.retained && bytes.is_empty() {
            return None;
        }
        let mut publish = Publish::new(topic::of_uri(&event.uri), event.qos, bytes);
        publish.retain = event.retained;
        if event.qos == QoS::AtLeastOnce {
            publish.pkid = self.number();
        }
        Some(Packet::Publish(publish))
    }

    /// A number that no unacknowledged packet has; there are far fewer of those than numbers.
    fn number(&mut self) -> u16 {
        loop {
            self.last_packet = self.last_packet.checked_add(1).unwrap_or(1);
            if self.in_flight.insert(self.last_packet) {
                return self.last_packet;
            }
        }
    }
}

const fn when(state: &State) -> &'static str {
    match state {
        State::Fresh => "before CONNECT",
        State::Joining { .. } => "before the answer to CONNECT",
        State::Open | State::Over => "in a session",
    }
}

#[cfg(test)]
mod tests;
