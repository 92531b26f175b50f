//! Realm slots: what their processes know and are given, and what they may have done.

use crate::configuration::{below, chance};
use crate::process::Simulated;
use crate::world::World;
use jackfield_fleet::{Event, News, ProcessId, Role, Slot, Worker, WorkerKey};
use jackfield_shared::ipc::Part;
use jackfield_shared::status::State;
use std::collections::BTreeSet;

impl World {
    /// The edges that a process which is about to start is told of, if it routes realms. Its part is that of its slot, which
    /// may have another index by now.
    pub(crate) fn edges_at_start(
        &self,
        id: ProcessId,
        (key, slot): (WorkerKey, usize),
        part: &Part,
    ) -> Result<Option<BTreeSet<ProcessId>>, String> {
        let realms = self.fleet.worker(key).map(Worker::realms).unwrap_or_default();
        let slot = self.fleet.locate(id).map_or(slot, |(_, slot, _)| slot);
        let of_slot = realms.iter().position(|realm| *realm == slot);
        match (part, of_slot) {
            (Part::Both, None) if realms.is_empty() => Ok(None),
            (Part::Edge { number }, None) if !realms.is_empty() && *number == id.0 => Ok(None),
            (Part::Realm { number, edges, .. }, Some(of_slot)) if usize::from(*number) == of_slot => {
                Ok(Some(edges.iter().copied().map(ProcessId).collect()))
            }
            _ => Err(format!("slot {slot} starts as {part:?}, and the realm slots are {realms:?}")),
        }
    }

    /// The realm process of a worker that is stopped outlives its edges, unless another one has taken over.
    pub(crate) fn edges_end_first(&self, id: ProcessId) -> Result<(), String> {
        let is_told_first = self.processes.get(&id).is_some_and(|process| process.ends_by.is_none());
        let Some((key, index, _)) = self.fleet.locate(id).filter(|_| is_told_first) else { return Ok(()) };
        let Some(worker) = self.fleet.worker(key).filter(|worker| worker.realms().contains(&index)) else {
            return Ok(());
        };
        let slot = &worker.slots()[index];
        if slot.is_retired() || slot.current().is_some() || worker.edges().is_empty() {
            return Ok(());
        }
        Err(format!("{id:?} routes realms and is to drain, and {:?} are left", worker.edges()))
    }

    /// The id of a worker.
    fn id_of(&self, key: WorkerKey) -> Option<&String> {
        self.fleet.worker(key).map(|worker| &worker.spec().id)
    }

    /// Sessions stay while their process drains only where their realms are routed, or soon will be.
    pub(crate) fn sessions_that_stay_are_routed(&self) -> Result<(), String> {
        for (id, process) in self.processes.iter().filter(|(_, process)| process.sessions_stay) {
            let former = self.id_of(process.worker);
            let worker = self.fleet.serving().find(|(_, worker)| Some(&worker.spec().id) == former);
            let is_routed = worker.is_some_and(|(_, worker)| {
                let comes =
                    |slot: &Slot| matches!(slot.state(), State::Starting | State::Ready | State::Backoff);
                let mut realms = worker.realms().iter().filter_map(|realm| worker.slots().get(*realm));
                realms.any(comes)
            });
            if !is_routed || self.fleet.is_stopping() {
                return Err(format!("{id:?} drains, its sessions stay, and nobody routes their realms"));
            }
        }
        Ok(())
    }

    /// The realm slots are the last of their worker, in order, each as often as it is to be.
    pub(crate) fn realms_come_last(&self) -> Result<(), String> {
        for (_, worker) in self.fleet.serving() {
            let (id, realms, wanted) = (&worker.spec().id, worker.realms(), worker.spec().realm_processes);
            let first = worker.acceptors().map(|(index, _)| index + 1).max().unwrap_or_default();
            let in_order: Vec<_> =
                (0..wanted).map(|number| realms.first().map_or(0, |at| at + number)).collect();
            if realms != in_order || realms.first().is_some_and(|at| *at < first) {
                return Err(format!(
                    "{id}: the realm slots are {realms:?}, and {wanted} are to come after {first} others"
                ));
            }
        }
        Ok(())
    }

    /// What becomes of a realm process that ends by itself is no matter of the others that there are.
    pub(crate) fn other_realms_go_on(
        &self,
        ended: ProcessId,
    ) -> impl Fn(&Self) -> Result<(), String> + use<> {
        let was_left = self
            .processes
            .get(&ended)
            .is_some_and(|process| process.number.is_some() && process.ends_by.is_none());
        // One that hangs may be ended in the same moment, and a change may come to something, or to nothing.
        let is_quiet = was_left && !self.fleet.is_changing() && !self.fleet.is_stopping();
        let goes_on = |process: &Simulated| {
            process.number.is_some()
                && !process.is_doomed
                && process.ends_by.is_none()
                && process.hangs_since.is_none()
        };
        let others: Vec<_> = self
            .processes
            .iter()
            .filter(|(_, process)| is_quiet && goes_on(process))
            .map(|(id, _)| *id)
            .collect();
        move |world| {
            let touched = |id: &&ProcessId| world.processes.get(id).is_none_or(|process| !goes_on(process));
            match others.iter().filter(|id| **id != ended).find(touched) {
                Some(other) if !world.fleet.is_stopping() => Err(format!(
                    "{ended:?} has ended, which routed realms, and {other:?}, which routes others, is ended for that"
                )),
                _ => Ok(()),
            }
        }
    }

