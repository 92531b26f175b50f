//! SUBSCRIBE and UNSUBSCRIBE.

use super::{Broker, Subscription};
use crate::planted::planted;
use crate::realm::options;
use crate::realm::permission::{Action, Verdict};
use crate::realm::{Effects, Realm, errors};
use crate::{Dict, Id, Message, Now, Payload, Value, kind, uri};

impl Broker {
    /// Takes a session out of a subscription. Says whether the subscription is gone by that; nothing: nobody is to be
    /// told.
    pub(crate) fn remove_subscriber(&mut self, session: Id, subscription: Id) -> Option<bool> {
        let key = *self.by_id.get(&subscription)?;
        let entry = &mut self.subscriptions[key];
        if let Some(at) = entry.subscribers.iter().position(|subscriber| *subscriber == session) {
            entry.subscribers.remove(at);
        }
        let told = !uri::is_reserved(&entry.uri);
        if !entry.subscribers.is_empty() {
            return told.then_some(false);
        }
        let entry = self.subscriptions.remove(key);
        self.table.remove(entry.policy, &entry.uri);
        self.by_id.remove(&subscription);
        if entry.policy == uri::Match::Exact {
            self.retained.id(&entry.uri, subscription);
        }
        told.then_some(true)
    }
}

impl Realm {
    pub(crate) fn on_subscribe(
        &mut self,
        now: Now,
        session: Id,
        (request, options, topic): (Id, Dict, String),
        verdict: Option<Verdict>,
        out: &mut Effects,
    ) {
        let refuse = |out: &mut Effects, error: &str, text: String| {
            errors::refuse(out, session, kind::SUBSCRIBE, request, error, text);
        };
        let parsed = match options::Subscribe::parse(&options) {
            Ok(parsed) => parsed,
            Err(text) => return refuse(out, errors::INVALID_ARGUMENT, text),
        };
        if !uri::is_valid_pattern(&topic, parsed.policy, self.config.uri_check) {
            return refuse(
                out,
                errors::INVALID_URI,
                format!("subscribe for invalid topic URI '{}'", errors::short(&topic)),
            );
        }
        let question = (Action::Subscribe, parsed.policy);
        match self.authorize(now, session, question, &topic, &options, verdict, out) {
            None => return self.hold(session, Message::Subscribe { request, options, topic }, out),
            Some(Verdict::Allowed { .. }) => {}
            Some(verdict) => {
                return self.deny(session, request, Action::Subscribe, &topic, &verdict, out);
            }
        }
        let confirmed = self.stamp.confirmed();
        if let Some(key) = self.broker.table.get(parsed.policy, &topic)
            && planted!(TwoIds, false, confirmed.is_some_and(|id| id != self.broker.subscriptions[key].id))
        {
            self.evict_subscribers(key, out);
        }
        let (key, id, created) = match self.broker.table.get(parsed.policy, &topic) {
            Some(key) => (key, self.broker.subscriptions[key].id, false),
            None => {
                let unused = |id: &Id| !self.broker.by_id.contains_key(id);
                let id = confirmed.filter(unused);
                let id = id.unwrap_or_else(|| self.subscription_id(parsed.policy, &topic));
                (usize::MAX, id, true)
            }
        };
        let place = self.place();
        let Some(own) = self.sessions.get_mut(&session) else { return };
        let subscribed = !own.subscriptions.contains_key(&id);
        if subscribed && own.subscriptions.len() >= self.config.bounds.subscriptions {
            let text = format!("a session may have {} subscriptions", self.config.bounds.subscriptions);
            return refuse(out, errors::LIMIT_REACHED, text);
        }
        let identity = own.identity.clone();
        if subscribed {
            own.subscriptions.insert(id, place);
            if created {
                // One that was confirmed by another process is also that of the history.
                self.broker.history.set_id(parsed.policy, &topic, id);
                let entry = Subscription {
                    id,
                    uri: topic.as_str().into(),
                    policy: parsed.policy,
                    created: now.wall,
                    subscribers: vec![session],
                };
                let key = self.broker.subscriptions.insert(entry);
                self.broker.table.insert(parsed.policy, &topic, key);
                self.broker.by_id.insert(id, key);
            } else {
                self.broker.subscriptions[key].subscribers.push(session);
            }
        }
        self.send(session, Message::Subscribed { request, subscription: id }, out);
        if subscribed && !uri::is_reserved(&topic) {
            self.tell_subscribed(now, session, id, created, out);
        }
        if parsed.get_retained {
            self.replay_retained(&identity, id, parsed.policy, &topic, out);
        }
    }

    /// Takes a subscription from all that have it: another one to the same topic was confirmed later, so they are about to
    /// leave it.
    fn evict_subscribers(&mut self, key: usize, out: &mut Effects) {
        let id = self.broker.subscriptions[key].id;
        for session in self.broker.subscriptions[key].subscribers.clone() {
            let Some(own) = self.sessions.get_mut(&session) else { continue };
            own.subscriptions.remove(&id);
            if own.features.subscriber_revocation {
                let details = Some(Dict::new().with("subscription", id));
                self.send(session, Message::Unsubscribed { request: 0, details }, out);
            }
            self.broker.remove_subscriber(session, id);
        }
    }

    /// The id of a new subscription: the one that its retained event or its history has given it already, if so.
    fn subscription_id(&mut self, policy: uri::Match, topic: &str) -> Id {
        if let Some(id) = self.broker.history.id(policy, topic) {
            return id;
        }
        let id = self.unused_id();
        if policy == uri::Match::Exact { self.broker.retained.id(topic, id) } else { id }
    }

    pub(crate) fn on_unsubscribe(
        &mut self,
        now: Now,
        session: Id,
        request: Id,
        subscription: Id,
        out: &mut Effects,
    ) {
        let Some(own) = self.sessions.get_mut(&session) else { return };
        if own.subscriptions.remove(&subscription).is_none() {
            if self.stamp.again {
                return self.send(session, Message::Unsubscribed { request, details: None }, out);
            }
            let error =
                errors::message(kind::UNSUBSCRIBE, request, errors::NO_SUCH_SUBSCRIPTION, Payload::None);
            return self.send(session, error, out);
        }
        self.send(session, Message::Unsubscribed { request, details: None }, out);
        self.unsubscribed(now, session, subscription, out);
    }

    /// Takes a session out of a subscription that it has no longer, and tells so.
    pub(crate) fn unsubscribed(&mut self, now: Now, session: Id, subscription: Id, out: &mut Effects) {
        if let Some(deleted) = self.broker.remove_subscriber(session, subscription) {
            self.tell_unsubscribed(now, session, subscription, deleted, out);
        }
    }

    /// Takes a subscription from a session by the will of somebody else (revocation). False: it did not have it.
    pub(crate) fn revoke_subscription(
        &mut self,
        now: Now,
        session: Id,
        subscription: Id,
        reason: Option<&str>,
        out: &mut Effects,
    ) -> bool {
        let Some(own) = self.sessions.get_mut(&session) else { return false };
        if own.subscriptions.remove(&subscription).is_none() {
            return false;
        }
        if own.features.subscriber_revocation {
            let mut details = Dict::new().with("subscription", subscription);
            if let Some(reason) = reason {
                details.push("reason", Value::from(reason));
            }
            self.send(session, Message::Unsubscribed { request: 0, details: Some(details) }, out);
        }
        self.unsubscribed(now, session, subscription, out);
        true
    }
}
