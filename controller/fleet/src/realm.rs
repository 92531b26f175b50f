//! The realm slot: the last one of a worker whose processes serve clients, and whose realms are routed by one process
//! more. It accepts from no endpoint, so it is lent none and not counted where processes are scaled. Its process is told
//! which of the others there are, its *edges*, and may have one of them ended that holds it up.

use crate::effect::Tell;
use crate::fleet::Fleet;
use crate::id::{ProcessId, WorkerKey};
use crate::phase::Phase;
use crate::planted::planted;
use crate::process::Process;
use crate::slot::Role;
use crate::worker::Worker;
use jackfield_shared::ipc::Part;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::collections::BTreeSet;
use std::time::Duration;

impl Worker {
    /// Index of its realm slot, if it has one.
    #[must_use]
    pub fn realm(&self) -> Option<usize> {
        self.realm
    }

    /// Names of the processes that serve its clients, those that drain, too; none where there is no realm slot.
    #[must_use]
    pub fn edges(&self) -> BTreeSet<ProcessId> {
        let Some(realm) = self.realm else { return BTreeSet::new() };
        let others = self.slots.iter().enumerate().filter(|(index, _)| *index != realm);
        others.flat_map(|(_, slot)| slot.processes()).map(Process::id).collect()
    }

    /// Longest silence of the process in this slot that is not stuck; zero: any.
    pub(crate) fn watchdog(&self, slot: usize) -> Duration {
        let of_realm = self.spec.realm_watchdog.filter(|_| self.realm == Some(slot));
        of_realm.unwrap_or(self.spec.watchdog)
    }
}

impl Fleet {
    /// The part in routing of a process that is about to start in a slot.
    pub(crate) fn part(&mut self, place: (WorkerKey, usize), id: ProcessId) -> Part {
        let Some(worker) = self.workers.get(place.0) else { return Part::Both };
        match worker.realm {
            None => Part::Both,
            Some(realm) if realm != place.1 => Part::Edge { number: id.0 },
            Some(_) => {
                let edges = self.edges(place.0);
                let numbers = edges.iter().map(|edge| edge.0).collect();
                if let Some(process) = self.process_mut(id) {
                    process.edges = Some(edges);
                }
                Part::Realm { edges: numbers }
            }
        }
    }

    /// Tells processes of realm slots which edges there are, where that has changed.
    pub(crate) fn tell_edges(&mut self) {
        let mut told = Vec::new();
        for (key, worker) in self.workers.all() {
            let Some(slot) = worker.realm.and_then(|realm| worker.slots.get(realm)) else { continue };
            let edges = self.edges(key);
            let ends_untold = planted!(self, UntoldEdge, true, false);
            let is_new = |known: &BTreeSet<_>| match ends_untold {
                true => !known.is_superset(&edges),
                false => *known != edges,
            };
            let must_know = |process: &&Process| process.edges.as_ref().is_none_or(is_new);
            let processes = slot.current().into_iter().chain(slot.successor());
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
        let routes = |key, slot| self.workers.get(key).is_some_and(|worker| worker.realm == Some(slot));
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

    /// Puts the realm slot of a worker behind so many others.
    pub(crate) fn put_realm_behind(&mut self, key: WorkerKey, count: usize) {
        let Some(worker) = self.workers.get_mut(key) else { return };
        if let Some(realm) = worker.realm.filter(|realm| *realm != count) {
            worker.slot_at(count);
            self.exchange(key, realm, count);
        }
    }

    /// Stops the processes of a worker. That of its realms is stopped when its edges have ended, which say goodbye with
    /// its help.
    pub(crate) fn stop_worker(&mut self, key: WorkerKey, time: Option<Duration>) {
        let realm = self.workers.get(key).and_then(|worker| worker.realm);
        let realm = planted!(self, EarlyRealm, realm.filter(|_| false), realm);
        if realm.is_some() && !self.realms_to_stop.contains(&key) {
            self.realms_to_stop.push(key);
        }
        for place in self.workers.places(key).filter(|place| Some(place.1) != realm) {
            self.stop_slot(place, time);
        }
    }

    /// Stops processes of realm slots whose edges have ended.
    pub(crate) fn stop_realms(&mut self) {
        for key in std::mem::take(&mut self.realms_to_stop) {
            let Some(worker) = self.workers.get(key) else { continue };
            let Some(realm) = worker.realm else { continue };
            let mut others = worker.slots.iter().enumerate().filter(|(index, _)| *index != realm);
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
            self.stop_slot((key, realm), until.map(|until| until.saturating_duration_since(self.now)));
        }
    }
}
