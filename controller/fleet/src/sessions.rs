//! Sessions of realms that stay while their process drains: its worker goes on, and another process routes its realms. It
//! serves them for as long as anything else that is open, `stop.drain_timeout`. Where the realms end they end at once.

use crate::effect::Tell;
use crate::fleet::Fleet;
use crate::id::{ProcessId, WorkerKey};
use crate::planted::planted;
use crate::process::Process;
use crate::slot::Standing;
use crate::stop::GRACE;
use crate::worker::Worker;
use jackfield_shared::status::State;
use std::collections::BTreeSet;

impl Fleet {
    /// The processes that serve clients of the realms of a worker: its own, and those of earlier configurations that drain.
    pub(crate) fn edges(&self, key: WorkerKey) -> BTreeSet<ProcessId> {
        let Some(id) = self.workers.get(key).map(Worker::id) else { return BTreeSet::new() };
        let same = self.workers.all().filter(|(_, worker)| worker.id() == id);
        // Those of a configuration to come have no clients, and never have if it is given up.
        let has_clients = |edge: &ProcessId| self.process(*edge).is_some_and(|edge| edge.ready.is_some());
        same.flat_map(|(other, worker)| {
            worker.edges().into_iter().filter(move |edge| other == key || has_clients(edge))
        })
        .collect()
    }

    /// Whether sessions of a process in this slot may stay while it drains.
    pub(crate) fn keeps_sessions(&self, (key, slot): (WorkerKey, usize)) -> bool {
        let Some(worker) = self.workers.get(key) else { return false };
        let is_edge = !worker.realms.is_empty() && !worker.routes(slot);
        is_edge && !self.is_stopping() && self.are_routed(worker.id())
    }

    /// Whether a process routes, or will route, realms of the worker in effect with this id.
    fn are_routed(&self, id: &str) -> bool {
        let Some(key) = self.workers.find(id).filter(|key| !self.realms_to_stop.contains(key)) else {
            return false;
        };
        let mut slots = self.workers.get(key).into_iter().flat_map(Worker::realm_slots);
        slots.any(|slot| matches!(slot.state(), State::Starting | State::Ready | State::Backoff))
    }

    /// Sessions whose realms have ended meanwhile end now.
    pub(crate) fn end_sessions(&mut self) {
        planted!(self, LastingSessions, {
            return;
        });
        let staying = self.workers.processes().filter(|process| process.sessions_stay).map(Process::id);
        let staying: Vec<_> = staying.collect();
        for id in staying {
            let keeps = self.places.get(&id).is_some_and(|place| self.keeps_sessions(*place));
            let Some(by) = self.process(id).and_then(Process::leaves_by).filter(|_| !keeps) else { continue };
            let time = by.saturating_duration_since(self.now).saturating_sub(GRACE);
            if let Some(process) = self.process_mut(id) {
                process.sessions_stay = false;
            }
            self.tell(id, Tell::Drain { time, retired: Vec::new(), sessions_stay: false });
        }
    }

    /// The realms of a worker that is replaced are routed by its successor from now on, if that has any.
    pub(crate) fn hand_realms_over(&mut self, former: WorkerKey) {
        let Some(worker) = self.workers.get_mut(former) else { return };
        let (realms, id) = (worker.realms.clone(), worker.spec.id.clone());
        if !self.are_routed(&id) {
            return;
        }
        for realm in realms {
            if let Some(slot) = self.workers.slot_mut((former, realm)) {
                slot.standing = Standing::Retired;
                self.stop_slot((former, realm), None);
            }
        }
    }
}
