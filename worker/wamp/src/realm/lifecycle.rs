//! How sessions come and go.

use super::session::{Session, in_order};
use super::{Effect, Effects, ForHub, Joining, Realm};
use crate::{Id, Now};

impl Realm {
    /// Takes in a session. One with the same id, if there is one, ends by that.
    pub fn join(&mut self, now: Now, joining: Joining, out: &mut Vec<Effect>) {
        self.counters.joined += 1;
        let id = joining.session;
        self.remove(now, id, out);
        let place = self.place();
        let role = self.roles.find(&joining.authrole);
        let session = Session::new(joining, role, place, &mut self.in_common);
        self.sessions.insert(id, Box::new(session));
        self.tell_joined(now, id, out);
        self.settle(now, out);
    }

    /// Lets a session go, with all that it had. Nothing: there is none with this id.
    pub fn leave(&mut self, now: Now, session: Id, out: &mut Vec<Effect>) {
        self.remove(now, session, out);
        self.settle(now, out);
    }

    /// Ends a session: it is gone here, and its connection is to be told so. False: there is none with this id.
    pub fn kill(
        &mut self,
        now: Now,
        session: Id,
        reason: Option<&str>,
        message: Option<String>,
        out: &mut Vec<Effect>,
    ) -> bool {
        let killed = self.end_session(now, session, reason, message, out);
        self.settle(now, out);
        killed
    }

    /// The same, in the middle of a step.
    pub(crate) fn end_session(
        &mut self,
        now: Now,
        session: Id,
        reason: Option<&str>,
        message: Option<String>,
        out: &mut Effects,
    ) -> bool {
        if !self.sessions.contains_key(&session) {
            return false;
        }
        self.counters.kills += 1;
        let reason = reason.unwrap_or("wamp.close.killed").to_owned();
        out.push(Effect::Goodbye { session, reason, message });
        self.remove(now, session, out);
        true
    }

    fn remove(&mut self, now: Now, session: Id, out: &mut Effects) {
        let Some(mut own) = self.sessions.remove(&session) else { return };
        let held = own.asked.as_ref().and_then(|asked| asked.stamp()).into_iter();
        let held = held.chain(own.held.iter().map(|(stamp, _)| *stamp));
        out.extend(held.filter(|stamp| stamp.edge != 0).map(|stamp| Effect::Hub(ForHub::Dropped(stamp))));
        // It gets no event any more, not even one about its own end.
        let mut subscriptions = Vec::new();
        for id in in_order(&own.subscriptions) {
            subscriptions.extend(self.broker.remove_subscriber(session, id).map(|deleted| (id, deleted)));
        }
        if let Some(question) = own.asked.take().and_then(|asked| asked.call()) {
            self.drop_call(question, out);
        }
        for registration in in_order(&own.registrations) {
            self.unregistered(now, session, registration, out);
        }
        self.callee_is_gone(session, std::mem::take(&mut own.invocations), out);
        self.caller_is_gone(session, std::mem::take(&mut own.calls), out);
        for (subscription, deleted) in subscriptions {
            self.tell_unsubscribed(now, session, subscription, deleted, out);
        }
        self.execute_testaments(now, &mut own, out);
        self.tell_left(now, &own, out);
        self.in_common.release(*own);
    }
}
