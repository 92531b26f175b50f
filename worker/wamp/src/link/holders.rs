//! Which edges keep for the next hub what would be lost with this one, and with an edge that dies in the same moment.

use super::down::{begin_step, end_step, put_forget, put_forget_all, put_keep};
use super::hub::{Connection, Hub};
use super::lasting::{self, Past, Record};
use crate::planted::planted;
use crate::realm::{Effect, ForHub, Joining, LastingKey, Stamp};
use crate::{Dict, Id, Now};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};

/// So many edges keep each thing: one of them may die together with the hub.
const HOLDERS: usize = 2;
/// Bytes that wait for an edge that is being told all, at most, beside what is told anyway.
const MOST_WAITING: u64 = 1 << 20;
/// Marks the number by which the end of a session is told from others, if its edge has died.
const END: u64 = 1 << 62;

/// The edges that keep something, and what they are to forget.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub(super) edges: Vec<Holder>,
    /// Those that are to be forgotten, in their order.
    pub(super) gone: VecDeque<Gone>,
}

/// Sessions that have gone by one step.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) sessions: Vec<Id>,
    /// Up to which byte of which edge that has to be written until they may be forgotten.
    pub(super) waits: Vec<(u64, u64)>,
    /// The edge and its message that have caused it.
    pub(super) cause: Option<(u64, u64)>,
}

/// An edge that keeps something.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) edge: u64,
    /// What it was not told yet.
    pub(super) todo: BTreeMap<LastingKey, Vec<u8>>,
    is_new: bool,
    /// Up to which byte it is told all that was there when it was chosen; nothing: it is not yet.
    told: Option<u64>,
    /// Others keep all of it soon, and it forgets it then.
    pub(super) retires: bool,
}

impl Hub {
    /// Whether everything that lasts is kept by as many edges as is possible.
    #[must_use]
    pub fn is_spread(&self) -> bool {
        let edges = self.complete().count();
        let holders = || self.holders.edges.iter().filter(|holder| !holder.retires);
        let written = |edge| self.written.get(self.edges.get(&edge)?).copied();
        let is_told = |holder: &Holder| {
            holder.told.is_some_and(|until| written(holder.edge).is_some_and(|now| now >= until))
        };
        self.gathering.is_none() && holders().count() == HOLDERS.min(edges) && holders().all(is_told)
    }

    fn complete(&self) -> impl Iterator<Item = (u64, Connection)> {
        let complete = |connection: &Connection| self.links.get(connection).is_some_and(|link| link.complete);
        self.edges.iter().filter(move |(_, link)| complete(link)).map(|(edge, link)| (*edge, *link))
    }

    /// Has as many edges keep what lasts as there should be: those that have it already first, then the youngest.
    pub(super) fn choose_holders(&mut self) {
        let complete: Vec<_> = self.complete().collect();
        let is_complete = |edge| complete.iter().any(|(complete, _)| *complete == edge);
        self.holders.edges.retain(|holder| is_complete(holder.edge) && !holder.retires);
        let is_holder = |hub: &Self, edge| hub.holders.edges.iter().any(|holder| holder.edge == edge);
        let mut others: Vec<_> = complete.into_iter().filter(|(edge, _)| !is_holder(self, *edge)).collect();
        others.sort_by_key(|(edge, link)| (self.links[link].kept.len(), *edge));
        let wanted = HOLDERS.saturating_sub(self.holders.edges.len());
        for (at, (edge, link)) in others.into_iter().rev().enumerate() {
            let keeps = !self.links[&link].kept.is_empty();
            if at < wanted || keeps {
                let todo = BTreeMap::new();
                self.holders.edges.push(Holder {
                    edge,
                    todo,
                    is_new: true,
                    told: None,
                    retires: at >= wanted,
                });
            }
        }
    }

    /// Tells those that are new what there is.
    pub(super) fn tell_new_holders(&mut self) {
        for at in 0..self.holders.edges.len() {
            let Holder { edge, is_new, retires, .. } = &mut self.holders.edges[at];
            if !std::mem::take(is_new) || *retires {
                continue;
            }
            let edge = *edge;
            let kept = self.link_mut(edge).map(|link| std::mem::take(&mut link.kept)).unwrap_or_default();
            let mut todo: BTreeMap<_, _> = self.lasting().collect();
            let stale: Vec<_> = kept.keys().filter(|key| !todo.contains_key(key)).copied().collect();
            todo.retain(|key, content| kept.get(key).is_none_or(|had| had != content));
            self.holders.edges[at].todo = todo;
            if !stale.is_empty() {
                self.tell_holder(edge, |out| stale.iter().for_each(|key| put_forget(*key, out)));
            }
        }
        self.tell_holders();
    }

    /// All that lasts.
    fn lasting(&self) -> impl Iterator<Item = (LastingKey, Vec<u8>)> {
        let of_realms = self.realms.iter().flat_map(|realm| {
            realm.lasting().map(|lasting| (lasting.key(), lasting::put(realm.name(), &lasting)))
        });
        let sessions =
            self.sessions.keys().filter_map(|id| Some((LastingKey::Session(*id), self.put_session(*id)?)));
        of_realms.chain(sessions)
    }

    fn tell_holder(&mut self, edge: u64, put: impl FnOnce(&mut Vec<u8>)) {
        let order = self.order;
        let Some(link) = self.link_mut(edge) else { return };
        let before = link.output.len();
        let start = begin_step((0, 0), 0, order, false, &mut link.output);
        put(&mut link.output);
        end_step(start, &mut link.output);
        link.queued += (link.output.len() - before) as u64;
    }

