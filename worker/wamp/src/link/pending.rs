//! What an edge keeps of its sessions, so that another hub can be told.

use super::up::{Called, Op};
use crate::planted::planted;
use crate::realm::Joining;
use crate::realm::hash::{IdHash, IdMap};
use crate::{Id, Message, Payload, Value, kind};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// How many calls of a session with further arguments under way are remembered after their end.
const LATE_INPUTS: usize = 64;

/// A message to the hub that is not settled.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) number: u64,
    /// The hub's number of it; 0: not known.
    pub(super) order: u64,
    /// What it has made, or is to make.
    pub(super) id: Option<Id>,
    /// It was answered by an error: there is nothing to be done again.
    pub(super) refused: bool,
    /// A hub may have done it.
    pub(super) sent: bool,
    pub(super) op: Op,
    pub(super) bytes: usize,
}

impl Entry {
    /// Notes an answer that came with what it has caused.
    pub(super) fn answered(&mut self, order: u64, answer: &Message) {
        self.order = order;
        match answer {
            Message::Subscribed { subscription: id, .. } | Message::Registered { registration: id, .. } => {
                self.id = Some(*id);
            }
            Message::Error { request_type, .. } if *request_type != kind::CALL => self.refused = true,
            _ => {}
        }
    }

    /// Whether it has made the subscription or registration `id`.
    pub(super) fn has_made(&self, session: Id, id: Id) -> bool {
        let Op::Message(own, Message::Subscribe { .. } | Message::Register { .. }) = &self.op else {
            return false;
        };
        *own == session && self.id == Some(id)
    }
}

/// What a session has that is settled.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) realm: Rc<str>,
    pub(super) order: u64,
    pub(super) joining: Rc<Joining>,
    /// The messages by which it came to what it has: SUBSCRIBE, REGISTER and calls that made testaments.
    pub(super) kept: Vec<Kept>,
}

/// A message that has made something.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) order: u64,
    pub(super) id: Option<Id>,
    pub(super) message: Message,
}

impl Member {
    /// Takes over what a settled message has come to.
    pub(super) fn settle(&mut self, order: u64, id: Option<Id>, message: Message) {
        match &message {
            // Subscribed twice is subscribed once.
            Message::Subscribe { .. } | Message::Register { .. }
                if id.is_some() && !self.kept.iter().any(|kept| kept.id == id) =>
            {
                self.kept.push(Kept { order, id, message });
            }
            Message::Unsubscribe { subscription: id, .. } | Message::Unregister { registration: id, .. } => {
                self.forget(*id);
            }
            Message::Call { procedure, payload, .. } => match procedure.as_str() {
                "wamp.session.add_testament" => self.kept.push(Kept { order, id: None, message }),
                "wamp.session.flush_testaments" => {
                    let scope = scope(payload, 0);
                    self.kept.retain(|kept| !is_testament(kept, scope.as_deref()));
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// Forgets a subscription or registration.
    pub(super) fn forget(&mut self, id: Id) {
        self.kept.retain(|kept| planted!(Unforgotten, true, kept.id != Some(id)));
    }
}

fn is_testament(kept: &Kept, flushed: Option<&str>) -> bool {
    let Message::Call { payload, .. } = &kept.message else { return false };
    let default = "destroyed";
    scope(payload, 4).as_deref().unwrap_or(default) == flushed.unwrap_or(default)
}

/// The argument `scope` of the procedures of testaments.
fn scope(payload: &Payload, at: usize) -> Option<String> {
    let (args, kwargs) = payload.decode().ok()?;
    let value = args.get(at).or_else(|| kwargs.get("scope"))?;
    value.as_str().map(str::to_owned)
}

/// A session as its connection has it now.
#[derive(Debug)]
pub(super) struct Own {
    /// It has left; what it had is there until that is settled.
    pub(super) gone: bool,
    /// It was told of no subscription and no registration yet: what comes is for one that had its id before.
    pub(super) fresh: bool,
    /// Calls that it waits for, by their requests.
    pub(super) calls: IdMap<Calling>,
    /// Calls that it works on, by their requests.
    pub(super) called: IdMap<Working>,
    pub(super) invoked_until: Id,
    /// Calls that were answered while further arguments of them were under way, which are for nobody.
    late_inputs: VecDeque<Id>,
    /// Subscriptions that it was told it has no longer, which the next hub may not know.
    pub(super) silenced: Vec<Id>,
}

impl Own {
    pub(super) fn new(hash: IdHash) -> Self {
        Self {
            gone: false,
            fresh: true,
            calls: hash.map(),
            called: hash.map(),
            invoked_until: 0,
            late_inputs: VecDeque::new(),
            silenced: Vec::new(),
        }
    }

    /// Takes out a call that is answered.
    pub(super) fn end_call(&mut self, request: Id) -> Option<Calling> {
        let calling = self.calls.remove(&request)?;
        if calling.open {
            if self.late_inputs.len() == LATE_INPUTS {
                self.late_inputs.pop_front();
            }
            self.late_inputs.push_back(request);
        }
        Some(calling)
    }

    /// Whether a CALL brings further arguments of a call that was answered; after the last of them no longer.
    pub(super) fn is_late_input(&mut self, request: Id, is_last: bool) -> bool {
        let Some(at) = self.late_inputs.iter().position(|late| *late == request) else { return false };
        if is_last {
            self.late_inputs.remove(at);
        }
        true
    }
}

/// A call that a session waits for.
#[derive(Debug)]
pub(super) struct Calling {
    /// The number of its first CALL.
    pub(super) name: u64,
    /// By when it is to be answered.
    pub(super) deadline: Option<Duration>,
    /// It was cancelled so that its callee answers it.
    pub(super) killed: bool,
    /// Further arguments are to come.
    pub(super) open: bool,
    /// While it waits for a callee: its CALLs.
    pub(super) queued: Vec<Queued>,
}

/// A CALL that waits for a callee.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) number: u64,
    /// Its place, once it is settled.
    pub(super) order: u64,
    pub(super) message: Message,
}

/// A call that a session works on.
#[derive(Debug)]
pub(super) struct Working {
    pub(super) called: Called,
    /// The number of the message that has answered it.
    pub(super) answer: Option<u64>,
}

/// Whether a message of a callee is the last one of its answer.
pub(super) fn is_last(options: &crate::Dict) -> bool {
    options.get("progress").and_then(Value::as_bool) != Some(true)
}
