//! Frames from the hub to an edge.

use super::error::Error;
use super::wire::{Read, begin_frame, end_frame, put_bytes, put_key, put_message, put_number, put_payload};
use crate::realm::LastingKey;
use crate::session::Answer;
use crate::{Id, Message};
use bytes::Bytes;

/// A frame.
#[derive(Debug)]
pub(super) enum Down {
    /// What something has caused for sessions of this edge, all of it.
    Step(Step),
    /// Everything up to the last of these numbers is settled; each comes with the place that the hub had given it.
    Ack(Vec<(u64, u64)>),
    /// The hub has gone on without this edge.
    Refused,
}

/// What something has caused for sessions of an edge.
#[derive(Debug)]
pub(super) struct Step {
    /// What: an edge and a number of it; edge 0 is the hub itself.
    pub(super) cause: (u64, u64),
    /// Up to which number everything of that edge is settled.
    pub(super) floor: u64,
    /// Its place in the hub's order.
    pub(super) order: u64,
    /// It was held up: what came after it may have been done before it.
    pub(super) late: bool,
    pub(super) parts: Vec<Part>,
}

/// One thing among it.
#[derive(Debug)]
pub(super) enum Part {
    /// A message for these sessions.
    Send(Vec<Id>, Message),
    /// INVOCATION for a session, and where its CALL came from.
    Invoke(Id, Option<(u64, u64)>, Message),
    /// The realm has ended a session, for this reason and with this text for people.
    Goodbye(Id, String, Option<String>),
    /// A session has violated the protocol.
    Violation(Id, String),
    /// What an authenticator has answered.
    Answer(u64, Answer),
    /// The CALL of this number waits for a callee, and is to be kept.
    Queued(u64),
    /// This is to be kept for the next hub.
    Keep(LastingKey, Bytes),
    /// That no longer.
    Forget(LastingKey),
    /// Nothing is to be kept here any longer.
    ForgetAll,
}

const STEP: u8 = 1;
const ACK: u8 = 2;
const REFUSED: u8 = 3;
const LATE_STEP: u8 = 4;

/// Begins the frame of a step; parts are appended to it, and [`end_step`] ends it.
pub(super) fn begin_step(cause: (u64, u64), floor: u64, order: u64, late: bool, out: &mut Vec<u8>) -> usize {
    let start = begin_frame(if late { LATE_STEP } else { STEP }, out);
    for number in [cause.0, cause.1, cause.1.saturating_sub(floor), order] {
        put_number(number, out);
    }
    start
}

pub(super) fn end_step(start: usize, out: &mut [u8]) {
    end_frame(start, out);
}

/// Appends a message whose bytes are written already.
pub(super) fn put_send(to: &[Id], message: &[u8], out: &mut Vec<u8>) {
    out.push(1);
    put_number(to.len() as u64, out);
    for id in to {
        put_number(*id, out);
    }
    out.extend_from_slice(message);
}

pub(super) fn put_invoke(to: Id, name: Option<(u64, u64)>, message: &Message, out: &mut Vec<u8>) {
    let (edge, number) = name.unwrap_or_default();
    out.push(2);
    for part in [to, edge, number] {
        put_number(part, out);
    }
    put_message(message, out);
}

pub(super) fn put_goodbye(session: Id, reason: &str, text: Option<&str>, out: &mut Vec<u8>) {
    out.push(3);
    put_number(session, out);
    put_bytes(reason.as_bytes(), out);
    out.push(text.is_some().into());
    put_bytes(text.unwrap_or_default().as_bytes(), out);
}

pub(super) fn put_violation(session: Id, text: &str, out: &mut Vec<u8>) {
    out.push(4);
    put_number(session, out);
    put_bytes(text.as_bytes(), out);
}

pub(super) fn put_answer(token: u64, answer: &Answer, out: &mut Vec<u8>) {
    out.push(5);
    put_number(token, out);
    let (error, payload) = match answer {
        Ok(payload) => ("", payload),
        Err((error, payload)) => (error.as_str(), payload),
    };
    put_bytes(error.as_bytes(), out);
    put_payload(payload, out);
}

pub(super) fn put_queued(number: u64, out: &mut Vec<u8>) {
    out.push(6);
    put_number(number, out);
}

pub(super) fn put_keep(key: LastingKey, content: &[u8], out: &mut Vec<u8>) {
    out.push(7);
    put_key(key, out);
    put_bytes(content, out);
}

pub(super) fn put_forget(key: LastingKey, out: &mut Vec<u8>) {
    out.push(8);
    put_key(key, out);
}

pub(super) fn put_forget_all(out: &mut Vec<u8>) {
    out.push(9);
}

/// Both of each pair are above those before.
pub(super) fn put_ack(settled: &[(u64, u64)], out: &mut Vec<u8>) {
    let start = begin_frame(ACK, out);
    let (mut number, mut order) = (0, 0);
    for pair in settled {
        put_number(pair.0 - number, out);
        put_number(pair.1 - order, out);
        (number, order) = *pair;
    }
    end_frame(start, out);
}

pub(super) fn put_refused(out: &mut Vec<u8>) {
    let start = begin_frame(REFUSED, out);
    end_frame(start, out);
}

pub(super) fn read(kind: u8, mut read: Read) -> Result<Down, Error> {
    let r = &mut read;
    Ok(match kind {
        STEP | LATE_STEP => {
            let cause = (r.number()?, r.number()?);
            let floor = cause.1.saturating_sub(r.number()?);
            let order = r.number()?;
            let mut parts = Vec::with_capacity(1);
            while !r.is_empty() {
                parts.push(part(r)?);
            }
            Down::Step(Step { cause, floor, order, late: kind == LATE_STEP, parts })
        }
        ACK => {
            let (mut settled, mut last) = (Vec::new(), (0_u64, 0_u64));
            while !r.is_empty() {
                let number = last.0.checked_add(r.number()?).ok_or(Error::Malformed)?;
                last = (number, last.1.checked_add(r.number()?).ok_or(Error::Malformed)?);
                settled.push(last);
            }
            Down::Ack(settled)
        }
        REFUSED => Down::Refused,
        _ => return Err(Error::Malformed),
    })
}

fn part(r: &mut Read) -> Result<Part, Error> {
    Ok(match r.byte()? {
        1 => {
            let count = r.number()?;
            let mut to = Vec::with_capacity(count.min(4096) as usize);
            for _ in 0..count {
                to.push(r.number()?);
            }
            Part::Send(to, r.message()?)
        }
        2 => {
            let (to, edge, number) = (r.number()?, r.number()?, r.number()?);
            Part::Invoke(to, (edge != 0).then_some((edge, number)), r.message()?)
        }
        3 => {
            let (session, reason) = (r.number()?, r.text()?);
            let has_text = r.byte()? != 0;
            Part::Goodbye(session, reason, Some(r.text()?).filter(|_| has_text))
        }
        4 => Part::Violation(r.number()?, r.text()?),
        5 => {
            let (token, error) = (r.number()?, r.text()?);
            let payload = r.payload()?;
            Part::Answer(token, if error.is_empty() { Ok(payload) } else { Err((error, payload)) })
        }
        6 => Part::Queued(r.number()?),
        7 => Part::Keep(r.key()?, r.bytes()?),
        8 => Part::Forget(r.key()?),
        9 => Part::ForgetAll,
        _ => return Err(Error::Malformed),
    })
}
