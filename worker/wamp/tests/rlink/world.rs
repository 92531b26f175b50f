//! Realms, their clients, and links between them.

use jackfield_wamp::realm::{
    Access, Allow, ClientFeatures, Config, Disclose, Effect, Joining, Realm, Role, Rule,
};
use jackfield_wamp::rlink::{Bridge, MARK, Side, Terms};
use jackfield_wamp::uri::Match;
use jackfield_wamp::{Dict, Id, Ids, Message, Now, Payload, Value};
use std::collections::BTreeMap;
use std::time::Duration;

pub(crate) const ALL: Terms = Terms {
    local_events: true,
    remote_events: true,
    local_invocations: true,
    remote_invocations: true,
    exclude_authid: Vec::new(),
};

const FEATURES: ClientFeatures = ClientFeatures::ALL;

/// A session: its realm, and its id there.
pub(crate) type Client = (usize, Id);

struct Link {
    bridge: Bridge,
    local: Client,
    remote: Client,
}

pub(crate) struct World {
    realms: Vec<Realm>,
    now: Now,
    links: BTreeMap<usize, Link>,
    next_link: usize,
    requests: u64,
    /// What clients have received and nobody has looked at.
    received: BTreeMap<Client, Vec<Message>>,
    /// Messages that were carried: one that goes in circles has no end.
    carried: u64,
}

impl World {
    pub(crate) fn new(realms: usize, seed: u64) -> Self {
        let allow = Rule {
            uri: String::new(),
            policy: Match::Prefix,
            allow: Allow::ALL,
            disclose: Disclose { caller: true, publisher: true },
        };
        let realm = |number: usize| {
            let mut config = Config::new("realm1");
            config.roles = vec![Role { name: "user".into(), access: Access::Static(vec![allow.clone()]) }];
            Realm::new(config, Ids::seeded(seed * 16 + number as u64))
        };
        Self {
            realms: (0..realms).map(realm).collect(),
            now: Now { clock: Duration::from_secs(1), wall: Duration::from_secs(1_800_000_000) },
            links: BTreeMap::new(),
            next_link: 0,
            requests: 0,
            received: BTreeMap::new(),
            carried: 0,
        }
    }

    pub(crate) fn join(&mut self, realm: usize) -> Client {
        self.join_with(realm, None)
    }

    fn join_with(&mut self, realm: usize, authextra: Option<Dict>) -> Client {
        let session = self.realms[realm].session_id();
        let joining = Joining {
            session,
            authid: format!("client{realm}"),
            authrole: "user".into(),
            authmethod: "anonymous".into(),
            authprovider: "static".into(),
            authextra,
            transport: Dict::new(),
            features: FEATURES,
        };
        self.step(realm, |realm, now, out| realm.join(now, joining, out));
        (realm, session)
    }

    pub(crate) fn leave(&mut self, (realm, session): Client) {
        self.step(realm, |realm, now, out| realm.leave(now, session, out));
        self.settle();
        self.received.remove(&(realm, session));
    }

    /// Connects two realms.
    pub(crate) fn link(&mut self, from: usize, to: usize, terms: Terms) -> usize {
        let number = self.next_link;
        self.next_link += 1;
        let extra = Dict::new().with(MARK, format!("link{number}"));
        let local = self.join_with(from, Some(extra.clone()));
        let remote = self.join_with(to, Some(extra));
        let bridge = Bridge::new(terms, local.1, remote.1);
        self.links.insert(number, Link { bridge, local, remote });
        self.settle();
        number
    }

    /// Ends the sessions of a link, one after the other.
    pub(crate) fn cut(&mut self, link: usize) {
        if let Some(Link { local, remote, .. }) = self.links.remove(&link) {
            self.leave(remote);
            self.leave(local);
        }
    }

    pub(crate) fn bridge(&mut self, link: usize) -> &mut Bridge {
        let Some(Link { bridge, .. }) = self.links.get_mut(&link) else { panic!("there is no such link") };
        bridge
    }

    /// A number for a request.
    pub(crate) fn request(&mut self) -> Id {
        self.requests += 1;
        self.requests
    }

