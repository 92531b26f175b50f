//! The hub: the realms of a worker, whose sessions are at its edges.

use super::acks::Unsettled;
use super::down::{put_ack, put_refused};
use super::error::{Error, VERSION};
use super::gather::Gathering;
use super::holders::Holders;
use super::perform::Questions;
use super::up::{Op, Up, read};
use super::wire::take_frame;
use crate::realm::hash::{IdHash, IdMap};
use crate::realm::{Effect, LastingKey, Realm, Stamp};
use crate::{Id, Ids, Now};
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// A link, by which the hub and its driver name it.
pub type Connection = u64;

/// The realms of a worker, whose sessions are at its edges.
#[derive(Debug)]
pub struct Hub {
    pub(super) realms: Vec<Realm>,
    pub(super) names: HashMap<String, usize>,
    /// Where each session is: its realm and its edge.
    pub(super) sessions: IdMap<(usize, u64)>,
    pub(super) links: BTreeMap<Connection, Link>,
    pub(super) edges: BTreeMap<u64, Connection>,
    /// Bytes that were written to each link.
    pub(super) written: BTreeMap<Connection, u64>,
    pub(super) holders: Holders,
    last_connection: Connection,
    /// Counts the steps.
    pub(super) order: u64,
    pub(super) gathering: Option<Gathering>,
    pub(super) questions: Questions,
    pub(super) effects: Vec<Effect>,
    /// Edges that hold the others up, and why.
    pub(super) stuck: Vec<(u64, String)>,
}

/// The link of an edge.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) edge: Option<u64>,
    input: BytesMut,
    pub(super) output: Vec<u8>,
    /// Bytes that were put out so far.
    pub(super) queued: u64,
    /// Up to which number all of the edge's messages are settled.
    pub(super) settled: u64,
    pub(super) unsettled: Unsettled,
    /// What it has told before [`Up::End`].
    pub(super) told: Vec<Up>,
    /// What it has kept.
    pub(super) kept: BTreeMap<LastingKey, Bytes>,
    pub(super) complete: bool,
    /// The number of the last message that it had sent before.
    pub(super) told_until: u64,
    /// The number of the last message that it has sent.
    pub(super) last: u64,
    /// What came after that and has to wait for the others.
    pub(super) later: Vec<(u64, Option<Id>, Op)>,
}

impl Link {
    /// Says what is settled.
    pub(super) fn acknowledge(&mut self, settled: &[(u64, u64)]) {
        let before = self.output.len();
        put_ack(settled, &mut self.output);
        self.queued += (self.output.len() - before) as u64;
    }
}

impl Hub {
    /// Realms without sessions. With no realm at all it tells every session that its realm is there no longer.
    #[must_use]
    pub fn new(mut realms: Vec<Realm>, mut ids: Ids) -> Self {
        realms.iter_mut().for_each(Realm::set_lasting);
        let names = realms.iter().enumerate().map(|(at, realm)| (realm.name().to_owned(), at)).collect();
        Self {
            realms,
            names,
            sessions: IdHash::new(ids.random()).map(),
            links: BTreeMap::new(),
            edges: BTreeMap::new(),
            written: BTreeMap::new(),
            holders: Holders::default(),
            last_connection: 0,
            order: 0,
            gathering: None,
            questions: Questions::default(),
            effects: Vec::new(),
            stuck: Vec::new(),
        }
    }

    /// The realms.
    #[must_use]
    pub fn realms(&self) -> &[Realm] {
        &self.realms
    }

    /// An edge has connected.
    pub fn connected(&mut self) -> Connection {
        self.last_connection += 1;
        self.links.insert(self.last_connection, Link::default());
        self.written.insert(self.last_connection, 0);
        self.last_connection
    }

