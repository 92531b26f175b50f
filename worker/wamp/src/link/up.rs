//! Frames from an edge to the hub.

use super::error::Error;
use super::wire::{
    Read, begin_frame, end_frame, put_bytes, put_joining, put_key, put_maybe, put_maybe_dict, put_message,
    put_number, put_payload,
};
use crate::realm::{Joining, LastingKey};
use crate::{Dict, Id, Message, Payload};
use bytes::Bytes;
use std::rc::Rc;

/// What an edge wants done.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// A session joins this realm.
    Join(Rc<str>, Rc<Joining>),
    /// A session has gone.
    Leave(Id),
    /// A session is to be ended.
    Kill(Id, Option<String>),
    /// A session has sent this.
    Message(Id, Message),
    /// An authenticator is to be asked in this realm; the answer has this token.
    Ask(Rc<str>, u64, Rc<(String, Payload)>),
}

/// A frame.
#[derive(Debug)]
pub(super) enum Up {
    /// The first one: who this is, and up to which number everything is settled.
    Hello { version: u64, edge: u64, settled: u64 },
    /// What a session has, in the words by which it came to it.
    Restore { order: u64, id: Option<Id>, op: Op },
    /// What is not settled. `order` is the hub's number of it, if that is known, `id` what it has made or is to make.
    /// `sent`: a hub before this one may have done it.
    Again { number: u64, order: u64, id: Option<Id>, sent: bool, op: Op },
    /// A call that a session waits for.
    Calling { name: u64, session: Id, request: Id, left_ms: Option<u64> },
    /// A call that a session works on.
    Called(Box<Called>),
    /// The last request by which a session was invoked.
    InvokedUntil { session: Id, request: Id },
    /// What a message of an edge has caused has come here; the hub had given it this place in its order.
    Seen { edge: u64, number: u64, order: u64 },
    /// What was kept here for the next hub.
    Kept(LastingKey, Bytes),
    /// That was all that was there before; the number of the last message.
    End { last: u64 },
    /// Something new.
    New { number: u64, id: Option<Id>, op: Op },
}

/// A call that a session works on.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) order: u64,
    pub(super) name: Option<(u64, u64)>,
    pub(super) session: Id,
    pub(super) request: Id,
    pub(super) registration: Id,
    pub(super) input: Option<Dict>,
    pub(super) answered: bool,
}

const HELLO: u8 = 1;
const RESTORE: u8 = 2;
const AGAIN: u8 = 3;
const CALLING: u8 = 4;
const CALLED: u8 = 5;
const INVOKED_UNTIL: u8 = 6;
const END: u8 = 7;
const NEW: u8 = 8;
const SEEN: u8 = 9;
const KEPT: u8 = 10;

pub(super) fn put_new(number: u64, id: Option<Id>, op: &Op, out: &mut Vec<u8>) {
    let start = begin_frame(NEW, out);
    put_number(number, out);
    put_maybe(id, out);
    put_op(op, out);
    end_frame(start, out);
}

pub(super) fn put(frame: &Up, out: &mut Vec<u8>) {
    let kind = match frame {
        Up::Hello { .. } => HELLO,
        Up::Restore { .. } => RESTORE,
        Up::Again { .. } => AGAIN,
        Up::Calling { .. } => CALLING,
        Up::Called(_) => CALLED,
        Up::InvokedUntil { .. } => INVOKED_UNTIL,
        Up::Seen { .. } => SEEN,
        Up::Kept(..) => KEPT,
        Up::End { .. } => END,
        Up::New { number, id, op } => return put_new(*number, *id, op, out),
    };
    let start = begin_frame(kind, out);
    match frame {
        Up::Hello { version, edge, settled } => {
            for number in [*version, *edge, *settled] {
                put_number(number, out);
            }
        }
        Up::Restore { order, id, op } => {
            put_number(*order, out);
            put_maybe(*id, out);
            put_op(op, out);
        }
        Up::Again { number, order, id, sent, op } => {
            put_number(*number, out);
            put_number(*order, out);
            put_maybe(*id, out);
            out.push((*sent).into());
            put_op(op, out);
        }
        Up::Calling { name, session, request, left_ms } => {
            for number in [*name, *session, *request] {
                put_number(number, out);
            }
            put_maybe(*left_ms, out);
        }
        Up::Called(called) => {
            put_number(called.order, out);
            put_maybe(called.name.map(|name| name.0), out);
            for number in
                [called.name.unwrap_or_default().1, called.session, called.request, called.registration]
            {
                put_number(number, out);
            }
            put_maybe_dict(called.input.as_ref(), out);
            out.push(called.answered.into());
        }
        Up::InvokedUntil { session, request } => {
            put_number(*session, out);
            put_number(*request, out);
        }
        Up::Seen { edge, number, order } => {
            for number in [*edge, *number, *order] {
                put_number(number, out);
            }
        }
        Up::Kept(key, content) => {
            put_key(*key, out);
            put_bytes(content, out);
        }
        Up::End { last } => put_number(*last, out),
        Up::New { .. } => {}
    }
    end_frame(start, out);
}

