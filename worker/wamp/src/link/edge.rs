//! An edge: the sessions of the clients that are connected to this process.

use super::away::{Deadlines, Ended};
use super::down::{Down, Part, Step, read};
use super::error::Error;
use super::pending::{Calling, Entry, Member, Own, Queued, is_last};
use super::seen::{Coming, Seen};
use super::up::{Op, put_new};
use super::wire::take_frame;
use crate::planted::planted;
use crate::realm::hash::{IdHash, IdMap};
use crate::realm::{CancelMode, Effect, Joining, LastingKey, Realm};
use crate::{Id, Ids, Message, Now, Payload, kind, uri};
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

/// The sessions of one process, whose realms another one has.
#[derive(Debug)]
pub struct Edge {
    pub(super) number: u64,
    pub(super) ids: Ids,
    pub(super) hash: IdHash,
    /// The number of the last message.
    pub(super) last: u64,
    /// Up to this number everything is settled.
    pub(super) settled: u64,
    pub(super) log: VecDeque<Entry>,
    pub(super) log_bytes: usize,
    pub(super) members: IdMap<Member>,
    pub(super) own: IdMap<Own>,
    /// What came from which edge.
    pub(super) seen: HashMap<u64, Seen>,
    /// Questions to authenticators that are not answered, by their tokens.
    pub(super) asks: BTreeMap<u64, Op>,
    /// Calls that were answered here, by session and request, until the hub has answered them, too.
    pub(super) ended: HashMap<(Id, Id), Ended>,
    /// Nothing: a hub has the realms, and sees to them.
    pub(super) deadlines: Option<Deadlines>,
    /// What the hub wants to be kept for its successor.
    pub(super) kept: BTreeMap<LastingKey, Bytes>,
    pub(super) connected: bool,
    pub(super) input: BytesMut,
    pub(super) output: Vec<u8>,
}

impl Edge {
    /// An edge without sessions. No two edges have the same number, which is not 0.
    #[must_use]
    pub fn new(number: u64, mut ids: Ids) -> Self {
        let hash = IdHash::new(ids.random());
        Self {
            number,
            ids,
            hash,
            last: 0,
            settled: 0,
            log: VecDeque::new(),
            log_bytes: 0,
            members: hash.map(),
            own: hash.map(),
            seen: HashMap::new(),
            asks: BTreeMap::new(),
            ended: HashMap::new(),
            deadlines: Some(Deadlines::new()),
            kept: BTreeMap::new(),
            connected: false,
            input: BytesMut::new(),
            output: Vec::new(),
        }
    }

    /// A session joins a realm.
    pub fn join(&mut self, realm: &str, joining: Joining) {
        self.own.insert(joining.session, Own::new(self.hash));
        self.send(None, Op::Join(realm.into(), Rc::new(joining)));
    }

    /// A session has gone. Nothing: there is none with this id.
    pub fn leave(&mut self, session: Id) {
        if let Some(own) = self.own.get_mut(&session).filter(|own| !own.gone) {
            own.gone = true;
            own.calls.clear();
            self.ended.retain(|(of, _), _| *of != session);
            self.send(None, Op::Leave(session));
        }
    }

    /// Has a session ended, wherever it is.
    pub fn kill(&mut self, session: Id, reason: Option<&str>) {
        self.send(None, Op::Kill(session, reason.map(str::to_owned)));
    }

    /// Asks an authenticator, which answers by [`Effect::Answer`] with `token`.
    pub fn ask(&mut self, realm: &str, token: u64, procedure: String, payload: Payload) {
        let op = Op::Ask(realm.into(), token, Rc::new((procedure, payload)));
        self.asks.insert(token, op.clone());
        self.send(None, op);
    }

    /// Takes a message of a session. `realm` has the realm's configuration.
    pub fn receive(&mut self, now: Now, realm: &Realm, session: Id, message: Message, out: &mut Vec<Effect>) {
        let Some(own) = self.own.get_mut(&session).filter(|own| !own.gone) else { return };
        if let Message::Call { request, options, .. } = &message
            && own.is_late_input(*request, is_last(options))
        {
            return;
        }
        let number = self.last + 1;
        let mut id = None;
        match &message {
            Message::Publish { .. } => id = Some(self.ids.id()),
            Message::Call { request, options, procedure, .. } => match own.calls.get_mut(request) {
                Some(calling) => {
                    calling.open = !is_last(options);
                    if !calling.queued.is_empty() {
                        calling.queued.push(Queued { number, order: 0, message: message.clone() });
                    }
                }
                None => {
                    // The hub answers by itself what is asked of itself.
                    let limit = realm.time_limit(options).filter(|_| !uri::is_reserved(procedure));
                    let deadline = limit.map(|limit| now.clock.saturating_add(limit));
                    if let (Some(deadlines), Some(deadline)) = (&mut self.deadlines, deadline) {
                        deadlines.insert((deadline, session, *request));
                    }
                    let open = !is_last(options);
                    own.calls.insert(
                        *request,
                        Calling { name: number, deadline, killed: false, open, queued: Vec::new() },
                    );
                }
            },
            Message::Yield { request, options, .. } if is_last(options) => own.answer(*request, number),
            Message::Error { request_type: kind::INVOCATION, request, .. } => own.answer(*request, number),
            Message::Cancel { request, options } => {
                let is_killed = matches!(CancelMode::parse(options), Ok(Some(CancelMode::Kill)));
                if let Some(calling) = own.calls.get_mut(request).filter(|_| is_killed) {
                    calling.killed = true;
                } else if self.deadlines.is_some() {
                    self.cancel(session, *request, options, number, out);
                }
            }
            _ => {}
        }
        self.send(id, Op::Message(session, message));
    }