    /// A realm slot has none of its worker's sockets, and knows all edges there are.
    pub(crate) fn realms_are_routed(&self) -> Result<(), String> {
        for (key, worker) in self.fleet.workers() {
            for (number, index) in worker.realms().iter().enumerate() {
                self.a_realm_is_routed((key, worker), (number, *index))?;
            }
        }
        Ok(())
    }

    fn a_realm_is_routed(
        &self,
        (key, worker): (WorkerKey, &Worker),
        (number, index): (usize, usize),
    ) -> Result<(), String> {
        let is_serving = self.fleet.serving().any(|(serving, _)| serving == key);
        let id = &worker.spec().id;
        let Some(slot) = worker.slots().get(index) else {
            // Of a worker that is gone it may have ended before the others.
            if is_serving {
                return Err(format!("{id}: its realm slot is gone"));
            }
            return Ok(());
        };
        if is_serving && !slot.is_active() {
            return Err(format!("{id}: its realm slot, {index}, is not in effect"));
        }
        let runs = |id: &ProcessId| self.processes.contains_key(id);
        let edges: BTreeSet<_> = self
            .processes
            .iter()
            .filter(|(_, process)| {
                // Those of an earlier configuration have clients while they drain, those of one to come have none.
                let is_edge = |worker: &Worker| worker.spec().id == *id && !worker.realms().is_empty();
                let has_clients =
                    || process.is_ready && self.fleet.worker(process.worker).is_some_and(is_edge);
                process.edges.is_none() && (process.worker == key || has_clients())
            })
            .map(|(id, _)| *id)
            .collect();
        let told = slot.current().into_iter().chain(slot.successor()).map(|process| process.id());
        for process in told.filter(runs) {
            let known = &self.processes[&process];
            if known.number.map(usize::from) != Some(number) {
                let is = known.number;
                return Err(format!(
                    "{id}: {process:?} is number {is:?} of those that route, in the slot of number {number}"
                ));
            }
            if !known.sockets.is_empty() {
                return Err(format!("{id}: {process:?} routes realms and accepts from {:?}", known.sockets));
            }
            let is_told_again = self.is_to_be_told_again(process);
            if known.edges.as_ref() != Some(&edges) && !is_told_again {
                return Err(format!("{id}: {process:?} knows of {:?}; there are {edges:?}", known.edges));
            }
        }
        Ok(())
    }

    /// A process says that another one holds it up; it is ended if it is an edge of the one that says so.
    pub(crate) fn says_that_an_edge_is_stuck(&mut self, other: Option<ProcessId>) -> Result<(), String> {
        let can_speak = |id: &ProcessId| {
            self.processes.get(id).is_some_and(|p| {
                p.hangs_since.is_none() && p.edges.is_some() && !p.is_doomed && p.ends_by.is_none()
            })
        };
        let routing: Vec<_> = self.processes.keys().copied().filter(can_speak).collect();
        if routing.is_empty() {
            return Ok(());
        }
        let realm = routing[below(&mut self.random, routing.len() as u64) as usize];
        let edges: Vec<_> = self.processes[&realm].edges.iter().flatten().copied().collect();
        let own = (!edges.is_empty() && chance(&mut self.random, 80))
            .then(|| edges[below(&mut self.random, edges.len().max(1) as u64) as usize]);
        let Some(edge) = own.or(other) else { return Ok(()) };
        let is_doomed = |world: &Self, id| world.processes.get(&id).is_none_or(|process| process.is_doomed);
        // One that hangs may be ended in the same moment, for that.
        let hangs = self.processes.get(&edge).is_some_and(|process| process.hangs_since.is_some());
        let (was_doomed, is_edge) = (hangs || is_doomed(self, edge), edges.contains(&edge));
        // An edge that it was not told of may have connected to it already.
        let worker = |id| self.processes.get(&id).and_then(|process| self.id_of(process.worker));
        let may_know = worker(edge) == worker(realm);
        // One that is to drain, and may not know it yet, is not heeded.
        let drains = self.fleet.locate(realm).is_some_and(|(_, _, role)| role == Role::Leaving);
        self.feed(Event::Said(realm, News::Stuck(edge, "it does not read".into())))?;
        match is_doomed(self, edge) {
            false if is_edge && !drains => Err(format!("{edge:?} holds up {realm:?}, and is left alone")),
            true if !may_know && !was_doomed => {
                Err(format!("{edge:?} is no edge of {realm:?}, and is ended"))
            }
            _ => Ok(()),
        }
    }
}