pub(super) fn read(kind: u8, mut read: Read) -> Result<Up, Error> {
    let r = &mut read;
    let frame = match kind {
        HELLO => Up::Hello { version: r.number()?, edge: r.number()?, settled: r.number()? },
        RESTORE => Up::Restore { order: r.number()?, id: r.maybe()?, op: op(r)? },
        AGAIN => {
            let (number, order, id) = (r.number()?, r.number()?, r.maybe()?);
            Up::Again { number, order, id, sent: r.byte()? != 0, op: op(r)? }
        }
        CALLING => {
            Up::Calling { name: r.number()?, session: r.number()?, request: r.number()?, left_ms: r.maybe()? }
        }
        CALLED => {
            let order = r.number()?;
            let (edge, number) = (r.maybe()?, r.number()?);
            Up::Called(Box::new(Called {
                order,
                name: edge.map(|edge| (edge, number)),
                session: r.number()?,
                request: r.number()?,
                registration: r.number()?,
                input: r.maybe_dict()?,
                answered: r.byte()? != 0,
            }))
        }
        INVOKED_UNTIL => Up::InvokedUntil { session: r.number()?, request: r.number()? },
        SEEN => Up::Seen { edge: r.number()?, number: r.number()?, order: r.number()? },
        KEPT => Up::Kept(r.key()?, r.bytes()?),
        END => Up::End { last: r.number()? },
        NEW => Up::New { number: r.number()?, id: r.maybe()?, op: op(r)? },
        _ => return Err(Error::Malformed),
    };
    if r.is_empty() || matches!(frame, Up::Hello { .. }) { Ok(frame) } else { Err(Error::Malformed) }
}

fn put_op(op: &Op, out: &mut Vec<u8>) {
    match op {
        Op::Join(realm, joining) => {
            out.push(1);
            put_bytes(realm.as_bytes(), out);
            put_joining(joining, out);
        }
        Op::Leave(session) => {
            out.push(2);
            put_number(*session, out);
        }
        Op::Kill(session, reason) => {
            out.push(3);
            put_number(*session, out);
            put_bytes(reason.as_deref().unwrap_or_default().as_bytes(), out);
        }
        Op::Message(session, message) => {
            out.push(4);
            put_number(*session, out);
            put_message(message, out);
        }
        Op::Ask(realm, token, question) => {
            out.push(5);
            put_bytes(realm.as_bytes(), out);
            put_number(*token, out);
            put_bytes(question.0.as_bytes(), out);
            put_payload(&question.1, out);
        }
    }
}

fn op(r: &mut Read) -> Result<Op, Error> {
    Ok(match r.byte()? {
        1 => Op::Join(r.text()?.into(), Rc::new(r.joining()?)),
        2 => Op::Leave(r.number()?),
        3 => Op::Kill(r.number()?, Some(r.text()?).filter(|reason| !reason.is_empty())),
        4 => Op::Message(r.number()?, r.message()?),
        5 => Op::Ask(r.text()?.into(), r.number()?, Rc::new((r.text()?, r.payload()?))),
        _ => return Err(Error::Malformed),
    })
}
