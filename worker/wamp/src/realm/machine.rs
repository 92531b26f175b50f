//! The state machine of a realm.

use super::authorize::Ready;
use super::broker::{Broker, History, Will};
use super::dealer::{Caller, Dealer};
use super::hash::{IdHash, IdMap};
use super::permission::{Roles, TRUSTED, Verdict};
use super::session::{Identity, InCommon, Session};
use super::{Config, Counters, Effect, Effects, Stamp, errors, features};
use crate::{Dict, Id, Ids, Message, Now, Outgoing, Payload, Value, kind};
use slab::Slab;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// A realm. Messages of its sessions and the time come in, effects go out; it knows nothing of connections.
#[derive(Debug)]
pub struct Realm {
    pub(crate) config: Config,
    pub(crate) roles: Roles,
    pub(crate) ids: Ids,
    /// Who publishes the events of the meta API and calls authorizers.
    pub(crate) service: Identity,
    pub(crate) sessions: IdMap<Box<Session>>,
    pub(crate) in_common: InCommon,
    pub(crate) broker: Broker,
    pub(crate) dealer: Dealer,
    /// Testaments that wait for an authorizer.
    pub(crate) wills: Slab<Will>,
    /// Those whose authorizers have answered.
    pub(crate) ready: VecDeque<Ready>,
    pub(crate) counters: Counters,
    /// Where the message of this step came from.
    pub(crate) stamp: Stamp,
    places: u64,
    /// The place of this step in the order of the realm.
    pub(crate) order: u64,
    /// Whether it is told what is to outlive the process.
    pub(crate) lasting: bool,
}

impl Realm {
    /// A realm without sessions.
    #[must_use]
    pub fn new(config: Config, mut ids: Ids) -> Self {
        let hash = IdHash::new(ids.random());
        let history = History::new(config.store.as_ref(), History::default(), |_, _| ids.id());
        let service = Identity {
            session: ids.id(),
            authid: format!("router-realm-{}", config.name).into(),
            authrole: TRUSTED.into(),
        };
        let mut this = Self {
            roles: Roles::new(&config.roles),
            service,
            sessions: hash.map(),
            in_common: InCommon::new(hash),
            broker: Broker::new(hash, history),
            dealer: Dealer::new(hash),
            wills: Slab::new(),
            ready: VecDeque::new(),
            counters: Counters::default(),
            stamp: Stamp::default(),
            places: 0,
            order: 0,
            lasting: false,
            config,
            ids,
        };
        this.set_queue_limits();
        this
    }

    /// Takes another configuration. What authorizers have answered is forgotten; sessions, subscriptions,
    /// registrations, calls and retained events stay, and the history of topics that are in both.
    pub fn reload(&mut self, config: Config) {
        let before = std::mem::take(&mut self.broker.history);
        let broker = &self.broker;
        let history = History::new(config.store.as_ref(), before, |policy, uri| {
            let live = broker.table.get(policy, uri).map(|key| broker.subscriptions[key].id);
            live.unwrap_or_else(|| self.ids.id())
        });
        self.broker.history = history;
        self.roles = Roles::new(&config.roles);
        for own in self.sessions.values_mut() {
            own.role = self.roles.find(&own.identity.authrole);
        }
        self.config = config;
        self.set_queue_limits();
    }

    fn set_queue_limits(&mut self) {
        self.dealer.queue_limits = Default::default();
        self.dealer.queue_limit = self.config.store.as_ref().map_or(0, |store| store.limit);
        for kept in self.config.store.iter().flat_map(|store| &store.call_queues) {
            let limit = kept.limit.unwrap_or(self.dealer.queue_limit);
            self.dealer.queue_limits.insert(kept.policy, &kept.uri, limit);
        }
    }

    /// Forgets what authorizers have answered.
    pub fn forget_authorizations(&mut self) {
        self.roles.forget();
    }

    /// Forgets the retained event of a topic. False: there was none.
    pub fn forget_retained(&mut self, topic: &str) -> bool {
        self.broker.retained.forget(topic)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Whether sessions of this role may join.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.config.roles.iter().any(|known| known.name == role)
    }

    /// The features that the router announces (WELCOME.Details.roles).
    #[must_use]
    pub fn roles(&self) -> Dict {
        features::roles(self.config.meta_api, self.config.store.is_some())
    }

    /// An id for a new session, which no session of the realm has.
    pub fn session_id(&mut self) -> Id {
        loop {
            let id = self.ids.id();
            if !self.sessions.contains_key(&id) && id != self.service.session {
                return id;
            }
        }
    }

    /// An id that no subscription and no registration has.
    pub(crate) fn unused_id(&mut self) -> Id {
        loop {
            let id = self.ids.id();
            if !self.broker.by_id.contains_key(&id)
                && !self.dealer.by_id.contains_key(&id)
                && self.broker.history.topic(id).is_none()
            {
                return id;
            }
        }
    }

    /// A number above all before.
    pub(crate) const fn place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    /// Takes a message of a session: PUBLISH, SUBSCRIBE, UNSUBSCRIBE, CALL, CANCEL, REGISTER, UNREGISTER, YIELD or
    /// ERROR; any other is a violation.
    pub fn receive(&mut self, now: Now, session: Id, message: Message, out: &mut Vec<Effect>) {
        let Some(own) = self.sessions.get_mut(&session) else { return };
        if own.violated {
            return;
        }
        self.counters.messages += 1;
        if own.asked.is_some() && !self.overtakes(session, &message) {
            self.wait(session, message, out);
        } else {
            self.handle(now, session, message, None, out);
        }
        self.settle(now, out);
    }

