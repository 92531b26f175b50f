//! What comes of a hub's words for the sessions of an edge: what they get, and what they have by that.

use super::edge::Edge;
use super::pending::{Own, Working, is_last};
use super::up::{Called, Op};
use crate::realm::Effect;
use crate::{Id, Message, Outgoing, Value, kind};
use std::rc::Rc;

impl Edge {
    /// Gives sessions what the hub has for them, which `order` is the place of, and notes what they have by it.
    pub(super) fn deliver(
        &mut self,
        ((edge, number), order): ((u64, u64), u64),
        mut to: Vec<Id>,
        message: Message,
        out: &mut Vec<Effect>,
    ) {
        to.retain(|id| self.own.get(id).is_some_and(|own| !own.gone));
        let Some(&first) = to.first() else { return self.note_answer((edge, number), order, &message) };
        if self.is_late(first, &message, out) {
            return self.note_answer((edge, number), order, &message);
        }
        match &message {
            Message::Event { subscription, .. } => {
                let own = &self.own;
                let hears = |own: &Own| !own.fresh && !own.silenced.contains(subscription);
                to.retain(|id| own.get(id).is_some_and(hears));
            }
            Message::Result { request, details, .. } if is_last(details) => {
                self.own.get_mut(&first).and_then(|own| own.end_call(*request));
            }
            Message::Error { request_type: kind::CALL, request, .. } => {
                self.own.get_mut(&first).and_then(|own| own.end_call(*request));
            }
            Message::Unsubscribed { request: 0, details: Some(details) } => {
                self.revoked(first, details.get("subscription"));
            }
            Message::Unregistered { request: 0, details: Some(details) } => {
                self.revoked(first, details.get("registration"));
            }
            Message::Interrupt { request, .. } => {
                let working = self.own.get(&first).and_then(|own| own.called.get(request));
                if working.is_some_and(|working| working.answer.is_some()) {
                    return;
                }
            }
            Message::Unsubscribed { .. } if edge == self.number => self.silence(number),
            Message::Registered { .. } => {
                if let Some(own) = self.own.get_mut(&first) {
                    own.fresh = false;
                }
            }
            Message::Subscribed { subscription, .. } => {
                if let Some(own) = self.own.get_mut(&first) {
                    own.fresh = false;
                    own.silenced.retain(|silenced| silenced != subscription);
                }
            }
            _ => {}
        }
        self.note_answer((edge, number), order, &message);
        let message = Rc::new(Outgoing::new(message));
        match to.len() {
            0 => {}
            1 => out.push(Effect::Send { to: to[0], message }),
            _ => out.push(Effect::Fan { to, message }),
        }
    }

    /// Notes the answer to a message of this edge.
    fn note_answer(&mut self, (edge, number): (u64, u64), order: u64, answer: &Message) {
        if edge == self.number
            && let Some(entry) = self.entry(number)
        {
            entry.answered(order, answer);
        }
    }

    /// A session has no longer what it has unsubscribed from, whatever the next hub says.
    fn silence(&mut self, number: u64) {
        let Some(Op::Message(session, Message::Unsubscribe { subscription, .. })) =
            self.entry(number).map(|entry| &entry.op)
        else {
            return;
        };
        let (session, subscription) = (*session, *subscription);
        if let Some(own) = self.own.get_mut(&session) {
            own.silenced.push(subscription);
        }
    }

    /// A session has no longer what it had.
    fn revoked(&mut self, session: Id, id: Option<&Value>) {
        let Some(id) = id.and_then(Value::as_u64) else { return };
        if let Some(member) = self.members.get_mut(&session) {
            member.forget(id);
        }
        for entry in self.log.iter_mut().filter(|entry| entry.has_made(session, id)) {
            entry.refused = true;
        }
    }

    /// Gives a callee a call, and notes that it works on it.
    pub(super) fn invoke(
        &mut self,
        order: u64,
        to: Id,
        name: Option<(u64, u64)>,
        message: Message,
        out: &mut Vec<Effect>,
    ) {
        let Message::Invocation { request, registration, details, .. } = &message else { return };
        let Some(own) = self.own.get_mut(&to) else { return };
        own.invoked_until = own.invoked_until.max(*request);
        let input = (!is_last(details)).then(|| {
            let mut input = details.clone();
            input.0.retain(|(key, _)| key != "progress");
            input
        });
        match own.called.get_mut(request) {
            Some(working) => working.called.input = input,
            None => {
                let (request, registration) = (*request, *registration);
                let called =
                    Called { order, name, session: to, request, registration, input, answered: false };
                own.called.insert(request, Working { called, answer: None });
            }
        }
        if !own.gone && !own.fresh {
            out.push(Effect::Send { to, message: Rc::new(Outgoing::new(message)) });
        }
    }
}
