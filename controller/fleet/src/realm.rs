//! Realm slots: the last ones of a worker whose processes serve clients, and whose realms are routed by others, each of which
//! has its own realms. They accept from no endpoint, so they are lent none and not counted where processes are scaled. Their
//! processes are told which *edges* there are, those that serve clients, and may have one of them ended that holds them up.
//! They have nothing to do with each other: what becomes of one is no matter of another one.

use crate::effect::Tell;
use crate::fleet::Fleet;
use crate::id::{ProcessId, WorkerKey};
use crate::phase::Phase;
use crate::planted::planted;
use crate::process::Process;
use crate::slot::{Role, Slot};
use crate::worker::Worker;
use jackfield_shared::ipc::Part;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::collections::BTreeSet;
use std::time::Duration;

impl Worker {
    /// Indices of its realm slots, in the order of their numbers.
    #[must_use]
    pub fn realms(&self) -> &[usize] {
        &self.realms
    }

    /// Whether a slot is one of them.
    pub(crate) fn routes(&self, slot: usize) -> bool {
        self.realms.contains(&slot)
    }

    /// Its realm slots.
    pub(crate) fn realm_slots(&self) -> impl Iterator<Item = &Slot> {
        self.realms.iter().filter_map(|index| self.slots.get(*index))
    }

    /// Names of the processes that serve its clients, those that drain, too; none where there is no realm slot.
    #[must_use]
    pub fn edges(&self) -> BTreeSet<ProcessId> {
        if self.realms.is_empty() {
            return BTreeSet::new();
        }
        let others = self.slots.iter().enumerate().filter(|(index, _)| !self.routes(*index));
        others.flat_map(|(_, slot)| slot.processes()).map(Process::id).collect()
    }

    /// Longest silence of the process in this slot that is not stuck; zero: any.
    pub(crate) fn watchdog(&self, slot: usize) -> Duration {
        if self.routes(slot) { self.spec.realm_watchdog } else { self.spec.watchdog }
    }
}

impl Fleet {
    /// The part in routing of a process that is about to start in a slot.
    pub(crate) fn part(&mut self, place: (WorkerKey, usize), id: ProcessId) -> Part {
        let Some(worker) = self.workers.get(place.0) else { return Part::Both };
        if worker.realms.is_empty() {
            return Part::Both;
        }
        let Some(number) = worker.realms.iter().position(|realm| *realm == place.1) else {
            return Part::Edge { number: id.0 };
        };
        let edges = self.edges(place.0);
        let numbers = edges.iter().map(|edge| edge.0).collect();
        if let Some(process) = self.process_mut(id) {
            process.edges = Some(edges);
        }
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        Part::Realm { number, edges: numbers, listeners: 1 }
    }

    /// Tells processes of realm slots which edges there are, where that has changed.
    pub(crate) fn tell_edges(&mut self) {
        let mut told = Vec::new();
        for (key, worker) in self.workers.all() {
            let edges = self.edges(key);
            let ends_untold = planted!(self, UntoldEdge, true, false);
            let is_new = |known: &BTreeSet<_>| match ends_untold {
                true => !known.is_superset(&edges),
                false => *known != edges,
            };
            let must_know = |process: &&Process| process.edges.as_ref().is_none_or(is_new);
            let slots = worker.realm_slots();
            let most = planted!(self, OneUntold, 1, usize::MAX);
            let processes =
                slots.take(most).flat_map(|slot| slot.current().into_iter().chain(slot.successor()));
            told.extend(processes.filter(must_know).map(|process| (process.id, edges.clone())));
        }
        for (id, edges) in told {
            self.tell(id, Tell::Edges(edges.iter().copied().collect()));
            if let Some(process) = self.process_mut(id) {
                process.edges = Some(edges);
            }
        }
    }

    /// The process of a realm slot goes on without an edge, which holds it up: it is ended, and replaced as usual.
    pub(crate) fn edge_is_stuck(&mut self, realm: ProcessId, edge: ProcessId, reason: String) {
        let routes = |key, slot| self.workers.get(key).is_some_and(|worker| worker.routes(slot));
        let id = |key| self.workers.get(key).map(Worker::id);
        match (self.locate(realm), self.locate(edge)) {
            // It has ended already.
            (_, None) => {}
            // One that drains has let its links go.
            (Some((key, slot, role)), Some((of_edge, edge_slot, _)))
                if role != Role::Leaving
                    && routes(key, slot)
                    && id(key) == id(of_edge)
                    && !routes(of_edge, edge_slot) =>
            {
                planted!(self, StuckEdge, {
                    return;
                });
                self.kill(edge, format!("it holds up its realm process: {reason}"));
            }
            _ => {
                let text = format!("says that process {} is stuck, which is none of its edges", edge.0);
                self.log_of(realm, Level::Warn, text);
            }
        }
    }

    /// Puts the realm slots of a worker behind so many others, in order.
    pub(crate) fn put_realms_behind(&mut self, key: WorkerKey, count: usize) {
        let Some(worker) = self.workers.get_mut(key) else { return };
        let mut moves: Vec<_> =
            worker.realms.iter().copied().enumerate().map(|(number, from)| (from, count + number)).collect();
        if let Some((_, to)) = moves.last() {
            worker.slot_at(*to);
        }
        // None moves to where another one is still.
        let rises = moves.first().is_some_and(|(from, to)| to > from);
        if planted!(self, MixedRealms, false, rises) {
            moves.reverse();
        }
        for (from, to) in moves.into_iter().filter(|(from, to)| from != to) {
            self.exchange(key, from, to);
        }
    }

    /// Stops the processes of a worker. Those of its realms are stopped when its edges have ended, which say goodbye with
    /// their help.
    pub(crate) fn stop_worker(&mut self, key: WorkerKey, time: Option<Duration>) {
        let realms = self.workers.get(key).map(|worker| worker.realms.clone()).unwrap_or_default();
        let realms = planted!(self, EarlyRealm, Vec::new(), realms);
        if !realms.is_empty() && !self.realms_to_stop.contains(&key) {
            self.realms_to_stop.push(key);
        }
        for place in self.workers.places(key).filter(|place| !realms.contains(&place.1)) {
            self.stop_slot(place, time);
        }
    }

    /// Stops processes of realm slots whose edges have ended.
    pub(crate) fn stop_realms(&mut self) {
        for key in std::mem::take(&mut self.realms_to_stop) {
            let Some(worker) = self.workers.get(key) else { continue };
            let mut others = worker.slots.iter().enumerate().filter(|(index, _)| !worker.routes(*index));
            if others.any(|(_, slot)| matches!(slot.state(), State::Starting | State::Ready | State::Backoff))
            {
                // Somebody has started them again.
                continue;
            }
            if !self.edges(key).is_empty() {
                self.realms_to_stop.push(key);
                continue;
            }
            let until = match &self.phase {
                Phase::Stopping(stopping) => stopping.until,
                Phase::Running => None,
            };
            let time = until.map(|until| until.saturating_duration_since(self.now));
            for realm in worker.realms.clone() {
                self.stop_slot((key, realm), time);
            }
        }
    }
}
