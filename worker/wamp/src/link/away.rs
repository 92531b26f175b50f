//! What an edge answers by itself while no hub has the realms: calls that are cancelled or past their time limits.
//!
//! Such a call is not told to the next hub as one to be delivered. What a hub says about it later, it has cancelled it as its
//! log asks for, is for nobody.

use super::edge::Edge;
use super::up::Op;
use crate::planted::planted;
use crate::realm::{CancelMode, Effect, errors};
use crate::{Dict, Id, Message, Now, Outgoing, Payload, kind, uri};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// A call that the edge has answered by itself.
#[derive(Debug)]
pub(super) struct Ended {
    /// The number of its first CALL.
    pub(super) name: u64,
    /// That of the CANCEL by which the hub is told.
    pub(super) cancel: u64,
}

/// Time limits of the calls of all sessions: when, the session, the request. Some may be answered already.
pub(super) type Deadlines = BTreeSet<(Duration, Id, Id)>;

impl Edge {
    /// Whether no hub is known to have the realms.
    #[must_use]
    pub const fn is_away(&self) -> bool {
        self.deadlines.is_some()
    }

    /// The hub is gone: what was not answered by it is answered here, until another one has told that it has the realms.
    pub(super) fn begin_away(&mut self, out: &mut Vec<Effect>) {
        let mut deadlines = Deadlines::new();
        for (session, own) in &self.own {
            let limits =
                own.calls.iter().filter_map(|(request, calling)| Some((calling.deadline?, *request)));
            deadlines.extend(limits.map(|(deadline, request)| (deadline, *session, request)));
        }
        self.deadlines = Some(deadlines);
        let cancels = self.log.iter().filter_map(|entry| match &entry.op {
            Op::Message(session, Message::Cancel { request, options }) => {
                Some((*session, *request, options.clone(), entry.number))
            }
            _ => None,
        });
        for (session, request, options, number) in cancels.collect::<Vec<_>>() {
            self.cancel(session, request, &options, number, out);
        }
    }

    /// Answers a call that a session has cancelled by its message `number`, unless it waits for its callee's answer.
    pub(super) fn cancel(
        &mut self,
        session: Id,
        request: Id,
        options: &Dict,
        number: u64,
        out: &mut Vec<Effect>,
    ) {
        // The hub refuses it.
        if CancelMode::parse(options).is_err() {
            return;
        }
        let calling = self.own.get(&session).and_then(|own| own.calls.get(&request));
        let calling = calling.filter(|calling| !calling.killed && calling.name < number);
        let Some(name) = calling.map(|calling| calling.name) else { return };
        let is_meta = |op: &Op| matches!(op, Op::Message(_, Message::Call { procedure, .. }) if uri::is_reserved(procedure));
        let is_answered = self.entry(name).is_none_or(|entry| !is_meta(&entry.op));
        if planted!(NoAnswer, false, is_answered) {
            self.end(session, request, number, (errors::CANCELED, Payload::None), out);
        }
    }

    /// Answers a call by an ERROR; the hub is told by the message `cancel`.
    fn end(
        &mut self,
        session: Id,
        request: Id,
        cancel: u64,
        (error, payload): (&str, Payload),
        out: &mut Vec<Effect>,
    ) {
        let calling = self.own.get_mut(&session).and_then(|own| own.end_call(request));
        let Some(calling) = calling else { return };
        self.ended.insert((session, request), Ended { name: calling.name, cancel });
        let message = errors::message(kind::CALL, request, error, payload);
        out.push(Effect::Send { to: session, message: Rc::new(Outgoing::new(message)) });
    }

    /// Ends the calls that are past their time limits, while no hub does.
    pub fn expire(&mut self, now: Now, out: &mut Vec<Effect>) {
        while let Some(&(deadline, session, request)) = self.deadlines.as_ref().and_then(BTreeSet::first)
            && deadline <= now.clock
        {
            self.deadlines.as_mut().and_then(BTreeSet::pop_first);
            let calling = self.own.get(&session).and_then(|own| own.calls.get(&request));
            if calling.is_some_and(|calling| !calling.killed && calling.deadline == Some(deadline)) {
                let answer = (errors::TIMEOUT, Payload::one(errors::TIMEOUT_REACHED));
                self.end(session, request, self.last + 1, answer, out);
                let options = Dict::new().with("mode", CancelMode::KillNoWait.name());
                self.send(None, Op::Message(session, Message::Cancel { request, options }));
            }
        }
    }

    /// When there is something to be done next, by the clock of [`Now`].
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        self.deadlines.as_ref()?.first().map(|(deadline, ..)| *deadline)
    }

    /// Whether a message is for a call that was answered here: then it is dropped, and a result is counted.
    pub(super) fn is_late(&mut self, session: Id, message: &Message, out: &mut Vec<Effect>) -> bool {
        let (request, is_last, is_result) = match message {
            Message::Result { request, details, .. } => (*request, super::pending::is_last(details), true),
            Message::Error { request_type: kind::CALL, request, .. } => (*request, true, false),
            _ => return false,
        };
        let call = (session, request);
        let is_late = planted!(LateResult, false, self.ended.contains_key(&call));
        if is_late && is_last {
            self.ended.remove(&call);
        }
        if is_late && is_result {
            out.push(Effect::Late(session));
        }
        is_late
    }
}