    /// Whether a message goes before those that wait for an authorizer: what a callee answers to the router itself,
    /// which may be what the others wait for.
    fn overtakes(&self, session: Id, message: &Message) -> bool {
        let (Message::Yield { request, .. } | Message::Error { request, .. }) = message else { return false };
        let key = self.sessions.get(&session).and_then(|own| own.invocations.get(request));
        let caller = key.map(|key| self.dealer.calls[*key].caller);
        matches!(caller, Some(Caller::Authorizer(_) | Caller::Will(_) | Caller::Router(_)))
    }

    /// Lets a message wait until the authorizer has answered.
    fn wait(&mut self, session: Id, message: Message, out: &mut Effects) {
        let (bound, bytes) = (self.config.bounds.held, self.config.bounds.held_bytes);
        let Some(own) = self.sessions.get_mut(&session) else { return };
        let size = message.size();
        if own.held.len() < bound && own.held_bytes + size <= bytes {
            own.held_bytes += size;
            own.held.push_back((self.stamp, message));
            return self.tell_held(out);
        }
        self.counters.denied += 1;
        let (kind, request) = match message {
            // Further arguments of a call cannot be refused alone.
            Message::Call { request, ref options, .. } if !own.has_call(request) => {
                let more = options.get("progress").and_then(Value::as_bool).unwrap_or_default();
                if own.is_late_input(request, more) {
                    return;
                }
                if more {
                    own.end_input(request);
                }
                (kind::CALL, request)
            }
            Message::Subscribe { request, .. } => (kind::SUBSCRIBE, request),
            Message::Unsubscribe { request, .. } => (kind::UNSUBSCRIBE, request),
            Message::Register { request, .. } => (kind::REGISTER, request),
            Message::Unregister { request, .. } => (kind::UNREGISTER, request),
            Message::Publish { request, ref options, .. }
                if super::options::Publish::wants_answer(options) =>
            {
                (kind::PUBLISH, request)
            }
            Message::Publish { .. } => return,
            _ => {
                let text = "too many messages wait for an authorizer";
                return self.violation(session, text, out);
            }
        };
        let text = format!("{bound} requests of {bytes} bytes of a session may wait for an authorizer");
        errors::refuse(out, session, kind, request, errors::LIMIT_REACHED, text);
    }

    /// Does what a message asks for. `verdict` is what an authorizer has answered, if it was asked.
    pub(crate) fn handle(
        &mut self,
        now: Now,
        session: Id,
        message: Message,
        verdict: Option<Verdict>,
        out: &mut Effects,
    ) {
        match message {
            Message::Publish { request, options, topic, payload } => {
                self.on_publish(now, session, (request, options, topic, payload), verdict, out);
            }
            Message::Call { request, options, procedure, payload } => {
                self.on_call(now, session, (request, options, procedure, payload), verdict, out);
            }
            Message::Yield { request, options, payload } => {
                self.on_yield(session, (request, options, payload), out);
            }
            Message::Error { request_type: kind::INVOCATION, request, details, error, payload } => {
                self.on_invocation_error(session, (request, details, error, payload), out);
            }
            Message::Subscribe { request, options, topic } => {
                self.on_subscribe(now, session, (request, options, topic), verdict, out);
            }
            Message::Unsubscribe { request, subscription } => {
                self.on_unsubscribe(now, session, request, subscription, out);
            }
            Message::Register { request, options, procedure } => {
                self.on_register(now, session, (request, options, procedure), verdict, out);
            }
            Message::Unregister { request, registration } => {
                self.on_unregister(now, session, request, registration, out);
            }
            Message::Cancel { request, options } => self.on_cancel(now, session, request, &options, out),
            other => self.violation(session, &format!("{} is not for a router", other.name()), out),
        }
    }

    /// Whether a call of this procedure would find a callee.
    #[must_use]
    pub fn has_procedure(&self, procedure: &str) -> bool {
        self.dealer.table.exact(procedure).or_else(|| self.dealer.table.best(procedure)).is_some()
    }

    /// Calls a procedure for the router itself. It is answered once, by [`Effect::Answer`] with `token`, at the latest
    /// after `timeout`.
    pub fn call(
        &mut self,
        now: Now,
        token: u64,
        procedure: &str,
        payload: Payload,
        timeout: Duration,
        out: &mut Vec<Effect>,
    ) {
        self.call_for_router(now, Caller::Router(token), procedure, payload, timeout, out);
        self.settle(now, out);
    }

    /// Does what was to be done by now.
    pub fn expire(&mut self, now: Now, out: &mut Vec<Effect>) {
        self.expire_calls(now, out);
        self.settle(now, out);
    }

    /// How long an authenticator that is called here may take.
    #[must_use]
    pub const fn authenticator_timeout(&self) -> Duration {
        self.config.authenticator_timeout
    }

    /// How long a client waits for an authenticator that is not registered.
    #[must_use]
    pub const fn authenticator_wait(&self) -> Duration {
        self.config.authenticator_wait
    }

    /// When there is something to be done next, by the clock of [`Now`].
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        self.next_deadline()
    }

    /// Sends a message to a session, if it is there.
    pub(crate) fn send(&self, to: Id, message: Message, out: &mut Effects) {
        if self.sessions.contains_key(&to) {
            out.push(Effect::Send { to, message: Rc::new(Outgoing::new(message)) });
        }
    }

    /// Ends a session that has violated the protocol.
    pub(crate) fn violation(&mut self, session: Id, text: &str, out: &mut Effects) {
        if let Some(own) = self.sessions.get_mut(&session)
            && !own.violated
        {
            own.violated = true;
            self.counters.violations += 1;
            out.push(Effect::Violation { session, text: text.to_owned() });
        }
    }
}
