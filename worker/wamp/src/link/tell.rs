//! What an edge tells a hub that is new to it, and what it need not tell it any longer.

use super::edge::Edge;
use super::error::VERSION;
use super::pending::{Entry, Kept, Member, Own, Queued};
use super::up::{Op, Up, put};
use crate::planted::planted;
use crate::{Id, Message, Now, uri};
use std::rc::Rc;
use std::time::Duration;

impl Edge {
    /// There is a new link: the hub is told everything.
    pub fn connected(&mut self, now: Now) {
        self.connected = true;
        let mut out = Vec::new();
        put(&Up::Hello { version: VERSION, edge: self.number, settled: self.settled }, &mut out);
        for (session, member) in &self.members {
            let op = Op::Join(Rc::clone(&member.realm), Rc::clone(&member.joining));
            put(&Up::Restore { order: member.order, id: None, op }, &mut out);
            for Kept { order, id, message } in &member.kept {
                let op = Op::Message(*session, message.clone());
                put(&Up::Restore { order: *order, id: *id, op }, &mut out);
            }
        }
        for (session, own) in &self.own {
            self.tell_of(now, *session, own, &mut out);
        }
        for ((session, request), ended) in &self.ended {
            let (name, session, request) = (ended.name, *session, *request);
            put(&Up::Calling { name, session, request, left_ms: None }, &mut out);
        }
        for (entry, order) in self.log.iter().zip(self.places()) {
            if self.is_to_be_done_again(entry) {
                let Entry { number, id, sent, op, .. } = entry;
                let (number, id, sent, op) = (*number, *id, *sent, op.clone());
                put(&Up::Again { number, order, id, sent, op }, &mut out);
            }
        }
        for (edge, seen) in &self.seen {
            for (number, order) in seen.unsettled() {
                put(&Up::Seen { edge: *edge, number, order }, &mut out);
            }
        }
        for (key, content) in &self.kept {
            put(&Up::Kept(*key, content.clone()), &mut out);
        }
        put(&Up::End { last: self.last }, &mut out);
        self.output = out;
        // From now on the hub may have done it.
        self.log.iter_mut().for_each(|entry| entry.sent = true);
        // Their answers may have been lost with the hub; a higher number settles the old ones, too.
        for op in self.asks.values().cloned().collect::<Vec<_>>() {
            self.send(None, op);
        }
    }

    /// The places of what is not settled, as far as they are known: what was not answered was done before what came
    /// after it and was.
    fn places(&self) -> Vec<u64> {
        let mut next = 0;
        let mut places: Vec<_> = self
            .log
            .iter()
            .rev()
            .map(|entry| {
                next = if entry.order == 0 { next } else { entry.order };
                next
            })
            .collect();
        places.reverse();
        places
    }

    /// Tells the hub of the calls of a session.
    fn tell_of(&self, now: Now, session: Id, own: &Own, out: &mut Vec<u8>) {
        for (request, calling) in &own.calls {
            let left = |deadline: Duration| deadline.saturating_sub(now.clock).as_millis() as u64;
            let left_ms = calling.deadline.map(left);
            put(&Up::Calling { name: calling.name, session, request: *request, left_ms }, out);
            let settled = calling.queued.iter().filter(|queued| queued.number <= self.settled);
            for Queued { number, order, message } in settled {
                let op = Op::Message(session, message.clone());
                put(&Up::Again { number: *number, order: *order, id: None, sent: true, op }, out);
            }
        }
        for working in own.called.values() {
            put(&Up::Called(Box::new(working.called.clone())), out);
        }
        if own.invoked_until > 0 {
            put(&Up::InvokedUntil { session, request: own.invoked_until }, out);
        }
    }

    fn is_to_be_done_again(&self, entry: &Entry) -> bool {
        match &entry.op {
            Op::Ask(..) => false,
            Op::Message(session, Message::Call { request, procedure, .. })
                if !uri::is_reserved(procedure) =>
            {
                let calling = self.own.get(session).and_then(|own| own.calls.get(request));
                let is_waited_for = calling.is_some_and(|calling| calling.name <= entry.number);
                planted!(DeliveredLater, true, is_waited_for)
            }
            _ => planted!(RefusedAgain, true, !entry.refused),
        }
    }

    /// Everything up to the last of these is settled.
    pub(super) fn settle(&mut self, places: &[(u64, u64)]) {
        let mut places = places.iter().copied().peekable();
        while let Some(&(number, order)) = places.peek() {
            let Some(entry) = self.log.front().filter(|entry| entry.number <= number) else {
                self.settled = self.settled.max(number);
                places.next();
                continue;
            };
            // What was not done again was answered before, so its place is known or does not matter.
            let exact = (entry.number == number).then_some(order);
            let Some(mut entry) = self.log.pop_front() else { return };
            entry.order = exact.unwrap_or(entry.order);
            self.log_bytes -= planted!(MiscountedBytes, 0, entry.bytes);
            self.settle_one(entry);
        }
    }

    fn settle_one(&mut self, entry: Entry) {
        let Entry { number, order, id, refused, op, .. } = entry;
        match op {
            Op::Join(realm, joining) => {
                let member = Member { realm, order, joining, kept: Vec::new() };
                self.members.insert(member.joining.session, member);
            }
            Op::Leave(session) => {
                self.members.remove(&session);
                // One with the same id may have joined since.
                if self.own.get(&session).is_some_and(|own| own.gone) {
                    self.own.remove(&session);
                }
            }
            Op::Message(session, message) => {
                if let Message::Cancel { request, .. } = message {
                    let call = (session, request);
                    if self.ended.get(&call).is_some_and(|ended| ended.cancel == number) {
                        self.ended.remove(&call);
                    }
                }
                if let Some(own) = self.own.get_mut(&session) {
                    match &message {
                        Message::Yield { request, .. } | Message::Error { request, .. } => {
                            let answered =
                                own.called.get(request).is_some_and(|working| working.answer == Some(number));
                            if answered {
                                own.called.remove(request);
                            }
                        }
                        Message::Call { request, .. } => {
                            let queued = own.calls.get_mut(request).into_iter();
                            let queued = queued.flat_map(|calling| &mut calling.queued);
                            queued
                                .filter(|queued| queued.number == number)
                                .for_each(|queued| queued.order = order);
                        }
                        Message::Unsubscribe { subscription, .. } => {
                            own.silenced.retain(|silenced| silenced != subscription);
                        }
                        _ => {}
                    }
                }
                if !refused && let Some(member) = self.members.get_mut(&session) {
                    member.settle(order, id, message);
                }
            }
            Op::Kill(..) | Op::Ask(..) => {}
        }
    }
}
