//! Another image of the executable takes over: the fleet is built up anew from what is known of it.

use crate::configuration::chance;
use crate::world::World;
use jackfield_fleet::{
    Event, Fleet, ProcessBefore, ProcessId, Role, Settings, Slot, SlotBefore, Worker, WorkerBefore,
};
use std::collections::{BTreeMap, BTreeSet};

impl World {
    /// The new image was tried.
    pub(crate) fn tried(&mut self) -> Result<(), String> {
        if chance(&mut self.random, 20) {
            return self.feed(Event::NotPlanned("it can't take over".into()));
        }
        self.feed(Event::Tried)
    }

    /// Lets another image go on.
    pub(crate) fn hand_over(&mut self) -> Vec<Event> {
        let caller = self.fleet.change_caller();
        let outdated: BTreeSet<_> = self.processes.keys().copied().collect();
        if chance(&mut self.random, 30) {
            return vec![Event::NotPlanned("it could not be executed".into())];
        }
        let serving: Vec<_> = self.fleet.serving().map(|(key, _)| key).collect();
        let all: Vec<_> = self.fleet.workers().map(|(key, _)| key).collect();
        let order: Vec<_> =
            serving.iter().chain(all.iter().filter(|key| !serving.contains(key))).copied().collect();
        let before: Vec<_> = order
            .iter()
            .filter_map(|key| Some(worker(self.fleet.worker(*key)?, serving.contains(key))))
            .collect();
        let settings = Settings { parallel_starts: 2, seed: self.seed };
        let mut fleet = Fleet::new(self.now, settings, Vec::new(), Vec::new());
        fleet.plant(self.fault);
        let next = self.processes.keys().map(|ProcessId(id)| id + 1).max().unwrap_or(0) + 100_000;
        let keys = fleet.restore(self.now, before, self.fleet.generation(), next);
        let new: BTreeMap<_, _> = order.iter().copied().zip(keys).collect();
        self.bound = self
            .bound
            .iter()
            .filter_map(|(key, endpoints)| Some((*new.get(key)?, endpoints.clone())))
            .collect();
        for process in self.processes.values_mut() {
            if let Some(key) = new.get(&process.worker) {
                process.worker = *key;
            }
        }
        let wants_reload = self.fleet.wants_reload().then_some(Event::ReloadWanted("before"));
        self.fleet = fleet;
        self.handed_over_at = self.now;
        // What callers waited for is not known to the new image.
        for asked in self.asked.values_mut().filter(|asked| asked.answers.is_empty()) {
            if !asked.what.starts_with("Upgrade") {
                asked.answers.push(Ok(()));
            }
        }
        self.forget_slots();
        self.count("handover");
        [Event::TookOver(caller, outdated)].into_iter().chain(wants_reload).collect()
    }
}

fn worker(worker: &Worker, is_serving: bool) -> WorkerBefore {
    WorkerBefore {
        spec: worker.spec().clone(),
        is_serving,
        generation: worker.generation(),
        realms: worker.realms().to_vec(),
        slots: worker.slots().iter().map(slot).collect(),
    }
}

fn slot(slot: &Slot) -> SlotBefore {
    let process = |process: &jackfield_fleet::Process| {
        let before = ProcessBefore {
            id: process.id(),
            spawned: process.spawned(),
            ready: process.ready(),
            generation: process.generation(),
            listening: process.listening().clone(),
            is_full: process.is_full(),
            worked: false,
            watched: process.is_watched(),
            leaves_by: process.leaves_by(),
            sessions_stay: process.sessions_stay(),
            reason: process.reason().map(ToOwned::to_owned),
        };
        (slot.role(process.id()).unwrap_or(Role::Leaving), before)
    };
    SlotBefore {
        state: slot.state(),
        reason: slot.reason().map(ToOwned::to_owned),
        is_retired: slot.is_retired(),
        restarts: slot.restarts(),
        last_exit: slot.last_exit().cloned(),
        processes: slot.processes().map(process).collect(),
    }
}
