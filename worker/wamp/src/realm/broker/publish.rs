//! PUBLISH and the way of an event to its subscribers.

use super::Filter;
use crate::realm::options;
use crate::realm::permission::{Action, Verdict};
use crate::realm::session::Identity;
use crate::realm::{Effect, Effects, Realm, errors};
use crate::uri::Match;
use crate::{Dict, Id, Message, Now, Outgoing, Payload, kind, uri};
use std::rc::Rc;

/// An event before it goes to its subscriptions.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) id: Id,
    /// Its place in the order of the realm.
    pub(crate) order: u64,
    /// It may have been kept before, by a process that has died.
    pub(crate) again: bool,
    pub(crate) topic: String,
    /// What every subscriber is told.
    pub(crate) details: Dict,
    pub(crate) payload: Payload,
    /// None: everybody gets it.
    pub(crate) filter: Option<Box<Filter>>,
    /// The session that does not get it, since it has published it.
    pub(crate) exclude_me: Option<Id>,
    /// Who has published it, disclosed or not.
    pub(crate) publisher: Option<Identity>,
}

impl Realm {
    pub(crate) fn on_publish(
        &mut self,
        now: Now,
        session: Id,
        (request, options, topic, payload): (Id, Dict, String, Payload),
        verdict: Option<Verdict>,
        out: &mut Effects,
    ) {
        let refuse = |out: &mut Effects, answer: bool, error: &str, text: String| {
            if answer {
                errors::refuse(out, session, kind::PUBLISH, request, error, text);
            }
        };
        let parsed = match options::Publish::parse(&options) {
            Ok(parsed) => parsed,
            Err(text) => {
                let answer = options::Publish::wants_answer(&options);
                return refuse(out, answer, errors::INVALID_ARGUMENT, text);
            }
        };
        let opaque = payload.is_opaque();
        // A topic that somebody is subscribed to has been checked.
        let exact = self.broker.table.exact(&topic);
        if exact.is_none() && !uri::is_valid(&topic, self.config.uri_check) {
            let text = format!("publish with invalid topic URI '{}'", errors::short(&topic));
            return refuse(out, parsed.acknowledge, errors::INVALID_URI, text);
        }
        if uri::is_reserved(&topic) {
            let text = format!("publish with restricted topic URI '{}'", errors::short(&topic));
            return refuse(out, parsed.acknowledge, errors::INVALID_URI, text);
        }
        if exact.is_none() && !parsed.acknowledge && !parsed.retain && !self.broker.is_listened_to(&topic) {
            self.counters.publications += 1;
            return; // Nobody would know that it was there, so nobody is asked whether it may be.
        }
        let question = (Action::Publish, Match::Exact);
        let disclose = match self.authorize(now, session, question, &topic, &options, verdict, out) {
            None => return self.hold(session, Message::Publish { request, options, topic, payload }, out),
            Some(Verdict::Allowed { disclose }) => disclose,
            Some(verdict) if parsed.acknowledge => {
                return self.deny(session, request, Action::Publish, &topic, &verdict, out);
            }
            Some(_) => {
                self.counters.denied += 1;
                return;
            }
        };
        let Some(own) = self.sessions.get(&session) else { return };
        let publisher = own.identity.clone();
        let mut details = parsed.passed.into_details(opaque);
        if disclose {
            publisher.disclose("publisher", &mut details);
        }
        let publication = Publication {
            id: self.stamp.id.unwrap_or_else(|| self.ids.id()),
            order: self.order,
            again: self.stamp.again,
            topic,
            details,
            payload,
            filter: parsed.filter,
            exclude_me: (!parsed.include_me).then_some(session),
            publisher: Some(publisher),
        };
        let id = publication.id;
        if parsed.retain
            && let Err(text) = self.retain(&publication, out)
        {
            return refuse(out, parsed.acknowledge, errors::LIMIT_REACHED, text);
        }
        if parsed.acknowledge {
            self.send(session, Message::Published { request, publication: id }, out);
        }
        self.dispatch_to(now, publication, exact, out);
    }

    /// Sends an event to its subscribers and keeps it in the history.
    pub(crate) fn dispatch(&mut self, now: Now, publication: Publication, out: &mut Effects) {
        let exact = self.broker.table.exact(&publication.topic);
        self.dispatch_to(now, publication, exact, out);
    }

    /// The same where the subscription to just this topic is known.
    fn dispatch_to(
        &mut self,
        now: Now,
        mut publication: Publication,
        exact: Option<usize>,
        out: &mut Effects,
    ) {
        self.counters.publications += 1;
        self.record(now, &publication, out);
        if !self.broker.table.has_patterns() {
            if let Some(key) = exact {
                let details = std::mem::take(&mut publication.details);
                let payload = std::mem::take(&mut publication.payload);
                self.deliver(key, &publication, (details, payload), out);
            }
            return;
        }
        let mut keys = std::mem::take(&mut self.broker.scratch);
        self.broker.table.all(&publication.topic, &mut keys);
        for &key in &keys {
            let mut details = publication.details.clone();
            if self.broker.subscriptions[key].policy != Match::Exact {
                details.push("topic", publication.topic.as_str());
            }
            self.deliver(key, &publication, (details, publication.payload.clone()), out);
        }
        keys.clear();
        self.broker.scratch = keys;
    }

    fn deliver(
        &mut self,
        key: usize,
        publication: &Publication,
        (details, payload): (Dict, Payload),
        out: &mut Effects,
    ) {
        let subscription = &self.broker.subscriptions[key];
        let filter = publication.filter.as_deref();
        let sessions = &self.sessions;
        let admits = |id: &Id| {
            publication.exclude_me != Some(*id)
                && filter.is_none_or(|filter| {
                    sessions.get(id).is_some_and(|session| filter.admits(&session.identity))
                })
        };
        let mut receivers = subscription.subscribers.iter().copied().filter(admits);
        let Some(first) = receivers.next() else { return };
        let message = Rc::new(Outgoing::new(Message::Event {
            subscription: subscription.id,
            publication: publication.id,
            details,
            payload,
        }));
        let Some(second) = receivers.next() else {
            self.counters.events += 1;
            return out.push(Effect::Send { to: first, message });
        };
        let mut to = Vec::with_capacity(subscription.subscribers.len());
        to.extend([first, second]);
        to.extend(receivers);
        self.counters.events += to.len() as u64;
        out.push(Effect::Fan { to, message });
    }
}