    /// A link has ended: the sessions of its edge are gone.
    pub fn closed(&mut self, now: Now, connection: Connection) {
        self.written.remove(&connection);
        let Some(edge) = self.links.remove(&connection).and_then(|link| link.edge) else { return };
        if self.edges.get(&edge) != Some(&connection) {
            return;
        }
        self.edges.remove(&edge);
        self.questions.waiting.retain(|(_, _, token, ..)| {
            self.questions.asked.get(token).is_some_and(|(asker, _)| *asker != edge)
        });
        self.questions.asked.retain(|_, (asker, _)| *asker != edge);
        if self.gathering.is_some() {
            return self.look_whether_all_have_told(now);
        }
        let mut gone: Vec<_> = self
            .sessions
            .iter()
            .filter(|(_, (_, own))| *own == edge)
            .map(|(id, (realm, _))| (*id, *realm))
            .collect();
        gone.sort_unstable();
        for (session, realm) in gone {
            self.sessions.remove(&session);
            self.order += 1;
            self.realms[realm].set_order(self.order);
            self.end_session(now, session, edge, realm);
        }
        self.choose_holders();
        self.tell_new_holders();
        self.ask_waiting(now);
    }

    /// Takes bytes of an edge, and does what they say.
    ///
    /// # Errors
    ///
    /// They are no frames of this release; the link is to be closed.
    pub fn received(&mut self, now: Now, connection: Connection, bytes: &[u8]) -> Result<(), Error> {
        self.feed(connection, bytes);
        self.turn(now, connection, usize::MAX).map(drop)
    }