    /// Sends a message, and lets everything that comes of it happen.
    pub(crate) fn send(&mut self, client: Client, message: Message) {
        self.put_in(client, message);
        self.settle();
    }

    fn put_in(&mut self, (realm, session): Client, message: Message) {
        self.step(realm, |realm, now, out| realm.receive(now, session, message, out));
    }

    pub(crate) fn take(&mut self, client: Client) -> Vec<Message> {
        self.received.remove(&client).unwrap_or_default()
    }

    pub(crate) fn subscribe(&mut self, client: Client, topic: &str, policy: &str) -> Id {
        let (request, options) = (self.request(), Dict::new().with("match", policy));
        self.send(client, Message::Subscribe { request, options, topic: topic.into() });
        match &self.take(client)[..] {
            [Message::Subscribed { subscription, .. }] => *subscription,
            other => panic!("{other:?}"),
        }
    }

    /// None: it was refused.
    pub(crate) fn register(&mut self, client: Client, procedure: &str, options: Dict) -> Option<Id> {
        let request = self.request();
        self.send(client, Message::Register { request, options, procedure: procedure.into() });
        match &self.take(client)[..] {
            [Message::Registered { registration, .. }] => Some(*registration),
            [Message::Error { .. }] => None,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn publish(&mut self, client: Client, topic: &str, value: u64) {
        let (request, payload) = (self.request(), Payload::one(value));
        self.send(client, Message::Publish { request, options: Dict::new(), topic: topic.into(), payload });
    }

    /// Calls, and tells which request it is.
    pub(crate) fn call(&mut self, client: Client, procedure: &str, options: Dict) -> Id {
        let (request, payload) = (self.request(), Payload::one(7_u64));
        self.send(client, Message::Call { request, options, procedure: procedure.into(), payload });
        request
    }

    /// What was published and has come to a client, by the subscriptions it came by.
    pub(crate) fn events(&mut self, client: Client) -> Vec<(Id, u64)> {
        let event = |message| match message {
            Message::Event { subscription, payload, .. } => Some((subscription, first(&payload))),
            _ => None,
        };
        let mut events: Vec<_> = self.take(client).into_iter().filter_map(event).collect();
        events.sort_unstable();
        events
    }

    fn step(&mut self, at: usize, act: impl FnOnce(&mut Realm, Now, &mut Vec<Effect>)) {
        let mut out = Vec::new();
        act(&mut self.realms[at], self.now, &mut out);
        assert_eq!(self.realms[at].inconsistency(), None);
        for effect in out {
            match effect {
                Effect::Send { to, message } => self.got((at, to), message.message().clone()),
                Effect::Fan { to, message } => {
                    for to in to {
                        self.got((at, to), message.message().clone());
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn got(&mut self, client: Client, message: Message) {
        self.received.entry(client).or_default().push(message);
    }

    /// Carries messages of links until there are none.
    pub(crate) fn settle(&mut self) {
        self.carried = 0;
        loop {
            let mut idle = true;
            for link in self.links.keys().copied().collect::<Vec<_>>() {
                for side in [Side::Local, Side::Remote] {
                    let Some(Link { bridge, local, remote }) = self.links.get_mut(&link) else { continue };
                    let client = if side == Side::Local { *local } else { *remote };
                    for message in self.received.remove(&client).unwrap_or_default() {
                        bridge.receive(side, message);
                        idle = false;
                    }
                    for (side, client) in [(Side::Local, *local), (Side::Remote, *remote)] {
                        let Some(link) = self.links.get_mut(&link) else { continue };
                        for message in link.bridge.take_output(side) {
                            self.carried += 1;
                            assert!(self.carried < 20_000, "messages go in circles");
                            self.put_in(client, message);
                            idle = false;
                        }
                    }
                }
            }
            if idle {
                return;
            }
        }
    }
}

/// The first argument, a number.
pub(crate) fn first(payload: &Payload) -> u64 {
    let args = payload.decode().map(|(args, _)| args).unwrap_or_default();
    args.first().and_then(Value::as_u64).unwrap_or_default()
}