    /// Tells what was not told, as far as there is room, and what is to be forgotten.
    pub(super) fn tell_holders(&mut self) {
        while let Some(Gone { waits, .. }) = self.holders.gone.front() {
            let written = |edge| self.written.get(self.edges.get(&edge)?);
            if !waits.iter().all(|(edge, until)| written(*edge).is_none_or(|written| written >= until)) {
                break;
            }
            let Some(gone) = self.holders.gone.pop_front() else { break };
            self.forget(&gone);
        }
        if self.holders.edges.iter().any(|holder| holder.retires) && self.is_spread() {
            let retires = |holder: &Holder| holder.retires.then_some(holder.edge);
            for edge in self.holders.edges.iter().filter_map(retires).collect::<Vec<_>>() {
                self.tell_holder(edge, put_forget_all);
                if let Some(link) = self.link_mut(edge) {
                    link.kept.clear();
                }
            }
            self.holders.edges.retain(|holder| !holder.retires);
        }
        for at in 0..self.holders.edges.len() {
            let edge = self.holders.edges[at].edge;
            while let Some(connection) = self.edges.get(&edge).copied()
                && let Some(link) = self.links.get(&connection)
                && link.queued.saturating_sub(self.written.get(&connection).copied().unwrap_or_default())
                    < MOST_WAITING
                && let Some((key, content)) = self.holders.edges[at].todo.pop_first()
            {
                self.tell_holder(edge, |out| put_keep(key, &content, out));
            }
            let queued = self.link_mut(edge).map(|link| link.queued);
            let holder = &mut self.holders.edges[at];
            if holder.told.is_none() && !holder.is_new && holder.todo.is_empty() {
                holder.told = queued;
            }
        }
    }

    /// Has edges forget sessions; who has ended them may go itself when that is written: else its session would be taken for
    /// one that has died with it.
    fn forget(&mut self, Gone { sessions, cause, .. }: &Gone) {
        // Some may be back.
        let sessions = sessions.iter().filter(|session| !self.sessions.contains_key(session));
        let keys: Vec<_> = sessions.map(|session| LastingKey::Session(*session)).collect();
        let mut waits = Vec::new();
        for at in 0..self.holders.edges.len() {
            for key in keys.iter().copied() {
                self.holders.edges[at].todo.remove(&key);
                self.tell_holder(self.holders.edges[at].edge, |out| put_forget(key, out));
            }
            let edge = self.holders.edges[at].edge;
            waits.extend(self.link_mut(edge).map(|link| (edge, link.queued)));
        }
        if let Some((edge, number)) = *cause
            && let Some(link) = self.link_mut(edge)
        {
            link.unsettled.forgotten(number, &waits);
        }
    }

    /// Takes in what edges have kept for this hub, before their sessions are restored; gives the sessions among it whose
    /// edges are not there.
    pub(super) fn take_in_kept(&mut self, now: Now, connections: &[Connection]) -> Vec<Past> {
        let mut kept: BTreeMap<LastingKey, Bytes> = BTreeMap::new();
        for link in connections.iter().filter_map(|connection| self.links.get(connection)) {
            kept.extend(link.kept.iter().map(|(key, content)| (*key, content.clone())));
        }
        let mut dead = Vec::new();
        for (key, content) in kept {
            match lasting::read(key, &content) {
                Ok(Record::Session(past)) if !self.edges.contains_key(&past.edge) => {
                    if planted!(ForgottenDead, false, true) {
                        dead.push(past);
                    }
                }
                Ok(Record::Realm(realm, lasting)) => {
                    self.order = self.order.max(lasting.order());
                    if let Some(&at) = self.names.get(&realm) {
                        self.realms[at].restore_lasting(now, lasting);
                    }
                }
                // It is told by its edge, or is of another release.
                Ok(Record::Session(_)) | Err(_) => {}
            }
        }
        dead
    }

    /// Lets sessions go whose edges have died together with the hub before.
    pub(super) fn end_dead(&mut self, now: Now, dead: Vec<Past>) {
        for Past { realm, edge, session, authid, authrole, testaments } in dead {
            let Some(&at) = self.names.get(&realm).filter(|_| !self.sessions.contains_key(&session)) else {
                continue;
            };
            self.order += 1;
            self.realms[at].set_order(self.order);
            self.realms[at].set_stamp(Stamp { again: true, ..Stamp::default() });
            let joining = Joining {
                session,
                authid,
                authrole,
                authmethod: String::new(),
                authprovider: String::new(),
                authextra: None,
                transport: Dict::new(),
                features: Default::default(),
            };
            self.realms[at].join(now, joining, &mut self.effects);
            for testament in testaments {
                self.realms[at].redo(now, session, testament, &mut self.effects);
            }
            // Nobody is told again what was told then.
            self.effects.clear();
            self.end_session(now, session, edge, at);
        }
    }

    /// Lets a session go whose edge has died; who has heard of it from a hub before does not hear of it again.
    pub(super) fn end_session(&mut self, now: Now, session: Id, edge: u64, at: usize) {
        let edge = planted!(LeftAgain, 0, edge);
        let stamp = Stamp { edge, number: END | session, id: None, again: true };
        self.effects.push(Effect::Hub(ForHub::Cause(stamp)));
        self.realms[at].set_stamp(Stamp { again: true, ..Stamp::default() });
        self.realms[at].leave(now, session, &mut self.effects);
        self.effects.push(Effect::Hub(ForHub::Gone(session)));
        self.distribute(None);
    }
}
