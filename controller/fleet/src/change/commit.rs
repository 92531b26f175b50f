//! Putting into effect what is ready.

use crate::effect::{Effect, Tell};
use crate::fleet::Fleet;
use crate::id::{CallerId, WorkerKey};
use crate::operation::{Operation, OperationKind};
use crate::phase::Phase;
use crate::process::Process;
use crate::slot::{Slot, Standing};
use crate::timer::Timer;
use crate::under_way::{Kept, Next, Purpose};
use crate::worker::Worker;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;

impl Fleet {
    /// The new processes begin to serve. From here on nothing can fail but single processes, which are then looked after
    /// as any other.
    pub(super) fn commit(&mut self, next: &mut Next) {
        self.workers.put_into_effect(next.order.clone());
        if let Some(shutdown) = next.shutdown.take() {
            self.shutdown = shutdown;
            self.generation += 1;
        }
        for Kept { key, spec, .. } in &next.kept {
            if let Some(worker) = self.workers.get_mut(*key) {
                worker.spec = spec.clone();
                worker.slots.iter_mut().for_each(|slot| slot.rests = false);
            }
        }
        for &key in &next.added {
            if let Some(worker) = self.workers.get_mut(key) {
                worker.arriving = false;
            }
        }
        self.effects.push(Effect::Commit);
        let now = self.now;
        for &place in &next.arriving {
            let Some(slot) = self.workers.slot_mut(place) else { continue };
            slot.standing = Standing::InEffect;
            let Some(id) = slot.current().filter(|process| process.prepared).map(Process::id) else {
                continue;
            };
            if let Some(process) = self.process_mut(id) {
                process.prepared = false;
                process.told_to_accept = Some(now);
            }
            self.tell(id, Tell::Accept);
            let limit = self.ready_timeout(place.0);
            self.timers.set(self.now + limit, Timer::StartLimit(id));
        }
        for &former in &next.former {
            self.hand_realms_over(former);
        }
        self.listeners_changed = true;
        for former in next.later.iter().filter_map(|(_, former)| *former) {
            self.retire(former);
        }
        self.successors.append(&mut next.later);
    }

    /// Starts workers whose predecessors have ended: what publishes onion services, since tor takes a service from one
    /// only, and guests that have their ports for themselves.
    pub(crate) fn start_successors(&mut self) {
        for (key, former) in std::mem::take(&mut self.successors) {
            if former.is_some_and(|former| self.workers.get(former).is_some()) {
                self.successors.push((key, former));
            } else if self.workers.is_serving(key) && matches!(self.phase, Phase::Running) {
                for (key, slot) in self.workers.places(key) {
                    self.start_slot(key, slot);
                }
            }
        }
    }

    /// Whether all that is new serves, as far as it lives.
    pub(super) fn has_begun(&self, next: &Next) -> bool {
        let starts = |slot: &Slot| slot.state() == State::Starting;
        !next.arriving.iter().any(|&place| self.slot(place).is_some_and(starts))
    }

    /// What is old drains.
    pub(super) fn finish_change(&mut self, purpose: &Purpose, caller: Option<CallerId>, next: Next) {
        for &key in &next.former {
            self.retire(key);
        }
        let mut going = Vec::new();
        for &place in &next.leaving {
            let Some(slot) = self.workers.slot_mut(place) else { continue };
            slot.standing = Standing::Retired;
            going.extend(slot.processes().map(Process::id));
            self.stop_slot(place, None);
        }
        for kept in &next.kept {
            self.put_realms_behind(kept.key, kept.spec.processes);
        }
        let text = match purpose {
            Purpose::Reload => format!("generation {} is in effect: {}", self.generation, next.summary),
            Purpose::Scale(_) | Purpose::Rehearsal | Purpose::Upgrade => next.summary,
        };
        self.log(Level::Info, text.clone());
        self.progress(caller, text);
        match purpose {
            Purpose::Reload | Purpose::Rehearsal | Purpose::Upgrade => self.reply(caller, Ok(())),
            Purpose::Scale(_) => {
                self.operations.push(Operation { kind: OperationKind::Leave(going), caller });
            }
        }
    }

    /// A worker is in the configuration no more.
    fn retire(&mut self, key: WorkerKey) {
        let Some(worker) = self.workers.get_mut(key) else { return };
        worker.spec.endpoints.clear();
        worker.retire_slots();
        self.effects.push(Effect::CloseAll(key));
        for place in self.workers.places(key) {
            self.stop_slot(place, None);
        }
    }

    /// Forgets workers and slots that have no processes and no future.
    pub(crate) fn sweep(&mut self) {
        // A change that is under way has not told those yet that are to go.
        let is_needed = |worker: &Worker| worker.slots.iter().any(|slot| !slot.is_retired());
        let has_ended = |worker: &Worker| worker.processes().next().is_none();
        let gone = self.former().filter(|(_, worker)| has_ended(worker) && !is_needed(worker));
        let gone: Vec<_> = gone.map(|(key, _)| key).collect();
        for key in gone {
            let Some(former) = self.workers.remove(key) else { continue };
            if let Phase::Stopping(stopping) = &mut self.phase {
                stopping.left.retain(|left| *left != key);
            }
            let heir = self.workers.find(former.id());
            self.effects.push(Effect::Remove { worker: key, heir });
        }
        for worker in self.workers.all_mut() {
            while worker.slots.last().is_some_and(|slot| slot.is_retired() && slot.is_empty()) {
                worker.slots.pop();
            }
        }
    }
}
