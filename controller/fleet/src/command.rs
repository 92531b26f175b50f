//! What callers want.

use crate::effect::Effect;
use crate::event::Command;
use crate::fleet::Fleet;
use crate::id::{CallerId, ProcessId, WorkerKey};
use crate::operation::{Operation, OperationKind};
use crate::phase::Phase;
use crate::restart::History;
use crate::restarting::Rolling;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::collections::BTreeSet;

/// What is done with single workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Start,
    Stop,
    Restart,
}

impl Fleet {
    /// Begins to do what a caller wants.
    pub(crate) fn called(&mut self, caller: Option<CallerId>, command: Command) {
        let (action, ids) = match command {
            Command::StopNode(time) => {
                self.log(Level::Info, "`jackfield stop`: draining");
                return self.stop_node(true, caller, time);
            }
            Command::Reload(time) => return self.reload(caller, time),
            Command::Rehearse => return self.rehearse(caller),
            Command::Upgrade => return self.try_image(caller),
            Command::Scale(id, processes) => return self.scale(&id, processes, caller),
            Command::Start(ids) => (Action::Start, ids),
            Command::Stop(ids) => (Action::Stop, ids),
            Command::Restart(ids) => (Action::Restart, ids),
        };
        match self.begin(action, &ids) {
            Ok(kind) => self.operations.push(Operation { kind, caller }),
            Err(reason) => self.reply(caller, Err(reason)),
        }
    }

    fn begin(&mut self, action: Action, ids: &[String]) -> Result<OperationKind, String> {
        if matches!(self.phase, Phase::Stopping(_)) {
            return Err("the node is being stopped".into());
        }
        if let Some(change) = &self.change {
            return Err(format!("{}; try again when that is done", change.what()));
        }
        let mut workers = Vec::new();
        for id in ids {
            workers.push(self.workers.find(id).ok_or_else(|| self.unknown(id))?);
        }
        if ids.is_empty() {
            workers = self.workers.keys();
        }
        let of = |key: &WorkerKey| self.workers.get(*key).map(|worker| (*key, worker));
        let some: Vec<_> = workers.iter().filter_map(of).collect();
        let places: Vec<_> =
            some.iter().flat_map(|(key, worker)| worker.active().map(|(slot, _)| (*key, slot))).collect();
        let names: Vec<_> = some.iter().map(|(_, worker)| worker.id()).collect();
        let text = match action {
            Action::Start => format!("`jackfield worker start`: {}", names.join(", ")),
            Action::Stop => format!("`jackfield worker stop`: {}", names.join(", ")),
            Action::Restart => {
                let busy = |(key, _): &&(WorkerKey, _)| self.is_restarted(*key);
                if let Some((_, worker)) = some.iter().find(busy) {
                    return Err(format!("{} is being restarted already", worker.id()));
                }
                format!("`jackfield worker restart`: {}", names.join(", "))
            }
        };
        self.log(Level::Info, text);
        Ok(match action {
            Action::Start => {
                self.realms_to_stop.retain(|waiting| !workers.contains(waiting));
                for place in places {
                    let Some(slot) = self.workers.slot_mut(place) else { continue };
                    if !matches!(slot.state(), State::Starting | State::Ready) {
                        slot.history = History::default();
                        self.start_slot(place.0, place.1);
                    }
                }
                OperationKind::Start(workers)
            }
            Action::Stop => {
                // First, so that what waits in their queues is accepted by those that drain.
                workers.iter().for_each(|&worker| self.close_addresses(worker));
                self.to_start.retain(|waiting| !workers.contains(waiting));
                self.successors.retain(|(waiting, _)| !workers.contains(waiting));
                workers.iter().for_each(|&worker| self.stop_worker(worker, None));
                OperationKind::Stop(workers, 0)
            }
            Action::Restart => OperationKind::Restart(Rolling::new(places)),
        })
    }

    /// Whether somebody waits for the processes of this worker to be replaced.
    pub(crate) fn is_restarted(&self, worker: WorkerKey) -> bool {
        let mut rollings = self.operations.iter().filter_map(|operation| operation.kind.rolling());
        rollings.any(|rolling| rolling.concerns(worker))
    }

    /// Whether a process of this worker is to end, so that its successor can start.
    pub(crate) fn makes_room(&self, worker: WorkerKey) -> bool {
        let mut rollings = self.operations.iter().filter_map(|operation| operation.kind.rolling());
        rollings.any(|rolling| rolling.makes_room(worker))
    }

    /// This image has taken over: replaces the processes that run another one.
    pub(crate) fn took_over(&mut self, caller: Option<CallerId>, outdated: &BTreeSet<ProcessId>) {
        let is_outdated = |slot: &crate::slot::Slot| {
            slot.current().is_some_and(|process| process.ready.is_some() && outdated.contains(&process.id))
        };
        let places: Vec<_> = self
            .workers
            .serving()
            .flat_map(|(key, worker)| worker.active().map(move |(index, slot)| (key, index, slot)))
            .filter(|(_, _, slot)| is_outdated(slot))
            .map(|(key, index, _)| (key, index))
            .collect();
        let kind = OperationKind::Upgrade(Rolling::new(places));
        self.operations.push(Operation { kind, caller });
    }

    /// Somebody wants another image of the executable to go on.
    fn try_image(&mut self, caller: Option<CallerId>) {
        let starting = || self.is_starting.then(|| "the node is starting".into());
        match self.in_the_way_of_change().or_else(starting) {
            None => {
                self.await_trial(caller);
                self.effects.push(Effect::Try);
            }
            Some(reason) => self.change_failed(&crate::under_way::Purpose::Upgrade, caller, &reason),
        }
    }
}
