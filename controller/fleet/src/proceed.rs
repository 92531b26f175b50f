//! Going on with what callers wait for.

use crate::effect::Effect;
use crate::fleet::Fleet;
use crate::id::{CallerId, WorkerKey};
use crate::operation::{Operation, OperationKind};
use crate::phase::Phase;
use crate::planted::planted;
use jackfield_shared::status::State;

impl Fleet {
    /// Goes on with everything that somebody waits for.
    pub(crate) fn proceed_operations(&mut self) {
        for mut operation in std::mem::take(&mut self.operations) {
            match (self.proceed(&mut operation), operation.caller) {
                (Some(result), caller) if matches!(operation.kind, OperationKind::Upgrade(_)) => {
                    self.effects.push(Effect::Upgraded(caller, result));
                }
                (Some(result), caller) => {
                    planted!(self, TwoAnswers, {
                        if matches!(operation.kind, OperationKind::Stop(..)) {
                            self.reply(caller, result.clone());
                        }
                    });
                    self.reply(caller, result);
                }
                (None, _) => self.operations.push(operation),
            }
        }
    }

    /// Goes on with an operation; returns its result when it has one.
    fn proceed(&mut self, operation: &mut Operation) -> Option<Result<(), String>> {
        if matches!(self.phase, Phase::Stopping(_)) {
            planted!(self, LostAnswer, {
                operation.caller = None;
            });
            return Some(Err("the node is being stopped".into()));
        }
        match &mut operation.kind {
            OperationKind::Start(workers) => self.proceed_start(workers),
            OperationKind::Stop(workers, told) => {
                let caller = operation.caller;
                self.proceed_stop(workers, told, caller)
            }
            OperationKind::Leave(going) => {
                going.retain(|id| self.process(*id).is_some_and(|process| !process.sessions_stay));
                going.is_empty().then_some(Ok(()))
            }
            OperationKind::Restart(rolling) | OperationKind::Upgrade(rolling) => {
                let caller = operation.caller;
                self.proceed_rolling(rolling, caller)
            }
        }
    }

    fn proceed_start(&self, workers: &[WorkerKey]) -> Option<Result<(), String>> {
        let mut all_ready = true;
        for worker in workers.iter().filter_map(|&worker| self.workers.get(worker)) {
            for (index, slot) in worker.active() {
                let reason = slot.reason().unwrap_or("no reason is known");
                let name = format!("{}[{index}]", worker.id());
                match slot.state() {
                    State::Ready => {}
                    State::Starting => all_ready = false,
                    State::Backoff => return Some(Err(format!("{name} {reason}; it will be tried again"))),
                    State::Failed => return Some(Err(format!("{name} {reason}"))),
                    State::Draining | State::Stopped => {
                        return Some(Err(format!("{name} was stopped meanwhile")));
                    }
                }
            }
        }
        all_ready.then_some(Ok(()))
    }

    fn proceed_stop(
        &mut self,
        workers: &[WorkerKey],
        told: &mut usize,
        caller: Option<CallerId>,
    ) -> Option<Result<(), String>> {
        let mut left = 0;
        for (key, worker) in workers.iter().filter_map(|&key| Some((key, self.workers.get(key)?))) {
            // Those of its realms are yet to be told.
            let wait = self.realms_to_stop.contains(&key);
            let slots = worker.slots.iter().enumerate();
            let mut others = slots.filter(|(index, _)| !(wait && worker.routes(*index)));
            if others.any(|(_, slot)| slot.current().is_some()) {
                return Some(Err(format!("{} was started meanwhile", worker.id())));
            }
            left += worker.processes().count();
        }
        if left > 0 && left != *told {
            self.progress(caller, format!("draining: {left} processes"));
            *told = left;
        }
        (left == 0).then_some(Ok(()))
    }
}