    /// Takes bytes of an edge; what they say is done by [`Self::turn`].
    pub fn feed(&mut self, connection: Connection, bytes: &[u8]) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.input.extend_from_slice(bytes);
        }
    }

    /// Does what the next frames of an edge say, `most` of them at most; tells how many there were.
    ///
    /// # Errors
    ///
    /// They are no frames of this release; the link is to be closed.
    pub fn turn(&mut self, now: Now, connection: Connection, most: usize) -> Result<usize, Error> {
        let mut done = 0;
        while done < most
            && let Some(link) = self.links.get_mut(&connection)
        {
            let Some((kind, frame)) = take_frame(&mut link.input)? else { break };
            let frame = read(kind, frame)?;
            self.frame(now, connection, frame)?;
            done += 1;
        }
        Ok(done)
    }

    fn frame(&mut self, now: Now, connection: Connection, frame: Up) -> Result<(), Error> {
        let gathers = self.gathering.is_some();
        let Some(link) = self.links.get_mut(&connection) else { return Ok(()) };
        match (frame, link.edge) {
            (Up::Hello { version, .. }, _) if version != VERSION => return Err(Error::Version(version)),
            (Up::Hello { edge, settled, .. }, None) if edge != 0 => {
                (link.edge, link.settled, link.last) = (Some(edge), settled, settled);
                self.edges.insert(edge, connection);
            }
            // Numbers only grow, with what is not to be done again left out.
            (Up::New { number, .. }, _) if number <= link.last => return Err(Error::Malformed),
            (Up::New { number, id, op }, Some(edge)) if link.complete && !gathers => {
                link.last = number;
                self.step(now, (edge, number), id, op);
            }
            (Up::New { number, id, op }, Some(_)) if link.complete => {
                link.last = number;
                link.later.push((number, id, op));
            }
            (Up::Again { number, .. }, _) if number > link.settled && number <= link.last => {
                return Err(Error::Malformed);
            }
            (Up::End { last }, _) if last < link.last => return Err(Error::Malformed),
            (Up::End { last }, Some(_)) if !link.complete => {
                (link.complete, link.last, link.told_until) = (true, last, last);
                if gathers {
                    self.look_whether_all_have_told(now);
                } else if !self.realms.is_empty()
                    && link.told.iter().any(|told| matches!(told, Up::Restore { .. }))
                {
                    // This one was waited for in vain, and others were told that its sessions are gone.
                    let before = link.output.len();
                    put_refused(&mut link.output);
                    link.queued += (link.output.len() - before) as u64;
                } else {
                    self.restore(now, &[connection], false);
                    self.choose_holders();
                    self.tell_new_holders();
                }
            }
            (Up::Kept(key, content), Some(_)) if !link.complete => _ = link.kept.insert(key, content),
            (told, Some(_)) if !link.complete => {
                if let Up::Again { number, .. } = told {
                    link.last = link.last.max(number);
                }
                link.told.push(told);
            }
            _ => return Err(Error::Malformed),
        }
        Ok(())
    }

    /// What came of complete edges while others were waited for.
    pub(super) fn go_on(&mut self, now: Now) {
        let connections: Vec<_> = self.links.keys().copied().collect();
        for connection in connections {
            let Some(link) = self.links.get_mut(&connection) else { continue };
            let Some(edge) = link.edge else { continue };
            for (number, id, op) in std::mem::take(&mut link.later) {
                self.step(now, (edge, number), id, op);
            }
        }
    }

    /// Does what an edge wants for the first time.
    fn step(&mut self, now: Now, (edge, number): (u64, u64), id: Option<Id>, op: Op) {
        self.order += 1;
        self.expect(edge, number);
        self.perform(now, Stamp { edge, number, id, again: false }, op);
        self.distribute(Some((edge, number)));
        self.ask_waiting(now);
    }

    /// Notes that a message of an edge is to be settled.
    pub(super) fn expect(&mut self, edge: u64, number: u64) {
        let order = self.order;
        if let Some(link) = self.link_mut(edge) {
            link.unsettled.push(number, order);
        }
    }

    /// Does what was to be done by now.
    pub fn expire(&mut self, now: Now) {
        if self.gathering.as_ref().is_some_and(|gathering| gathering.until <= now.clock) {
            self.give_up_waiting(now);
        }
        if self.gathering.is_some() {
            return;
        }
        for at in 0..self.realms.len() {
            if self.realms[at].next_expiry().is_some_and(|next| next <= now.clock) {
                self.realms[at].set_stamp(Stamp::default());
                self.order += 1;
                self.realms[at].set_order(self.order);
                self.realms[at].expire(now, &mut self.effects);
                self.distribute(None);
            }
        }
        self.ask_waiting(now);
    }

    /// When there is something to be done next, by the clock of [`Now`].
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        if let Some(gathering) = &self.gathering {
            return Some(gathering.until);
        }
        let waiting = self.questions.waiting.iter().map(|(until, ..)| *until);
        self.realms.iter().filter_map(Realm::next_expiry).chain(waiting).min()
    }

    pub(super) fn link_mut(&mut self, edge: u64) -> Option<&mut Link> {
        self.links.get_mut(self.edges.get(&edge)?)
    }

    /// Says what is settled to those whose it is.
    pub fn acknowledge(&mut self) {
        let written = |edge| self.written.get(self.edges.get(&edge)?);
        for link in self.links.values_mut() {
            let is_written = |edge, until| written(edge).is_none_or(|written| *written >= until);
            let settled = link.unsettled.settle(is_written);
            if let Some((number, _)) = settled.last() {
                link.settled = *number;
                link.acknowledge(&settled);
            }
        }
        self.tell_holders();
    }

    /// The bytes for an edge, which are to be written in order.
    pub fn output(&mut self, connection: Connection) -> Option<&mut Vec<u8>> {
        self.links.get_mut(&connection).map(|link| &mut link.output)
    }

    /// So many bytes more were written.
    pub fn written(&mut self, connection: Connection, bytes: usize) {
        if let Some(written) = self.written.get_mut(&connection) {
            *written += bytes as u64;
        }
    }

    /// Edges that the hub goes on without, and why; each is named once.
    pub fn take_stuck(&mut self) -> Vec<(u64, String)> {
        std::mem::take(&mut self.stuck)
    }

    /// The edge at the other end of a link.
    #[must_use]
    pub fn edge_of(&self, connection: Connection) -> Option<u64> {
        self.links.get(&connection)?.edge
    }
}
