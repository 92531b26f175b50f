//! Whether the tables of a realm agree (for tests).

use super::Realm;
use super::dealer::{Caller, Target};

impl Realm {
    /// What does not agree: entries of sessions that are gone, tables that miss each other's entries. None: all does.
    #[doc(hidden)]
    #[must_use]
    pub fn inconsistency(&self) -> Option<String> {
        self.audit_broker().or_else(|| self.audit_registrations()).or_else(|| self.audit_calls())
    }

    fn audit_broker(&self) -> Option<String> {
        for (key, s) in &self.broker.subscriptions {
            if s.subscribers.is_empty() {
                return Some(format!("subscription {} has no subscribers", s.uri));
            }
            if self.broker.by_id.get(&s.id) != Some(&key)
                || self.broker.table.get(s.policy, &s.uri) != Some(key)
            {
                return Some(format!("subscription {} is not in its tables", s.uri));
            }
            for id in &s.subscribers {
                if !self.sessions.get(id).is_some_and(|own| own.subscriptions.contains_key(&s.id)) {
                    return Some(format!("{id} is a subscriber of {} and does not know it", s.uri));
                }
            }
        }
        if self.broker.by_id.len() != self.broker.subscriptions.len() {
            return Some("there are ids without a subscription".to_owned());
        }
        let owned: usize = self.sessions.values().map(|own| own.subscriptions.len()).sum();
        let held: usize = self.broker.subscriptions.iter().map(|(_, s)| s.subscribers.len()).sum();
        (owned != held).then(|| format!("sessions have {owned} subscriptions, which have {held} subscribers"))
    }

    fn audit_registrations(&self) -> Option<String> {
        for (key, r) in &self.dealer.registrations {
            if r.callees.is_empty() {
                return Some(format!("registration {} has no callees", r.uri));
            }
            if self.dealer.by_id.get(&r.id) != Some(&key)
                || self.dealer.table.get(r.policy, &r.uri) != Some(key)
            {
                return Some(format!("registration {} is not in its tables", r.uri));
            }
            for callee in &r.callees {
                let id = callee.session;
                if !self.sessions.get(&id).is_some_and(|own| own.registrations.contains_key(&r.id)) {
                    return Some(format!("{id} is a callee of {} and does not know it", r.uri));
                }
            }
            for call in &r.queue {
                let call = self.dealer.calls.get(*call);
                if !call.is_some_and(|c| matches!(c.target, Target::Queued(_)) && c.registration == r.id) {
                    return Some(format!("a call in the queue of {} is none", r.uri));
                }
            }
        }
        if self.dealer.by_id.len() != self.dealer.registrations.len() {
            return Some("there are ids without a registration".to_owned());
        }
        let owned: usize = self.sessions.values().map(|own| own.registrations.len()).sum();
        let held: usize = self.dealer.registrations.iter().map(|(_, r)| r.callees.len()).sum();
        (owned != held).then(|| format!("sessions have {owned} registrations, which have {held} callees"))
    }

    fn audit_calls(&self) -> Option<String> {
        let (mut called, mut invoked, mut queued) = (0, 0, 0);
        for (key, call) in &self.dealer.calls {
            match call.caller {
                Caller::Session { session, request } => {
                    called += 1;
                    if self.sessions.get(&session).and_then(|own| own.calls.get(&request)) != Some(&key) {
                        return Some(format!("call {request} of {session} is not in its table"));
                    }
                }
                Caller::Authorizer(session) => {
                    if self.sessions.get(&session).is_none_or(|own| own.asked.is_none()) {
                        return Some(format!("an authorizer is asked for {session}, which does not wait"));
                    }
                }
                Caller::Will(will) if !self.wills.contains(will) => {
                    return Some("an authorizer is asked for testaments that are not there".to_owned());
                }
                Caller::Will(_) | Caller::Router(_) | Caller::Nobody => {}
            }
            match &call.target {
                Target::Callee { session, request } => {
                    invoked += 1;
                    if self.sessions.get(session).and_then(|own| own.invocations.get(request)) != Some(&key) {
                        return Some(format!("invocation {request} of {session} is not in its table"));
                    }
                }
                Target::Queued(_) => queued += 1,
            }
        }
        let bytes: usize = self.dealer.calls.iter().map(|(_, call)| call.target.size()).sum();
        if bytes != self.dealer.queued_bytes {
            return Some(format!("{bytes} bytes wait, not {}", self.dealer.queued_bytes));
        }
        if !self.ready.is_empty() {
            return Some("somebody whose authorizer has answered still waits".to_owned());
        }
        let owned: usize = self.sessions.values().map(|own| own.calls.len()).sum();
        let held: usize = self.sessions.values().map(|own| own.invocations.len()).sum();
        let waiting: usize = self.dealer.registrations.iter().map(|(_, r)| r.queue.len()).sum();
        if self.dealer.timers.values().any(|key| !self.dealer.calls.contains(*key)) {
            return Some("a timer has no call".to_owned());
        }
        ((owned, held, waiting) != (called, invoked, queued)).then(|| {
            format!("calls {owned} {called}, invocations {held} {invoked}, queued {waiting} {queued} differ")
        })
    }
}
