//! Putting into effect what is ready.

use super::super::due::Due;
use super::super::operation::{Caller, Kind, Operation};
use super::super::stop::Phase;
use super::super::worker::{Work, Worker};
use super::{Kept, Next, Purpose, Supervisor};
use crate::node::Configuration;
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::time::Instant;

impl Supervisor {
    /// The new processes begin to serve. From here on nothing can fail but single processes, which are then looked
    /// after as any other.
    pub(super) fn commit(&mut self, next: &mut Next) {
        next.adjustments.clear();
        self.workers.put_into_effect(next.order.clone());
        if let Some(configuration) = next.configuration.take() {
            self.take_configuration(*configuration);
        }
        for Kept { key, next: wanted, before } in next.kept.drain(..) {
            let worker = &mut self.workers[key];
            let mut wanted = *wanted;
            if matches!(worker.work, Work::Guest(_)) {
                // Programs can't be given the queues of those that go: these end with them.
                for bound in &mut wanted.bound {
                    let former = worker.bound.iter().find(|former| former.transport == bound.transport);
                    former.iter().for_each(|former| bound.give_up_queues_of(former));
                }
            }
            if wanted.slots.len() <= before {
                worker.bound = wanted.bound;
            }
            (worker.work, worker.scaled) = (wanted.work, wanted.scaled);
            worker.take_tls_files(wanted.tls_files);
        }
        for &key in &next.added {
            self.workers[key].arriving = false;
        }
        for bound in self.workers.serving().flat_map(|worker| &worker.bound) {
            if let Err(e) = bound.settle() {
                self.hub.log(Level::Warn, format!("{}: its options can't all be set: {e}", bound.address));
            }
        }
        for &(worker, slot) in &next.arriving {
            let limit = self.workers[worker].common().restart.ready_timeout;
            let slot = self.workers[worker].place(slot);
            slot.arriving = false;
            if let Some(process) = slot.current.as_mut().filter(|process| process.prepared) {
                process.prepared = false;
                process.tell(ToWorker::Accept);
                self.deadlines.push(Instant::now() + limit, Due::StartLimit(process.key()));
            }
        }
        self.listeners_changed = true;
        for former in next.later.iter().filter_map(|(_, former)| *former) {
            self.retire(former);
        }
        self.successors.append(&mut next.later);
        self.secure();
        self.watch_guests();
    }

    fn take_configuration(&mut self, configuration: Configuration) {
        let controller = |configuration: &Configuration| {
            let controller = configuration.loaded.node.as_ref().map(|node| &node.controller);
            controller.map(|controller| (controller.options.title.clone(), controller.id.clone()))
        };
        let (title_before, _) = controller(&self.node.configuration).unwrap_or_default();
        let (title, id) = controller(&configuration).unwrap_or_default();
        if title_before != title {
            let text = "controller.options.title: the title of a process that runs can't be changed; it is taken with \
                        the next start";
            self.hub.log(Level::Warn, text);
        }
        if let Some(id) = id {
            self.node.info.id = id;
        }
        if let Some(node) = &configuration.loaded.node
            && let Err(e) = self.hub.configure(node, false)
        {
            self.hub.log(Level::Error, format!("controller.log: not every sink could be started: {e}"));
        }
        self.tell_log_levels();
        self.node.configuration = configuration;
        self.node.generation += 1;
    }

    /// Starts workers whose predecessors have ended: what publishes onion services, since tor takes a service from one
    /// only, and guests that have their ports for themselves.
    pub(in super::super) fn start_successors(&mut self) {
        for (key, former) in std::mem::take(&mut self.successors) {
            if former.is_some_and(|former| self.workers.get(former).is_some()) {
                self.successors.push((key, former));
            } else if self.workers.is_serving(key) && matches!(self.phase, Phase::Running) {
                for slot in 0..self.workers[key].slots.len() {
                    self.start_slot(key, slot);
                }
            }
        }
    }

    /// Whether all that is new serves, as far as it lives.
    pub(super) fn has_begun(&self, next: &Next) -> bool {
        let starts = |worker, slot: usize| self.workers[worker].slots[slot].state() == State::Starting;
        !next.arriving.iter().any(|&(worker, slot)| starts(worker, slot))
    }

    /// What is old drains.
    pub(super) fn finish_transition(&mut self, purpose: &Purpose, caller: Option<Caller>, next: Next) {
        for &key in &next.former {
            self.retire(key);
        }
        let mut going = Vec::new();
        for &(worker, slot) in &next.leaving {
            let place = self.workers[worker].place(slot);
            place.retired = true;
            going.extend(place.processes().map(|process| process.key()));
            self.stop_slot(worker, slot, None);
        }
        let text = match purpose {
            Purpose::Reload => format!("generation {} is in effect: {}", self.node.generation, next.summary),
            Purpose::Scale(_) | Purpose::Upgrade => next.summary,
        };
        self.hub.log(Level::Info, text.clone());
        let Some(caller) = caller else { return };
        caller.progress(text);
        match purpose {
            Purpose::Reload | Purpose::Upgrade => caller.finish(Ok(())),
            Purpose::Scale(_) => self.operations.push(Operation { kind: Kind::Leave(going), caller }),
        }
    }

    /// A worker has no place in the configuration any more.
    fn retire(&mut self, key: super::WorkerKey) {
        if self.workers.get(key).is_none() {
            return;
        }
        let worker = &mut self.workers[key];
        worker.bound.clear();
        for slot in 0..worker.slots.len() {
            self.workers[key].place(slot).retired = true;
            self.stop_slot(key, slot, None);
        }
    }

    /// Forgets workers and places that have no processes and no future.
    pub(in super::super) fn sweep(&mut self) {
        // A change that is under way has not told those yet that are to go.
        let is_needed = |worker: &Worker| worker.slots.iter().any(|slot| !slot.retired);
        let has_ended = |worker: &Worker| worker.processes().next().is_none();
        let gone = self.former().filter(|(_, worker)| has_ended(worker) && !is_needed(worker));
        let gone: Vec<_> = gone.map(|(key, _)| key).collect();
        for key in gone {
            let Some(former) = self.workers.remove(key) else { continue };
            if let Some(successor) = self.workers.find(former.id()) {
                self.workers[successor].inherit_counters(&former);
            }
        }
        for worker in self.workers.all_mut() {
            while worker.slots.last().is_some_and(|slot| slot.retired && slot.is_empty()) {
                worker.slots.pop();
            }
        }
    }
}