    pub(super) fn send(&mut self, id: Option<Id>, op: Op) {
        self.last += 1;
        let before = self.output.len();
        put_new(self.last, id, &op, &mut self.output);
        let bytes = self.output.len() - before;
        if !self.connected {
            self.output.truncate(before);
        }
        self.log_bytes += bytes;
        let sent = self.connected;
        self.log.push_back(Entry { number: self.last, order: 0, id, refused: false, sent, op, bytes });
    }

    /// Bytes of what is not settled.
    #[must_use]
    pub const fn unsettled(&self) -> usize {
        self.log_bytes
    }

    /// Bytes for the hub; they are to be written before any that come later.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// The link has ended, and all that came over it was taken in by [`Self::received`].
    pub fn disconnected(&mut self, out: &mut Vec<Effect>) {
        self.connected = false;
        self.output.clear();
        self.input.clear();
        self.begin_away(out);
    }

    /// Takes bytes of the hub, and does what they say.
    ///
    /// # Errors
    ///
    /// The link is of no use; where it was refused, the sessions are gone.
    pub fn received(&mut self, bytes: &[u8], out: &mut Vec<Effect>) -> Result<(), Error> {
        self.feed(bytes);
        self.turn(usize::MAX, out).map(drop)
    }

    /// Takes bytes of the hub; what they say is done by [`Self::turn`].
    pub fn feed(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Does what the next frames of the hub say, `most` of them at most; tells how many there were.
    ///
    /// # Errors
    ///
    /// The link is of no use; where it was refused, the sessions are gone.
    pub fn turn(&mut self, most: usize, out: &mut Vec<Effect>) -> Result<usize, Error> {
        let mut done = 0;
        while done < most {
            let Some((kind, frame)) = take_frame(&mut self.input)? else { break };
            let frame = read(kind, frame)?;
            // Nothing comes before the hub has the realms.
            self.deadlines = None;
            match frame {
                Down::Step(step) => self.step(step, out),
                Down::Ack(settled) => self.settle(&settled),
                Down::Refused => return Err(Error::Refused),
            }
            done += 1;
        }
        Ok(done)
    }

    fn step(&mut self, step: Step, out: &mut Vec<Effect>) {
        let (edge, number) = step.cause;
        let mut coming = Coming::InOrder;
        if edge != 0 {
            coming = self.seen.entry(edge).or_default().note((number, step.order), step.floor, step.late);
        }
        for part in step.parts {
            let Some(part) = self.keep(part) else { continue };
            // A call that is not answered yet has taken another way than the one that was seen.
            if planted!(EventAgain, false, coming == Coming::Again && !self.ends_call(&part)) {
                continue;
            }
            match part {
                // Who has subscribed since is not to get what was published before, after what came later.
                Part::Send(_, Message::Event { .. }) if coming == Coming::Overtaken => {}
                Part::Send(to, message) => self.deliver((step.cause, step.order), to, message, out),
                Part::Invoke(to, name, message) => self.invoke(step.order, to, name, message, out),
                Part::Goodbye(session, reason, message) => {
                    self.leave(session);
                    out.push(Effect::Goodbye { session, reason, message });
                }
                Part::Violation(session, text) => out.push(Effect::Violation { session, text }),
                Part::Answer(token, answer) => {
                    if self.asks.remove(&token).is_some() {
                        out.push(Effect::Answer { token, answer });
                    }
                }
                Part::Queued(number) => self.queued(number),
                Part::Keep(..) | Part::Forget(_) | Part::ForgetAll => {}
            }
        }
    }

    /// Keeps what the hub wants to be kept; gives back what is something else.
    fn keep(&mut self, part: Part) -> Option<Part> {
        match part {
            Part::Keep(key, content) => _ = planted!(NotKept, None, self.kept.insert(key, content)),
            Part::Forget(key) => _ = self.kept.remove(&key),
            Part::ForgetAll => self.kept.clear(),
            part => return Some(part),
        }
        None
    }

    /// Whether it is the answer to a call that a session waits for.
    fn ends_call(&self, part: &Part) -> bool {
        let Part::Send(to, message) = part else { return false };
        let request = match message {
            Message::Result { request, details, .. } if is_last(details) => request,
            Message::Error { request_type: kind::CALL, request, .. } => request,
            _ => return false,
        };
        let own = to.first().and_then(|session| self.own.get(session));
        own.is_some_and(|own| own.calls.contains_key(request))
    }

    /// The entry of a number, if it is not settled.
    pub(super) fn entry(&mut self, number: u64) -> Option<&mut Entry> {
        let first = self.log.front()?.number;
        self.log.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }

    /// A CALL waits for a callee: it is kept until it is answered.
    fn queued(&mut self, number: u64) {
        let Some(entry) = planted!(ForgottenPayload, None, self.entry(number)) else { return };
        let Op::Message(session, message @ Message::Call { request, .. }) = &entry.op else { return };
        let (session, request, message) = (*session, *request, message.clone());
        let calling = self.own.get_mut(&session).and_then(|own| own.calls.get_mut(&request));
        let is_new = |calling: &&mut Calling| calling.queued.iter().all(|queued| queued.number != number);
        if let Some(calling) = calling.filter(|calling| calling.name == number).filter(is_new) {
            calling.queued.push(Queued { number, order: 0, message });
        }
    }
}

impl Own {
    fn answer(&mut self, request: Id, number: u64) {
        if let Some(working) = self.called.get_mut(&request) {
            working.answer.get_or_insert(number);
            working.called.answered = true;
        }
    }
}
