//! REGISTER and UNREGISTER.

use super::{Callee, Caller, Registration};
use crate::planted::planted;
use crate::realm::options::{self, Invoke};
use crate::realm::permission::{Action, Verdict};
use crate::realm::{Effects, Realm, errors};
use crate::{Dict, Id, Message, Now, Payload, Value, kind, uri};
use std::collections::VecDeque;

impl Realm {
    pub(crate) fn on_register(
        &mut self,
        now: Now,
        session: Id,
        (request, options, procedure): (Id, Dict, String),
        verdict: Option<Verdict>,
        out: &mut Effects,
    ) {
        let refuse = |out: &mut Effects, error: &str, text: String| {
            errors::refuse(out, session, kind::REGISTER, request, error, text);
        };
        let parsed = match options::Register::parse(&options) {
            Ok(parsed) => parsed,
            Err(text) => return refuse(out, errors::INVALID_ARGUMENT, text),
        };
        let name = errors::short(&procedure);
        if !uri::is_valid_pattern(&procedure, parsed.policy, self.config.uri_check) {
            let text = format!("register for invalid procedure URI '{name}'");
            return refuse(out, errors::INVALID_URI, text);
        }
        if uri::is_reserved(&procedure) {
            let text = format!("register for restricted procedure URI '{name}'");
            return refuse(out, errors::INVALID_URI, text);
        }
        let question = (Action::Register, parsed.policy);
        match self.authorize(now, session, question, &procedure, &options, verdict, out) {
            None => return self.hold(session, Message::Register { request, options, procedure }, out),
            Some(Verdict::Allowed { .. }) => {}
            Some(verdict) => {
                return self.deny(session, request, Action::Register, &procedure, &verdict, out);
            }
        }
        let existing = self.dealer.table.get(parsed.policy, &procedure);
        let confirmed = self.stamp.confirmed();
        // What was confirmed later than what is there takes its place.
        let later = |key: &usize| confirmed.is_some_and(|id| self.dealer.registrations[*key].id != id);
        let force = if confirmed.is_some() {
            planted!(EarlierOwner, false, existing.as_ref().is_some_and(later))
        } else {
            parsed.force
        };
        if let Some(key) = existing.filter(|_| !force && confirmed.is_none()) {
            let registration = &self.dealer.registrations[key];
            let text = format!("register for already registered procedure '{name}'");
            if registration.invoke == Invoke::Single {
                return refuse(out, errors::ALREADY_EXISTS, text);
            }
            if registration.invoke != parsed.invoke {
                let (has, asked) = (registration.invoke.name(), parsed.invoke.name());
                let text = format!("{text} with another invocation policy ({has}, not {asked})");
                return refuse(out, errors::DIFFERENT_POLICY, text);
            }
        }
        let place = self.place();
        let Some(own) = self.sessions.get_mut(&session) else { return };
        let shared = existing.filter(|_| !force).map(|key| (key, self.dealer.registrations[key].id));
        if let Some((_, id)) = shared.filter(|(_, id)| own.registrations.contains_key(id)) {
            return self.send(session, Message::Registered { request, registration: id }, out);
        }
        if own.registrations.len() >= self.config.bounds.registrations {
            let text = format!("a session may have {} registrations", self.config.bounds.registrations);
            return refuse(out, errors::LIMIT_REACHED, text);
        }
        let callee = Callee::new(session, parsed.concurrency, parsed.forward_timeout, own.link);
        let (key, id) = match shared {
            Some((key, id)) => {
                self.dealer.registrations[key].callees.push(callee);
                (key, id)
            }
            None => {
                let queue = existing.map(|key| self.kick_callees(key, out)).unwrap_or_default();
                let unused = |id: &Id| !self.dealer.by_id.contains_key(id);
                let id = confirmed.filter(unused).unwrap_or_else(|| self.unused_id());
                for key in &queue {
                    self.dealer.calls[*key].registration = id;
                }
                let key = self.dealer.registrations.insert(Registration {
                    id,
                    uri: procedure.as_str().into(),
                    policy: parsed.policy,
                    invoke: parsed.invoke,
                    created: now.wall,
                    callees: vec![callee],
                    turn: 0,
                    queue,
                });
                self.dealer.table.insert(parsed.policy, &procedure, key);
                self.dealer.by_id.insert(id, key);
                (key, id)
            }
        };
        if let Some(own) = self.sessions.get_mut(&session) {
            own.registrations.insert(id, place);
        }
        self.send(session, Message::Registered { request, registration: id }, out);
        self.tell_registered(now, session, id, shared.is_none(), out);
        self.serve_queue(key, out);
    }

