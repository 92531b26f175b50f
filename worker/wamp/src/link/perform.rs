//! What edges want done, and the questions to authenticators among it.

use super::hub::Hub;
use super::up::Op;
use crate::realm::{Effect, ForHub, Realm, Stamp};
use crate::session::EVERYWHERE;
use crate::{Id, Message, Now, Payload};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// Questions to authenticators.
#[derive(Debug, Default)]
pub(super) struct Questions {
    pub(super) last: u64,
    /// Edge and token of those that are asked.
    pub(super) asked: HashMap<u64, (u64, u64)>,
    /// Those whose authenticator is not registered: until when they wait, their realm, the question.
    pub(super) waiting: Vec<(Duration, usize, u64, String, Payload)>,
}

impl Hub {
    /// The realm of a session of this edge.
    pub(super) fn owned(&self, session: Id, edge: u64) -> Option<usize> {
        self.sessions.get(&session).filter(|(_, own)| *own == edge).map(|(at, _)| *at)
    }

    /// Does what an edge wants; what comes of it is then to be distributed.
    pub(super) fn perform(&mut self, now: Now, stamp: Stamp, op: Op) {
        let order = self.order;
        self.realms.iter_mut().for_each(|realm| realm.set_order(order));
        match op {
            Op::Join(realm, joining) => {
                let session = joining.session;
                if self.sessions.contains_key(&session) && self.owned(session, stamp.edge).is_none() {
                    return;
                }
                let Some(&at) = self.names.get(&*realm) else {
                    let message = Some(format!("there is no realm \"{realm}\" any longer"));
                    let reason = "wamp.error.no_such_realm".to_owned();
                    self.sessions.insert(session, (0, stamp.edge));
                    return self.effects.push(Effect::Goodbye { session, reason, message });
                };
                self.sessions.insert(session, (at, stamp.edge));
                self.realms[at].set_stamp(stamp);
                let joining = Rc::unwrap_or_clone(joining);
                if stamp.again
                    && !EVERYWHERE.contains(&&*joining.authrole)
                    && !self.realms[at].has_role(&joining.authrole)
                {
                    let text = format!("realm \"{realm}\" has no role \"{}\" any longer", joining.authrole);
                    let (reason, message) = ("wamp.error.no_such_role".to_owned(), Some(text));
                    return self.effects.push(Effect::Goodbye { session, reason, message });
                }
                self.realms[at].join(now, joining, &mut self.effects);
                self.effects.push(Effect::Hub(ForHub::Testaments(session)));
            }
            Op::Leave(session) => {
                let Some(at) = self.owned(session, stamp.edge) else { return };
                self.sessions.remove(&session);
                self.realms[at].set_stamp(stamp);
                self.realms[at].leave(now, session, &mut self.effects);
                self.effects.push(Effect::Hub(ForHub::Gone(session)));
            }
            Op::Kill(session, reason) => {
                let Some(&(at, _)) = self.sessions.get(&session) else { return };
                self.realms[at].set_stamp(stamp);
                self.realms[at].kill(now, session, reason.as_deref(), None, &mut self.effects);
            }
            Op::Message(session, message) => {
                let Some(at) = self.owned(session, stamp.edge) else { return };
                self.realms[at].set_stamp(stamp);
                self.realms[at].receive(now, session, message, &mut self.effects);
            }
            Op::Ask(realm, token, question) => {
                let Some(&at) = self.names.get(&*realm) else { return };
                self.questions.last += 1;
                let own = self.questions.last;
                self.questions.asked.insert(own, (stamp.edge, token));
                let (procedure, payload) = Rc::unwrap_or_clone(question);
                let until = now.clock.saturating_add(self.realms[at].authenticator_wait());
                self.questions.waiting.push((until, at, own, procedure, payload));
                self.realms[at].set_stamp(Stamp::default());
                self.ask(now);
            }
        }
    }

    /// The same for what is known to have been done; nobody but who has lost something by it is told.
    pub(super) fn redo(&mut self, now: Now, stamp: Stamp, op: Op) {
        if let Op::Message(session, message) = op {
            let Some(at) = self.owned(session, stamp.edge) else { return };
            self.realms[at].set_order(self.order);
            self.realms[at].set_stamp(stamp);
            self.realms[at].redo(now, session, message, &mut self.effects);
        } else {
            self.perform(now, stamp, op);
        }
    }

    /// Forgets what has just come of a step, but that somebody has lost something.
    pub(super) fn keep_revocations(&mut self) {
        self.effects.retain(|effect| {
            let Effect::Send { message, .. } = effect else {
                return matches!(effect, Effect::Goodbye { .. });
            };
            matches!(
                message.message(),
                Message::Unsubscribed { request: 0, .. } | Message::Unregistered { request: 0, .. }
            )
        });
    }

    pub(super) fn effects_mut(&mut self) -> (&mut Vec<Realm>, &mut Vec<Effect>) {
        (&mut self.realms, &mut self.effects)
    }

    /// Asks those authenticators that are there, and for those that were waited for long enough.
    pub(super) fn ask_waiting(&mut self, now: Now) {
        if !self.questions.waiting.is_empty() {
            self.ask(now);
            self.distribute(None);
        }
    }

    fn ask(&mut self, now: Now) {
        let mut at = 0;
        while let Some((until, realm, _, procedure, _)) = self.questions.waiting.get(at) {
            if *until > now.clock && !self.realms[*realm].has_procedure(procedure) {
                at += 1;
                continue;
            }
            let (_, realm, token, procedure, payload) = self.questions.waiting.swap_remove(at);
            let realm = &mut self.realms[realm];
            let timeout = realm.authenticator_timeout();
            realm.set_stamp(Stamp::default());
            realm.call(now, token, &procedure, payload, timeout, &mut self.effects);
        }
    }
}
