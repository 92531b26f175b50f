//! Going on from where another image of the executable has stopped.

use crate::fleet::Fleet;
use crate::heartbeat;
use crate::id::{Inode, ProcessId, WorkerKey};
use crate::process::Process;
use crate::slot::{Role, Slot, Standing};
use crate::spec::Spec;
use crate::timer::Timer;
use crate::worker::Worker;
use jackfield_shared::status::{Exit, State};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// A worker as the image before has left it.
#[derive(Clone, Debug)]
pub struct WorkerBefore {
    /// What is wanted of it.
    pub spec: Spec,
    /// Whether it is in effect.
    pub is_serving: bool,
    /// The generation of the configuration that its processes are started with.
    pub generation: u64,
    /// Which of its slots are its realm slots.
    pub realms: Vec<usize>,
    /// Its slots.
    pub slots: Vec<SlotBefore>,
}

/// A slot as the image before has left it.
#[derive(Clone, Debug)]
pub struct SlotBefore {
    /// Its state.
    pub state: State,
    /// Why it is in it.
    pub reason: Option<String>,
    /// Whether there is to be no process here any more.
    pub is_retired: bool,
    /// How often a process was started after its predecessor had ended by itself.
    pub restarts: u64,
    /// How the last process ended.
    pub last_exit: Option<Exit>,
    /// Its processes.
    pub processes: Vec<(Role, ProcessBefore)>,
}

/// A process as the image before has left it.
#[derive(Clone, Debug)]
pub struct ProcessBefore {
    /// Its name.
    pub id: ProcessId,
    /// When it was spawned.
    pub spawned: Instant,
    /// When it said READY.
    pub ready: Option<Instant>,
    /// The generation of the configuration that it was started with.
    pub generation: u64,
    /// Inodes of the sockets it accepts from.
    pub listening: BTreeSet<Inode>,
    /// Whether it has no room for sockets of others.
    pub is_full: bool,
    /// Whether it has accepted a connection.
    pub worked: bool,
    /// Whether its silence means that it is stuck.
    pub watched: bool,
    /// When it must have ended, if it drains.
    pub leaves_by: Option<Instant>,
    /// Whether its sessions may stay until then.
    pub sessions_stay: bool,
    /// Why it ends.
    pub reason: Option<String>,
}

impl ProcessBefore {
    fn restore(self) -> Process {
        let mut process = Process::new(self.id, self.spawned, self.generation, self.watched);
        process.ready = self.ready;
        process.listening = self.listening;
        process.is_full = self.is_full;
        process.worked = self.worked;
        process.leaves_by = self.leaves_by;
        process.sessions_stay = self.sessions_stay;
        process.reason = self.reason;
        process
    }
}

impl Fleet {
    /// Takes in workers and their processes, in place of those that there are; returns their keys. Names of processes
    /// begin with this number.
    pub fn restore(
        &mut self,
        now: Instant,
        workers: Vec<WorkerBefore>,
        generation: u64,
        next_process: u64,
    ) -> Vec<WorkerKey> {
        self.now = now;
        (self.generation, self.next_process) = (generation, next_process.max(1));
        (self.is_starting, self.listeners_changed) = (false, true);
        let (mut keys, mut serving) = (Vec::new(), Vec::new());
        for before in workers {
            let key = self.workers.next_key();
            keys.push(key);
            if before.is_serving {
                serving.push(key);
            }
            self.restore_worker(key, before);
        }
        self.workers.put_into_effect(serving);
        keys
    }

    fn restore_worker(&mut self, key: WorkerKey, before: WorkerBefore) {
        let mut worker = Worker::new(before.spec, before.generation);
        if !before.is_serving {
            worker.realms = before.realms;
        }
        let wanted = if before.is_serving { worker.slots.len() } else { 0 };
        for (index, slot) in before.slots.into_iter().enumerate() {
            let has_been_ready = |(_, process): &(Role, ProcessBefore)| process.ready.is_some();
            worker.was_ready |= slot.processes.iter().any(has_been_ready);
            let processes = slot.processes.into_iter().map(|(role, process)| (role, process.restore()));
            let place = worker.slot_at(index);
            place.restore(slot.state, slot.reason, processes.collect());
            (place.restarts, place.last_exit) = (slot.restarts, slot.last_exit);
            if slot.is_retired || index >= wanted {
                place.standing = Standing::Retired;
            }
            self.places.extend(place.processes().map(|process| (process.id, (key, index))));
        }
        for (index, slot) in worker.slots.iter().enumerate() {
            let limits = (heartbeat::interval(worker.watchdog(index)), worker.spec.ready_timeout);
            self.plan_for((key, index), slot, limits);
        }
        self.workers.add(key, worker);
    }

    /// Plans what is to be done with the processes of a slot.
    fn plan_for(&mut self, place: (WorkerKey, usize), slot: &Slot, (interval, limit): (Duration, Duration)) {
        for process in slot.processes() {
            let (at, timer) = match (process.leaves_by, process.ready) {
                (Some(by), _) => (by, Timer::Terminate(process.id)),
                (None, Some(_)) => (self.now + interval, Timer::Heartbeat(process.id)),
                (None, None) => (self.now + limit, Timer::StartLimit(process.id)),
            };
            self.timers.set(at, timer);
        }
        if slot.state() == State::Backoff {
            let restart = Timer::Restart { worker: place.0, slot: place.1, changes: slot.changes() };
            self.timers.set(self.now, restart);
        }
    }
}
