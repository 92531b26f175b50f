//! Starting and stopping workers in their order.

use crate::fleet::Fleet;
use crate::id::WorkerKey;
use crate::order::{Member, Stage, may_start, may_stop};
use crate::phase::Phase;
use crate::planted::planted;
use crate::worker::Worker;
use jackfield_shared::status::State;

fn member(worker: &Worker) -> Member<'_> {
    Member { id: worker.id(), links: &worker.spec.links }
}

impl Fleet {
    /// Starts those that wait, as far as it is their turn.
    pub(crate) fn start_waiting(&mut self) {
        if self.to_start.is_empty() || !matches!(self.phase, Phase::Running) {
            return;
        }
        let keys = self.workers.keys();
        self.to_start.retain(|key| keys.contains(key));
        let stage = |key: WorkerKey, worker: &Worker| {
            let is_moving = |state| matches!(state, State::Starting | State::Backoff | State::Draining);
            if self.to_start.contains(&key) {
                Stage::Waiting
            } else if worker.active().any(|(_, slot)| is_moving(slot.state())) {
                Stage::Moving
            } else {
                Stage::Arrived
            }
        };
        let serving: Vec<_> = self.workers.serving().collect();
        let members: Vec<_> = serving.iter().map(|(_, worker)| member(worker)).collect();
        let stages: Vec<_> = serving.iter().map(|(key, worker)| stage(*key, worker)).collect();
        let turn: Vec<_> = may_start(&members, &stages).into_iter().map(|index| serving[index].0).collect();
        let turn = planted!(self, NoOrder, self.to_start.clone(), turn);
        for key in turn {
            self.to_start.retain(|waiting| *waiting != key);
            for place in self.workers.places(key) {
                // Somebody may have started it by hand.
                if self.slot(place).is_some_and(|slot| slot.is_empty()) {
                    self.start_slot(place.0, place.1);
                }
            }
        }
    }

    /// Stops those that are left, as far as it is their turn; one without processes is done with at once.
    pub(crate) fn stop_left(&mut self) {
        while self.stop_next() {}
    }

    /// Stops those whose turn it is; returns whether there were some.
    fn stop_next(&mut self) -> bool {
        let Phase::Stopping(stopping) = &self.phase else { return false };
        if stopping.left.is_empty() {
            return false;
        }
        let stage = |key: WorkerKey, worker: &Worker| {
            if stopping.left.contains(&key) {
                Stage::Waiting
            } else if worker.processes().next().is_some() {
                Stage::Moving
            } else {
                Stage::Arrived
            }
        };
        let all: Vec<_> = self.workers.all().collect();
        let members: Vec<_> = all.iter().map(|(_, worker)| member(worker)).collect();
        let stages: Vec<_> = all.iter().map(|(key, worker)| stage(*key, worker)).collect();
        let turn: Vec<_> = may_stop(&members, &stages).into_iter().map(|index| all[index].0).collect();
        let time = stopping.until.map(|until| until.saturating_duration_since(self.now));
        if let Phase::Stopping(stopping) = &mut self.phase {
            stopping.left.retain(|waiting| !turn.contains(waiting));
        }
        if turn.is_empty() {
            return false;
        }
        let turn = planted!(self, ForgottenWorker, turn[1..].to_vec(), turn);
        for key in turn {
            self.stop_worker(key, time);
        }
        true
    }
}