    /// Takes a registration from all its callees, for somebody who registers by force, and gives the calls that wait
    /// for one of them.
    fn kick_callees(&mut self, key: usize, out: &mut Effects) -> VecDeque<usize> {
        let registration = self.dealer.registrations.remove(key);
        self.dealer.table.remove(registration.policy, &registration.uri);
        self.dealer.by_id.remove(&registration.id);
        for callee in &registration.callees {
            let Some(own) = self.sessions.get_mut(&callee.session) else { continue };
            own.registrations.remove(&registration.id);
            if own.features.callee_revocation {
                let details = Dict::new()
                    .with("registration", registration.id)
                    .with("reason", "wamp.error.unregistered");
                let message = Message::Unregistered { request: 0, details: Some(details) };
                self.send(callee.session, message, out);
            }
            if callee.concurrency > 0 {
                self.drop_abandoned(callee.session, registration.id, out);
            }
        }
        registration.queue
    }

    /// Drops the calls without a caller that a session was invoked for by a registration that it has no longer.
    fn drop_abandoned(&mut self, session: Id, registration: Id, out: &mut Effects) {
        let Some(own) = self.sessions.get(&session) else { return };
        let calls = &self.dealer.calls;
        let abandoned = |key: &usize| {
            calls.get(*key).is_some_and(|c| c.caller == Caller::Nobody && c.registration == registration)
        };
        let keys: Vec<_> = own.invocations.values().copied().filter(abandoned).collect();
        for key in keys {
            self.end_call(key, out);
        }
    }

    pub(crate) fn on_unregister(
        &mut self,
        now: Now,
        session: Id,
        request: Id,
        registration: Id,
        out: &mut Effects,
    ) {
        let Some(own) = self.sessions.get_mut(&session) else { return };
        if own.registrations.remove(&registration).is_none() {
            if self.stamp.again {
                return self.send(session, Message::Unregistered { request, details: None }, out);
            }
            let error =
                errors::message(kind::UNREGISTER, request, errors::NO_SUCH_REGISTRATION, Payload::None);
            return self.send(session, error, out);
        }
        self.send(session, Message::Unregistered { request, details: None }, out);
        self.unregistered(now, session, registration, out);
    }

    /// Takes a session out of a registration that it has no longer, and tells so. Its calls go on.
    pub(crate) fn unregistered(&mut self, now: Now, session: Id, id: Id, out: &mut Effects) {
        let Some(&key) = self.dealer.by_id.get(&id) else { return };
        let registration = &mut self.dealer.registrations[key];
        let Some(at) = registration.callees.iter().position(|callee| callee.session == session) else {
            return;
        };
        let limited = registration.callees.remove(at).concurrency > 0;
        let deleted = registration.callees.is_empty();
        if deleted {
            let registration = self.dealer.registrations.remove(key);
            self.dealer.table.remove(registration.policy, &registration.uri);
            self.dealer.by_id.remove(&id);
            for call in registration.queue {
                self.fail(call, errors::CANCELED, "the last callee left before it was the call's turn", out);
            }
        } else {
            self.serve_queue(key, out);
        }
        if limited {
            self.drop_abandoned(session, id, out);
        }
        self.tell_unregistered(now, session, id, deleted, out);
    }

    /// Takes a registration from a session by the will of somebody else (revocation). False: it did not have it.
    pub(crate) fn revoke_registration(
        &mut self,
        now: Now,
        session: Id,
        registration: Id,
        reason: Option<&str>,
        out: &mut Effects,
    ) -> bool {
        let Some(own) = self.sessions.get_mut(&session) else { return false };
        if own.registrations.remove(&registration).is_none() {
            return false;
        }
        if own.features.callee_revocation {
            let mut details = Dict::new().with("registration", registration);
            if let Some(reason) = reason {
                details.push("reason", Value::from(reason));
            }
            self.send(session, Message::Unregistered { request: 0, details: Some(details) }, out);
        }
        self.unregistered(now, session, registration, out);
        true
    }
}
