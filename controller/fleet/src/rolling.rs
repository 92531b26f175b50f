//! Restarting workers: one process at a time. Its successor is ready before it drains, and it has ended before the next
//! one's turn, so that there is never more than one process too many; only for processes whose sessions may stay nobody
//! waits. The first failure ends the restart; what runs
//! goes on running.

use crate::effect::Effect;
use crate::fleet::Fleet;
use crate::id::{CallerId, ProcessId};
use crate::process::Process;
use crate::restart::History;
use crate::restarting::{Place, Rolling, Step};
use crate::slot::Role;
use jackfield_shared::status::State;

impl Fleet {
    /// Goes on with a restart; returns its result when it has one.
    pub(crate) fn proceed_rolling(
        &mut self,
        rolling: &mut Rolling,
        caller: Option<CallerId>,
    ) -> Option<Result<(), String>> {
        loop {
            let next = match rolling.step {
                Step::Next => match rolling.queue.pop_front() {
                    Some(place) => self.replace(place),
                    None => return Some(Ok(())),
                },
                Step::Starting { place, successor, predecessor } => {
                    self.await_ready(place, successor, predecessor, caller)?
                }
                Step::MakingRoom(place) => {
                    let slot = self.slot(place);
                    match slot.and_then(|slot| slot.current()) {
                        // Somebody has started it by hand.
                        Some(process) => {
                            Ok(Step::Starting { place, successor: process.id, predecessor: None })
                        }
                        None if slot.is_some_and(|slot| !slot.is_empty()) => return None,
                        None => self.replace(place),
                    }
                }
                Step::Draining { predecessor, .. } => {
                    let leaving = self.process(predecessor);
                    if leaving.is_some_and(|process| !process.sessions_stay) {
                        return None;
                    }
                    Ok(Step::Next)
                }
            };
            match next {
                Ok(step) => rolling.step = step,
                Err(reason) => return Some(Err(reason)),
            }
        }
    }

    /// Begins with a slot.
    fn replace(&mut self, place: Place) -> Result<Step, String> {
        let name = self.workers.name(place);
        let can_overlap = self.workers.get(place.0).is_some_and(|worker| worker.spec.can_overlap);
        let Some(slot) = self.workers.slot_mut(place) else { return Err(format!("{name} is gone")) };
        let current = slot.current().map(Process::id);
        match (slot.state(), current) {
            (State::Draining, _) => return Err(format!("{name} is being stopped")),
            (State::Ready, Some(predecessor)) if can_overlap => {
                // One may be on its way already.
                let successor = slot.successor().map(Process::id);
                let successor = successor.or_else(|| self.start_successor(place.0, place.1));
                let Some(successor) = successor else { return Err(format!("{name} is gone")) };
                return Ok(Step::Starting { place, successor, predecessor: Some(predecessor) });
            }
            (State::Ready, _) => {
                self.stop_slot(place, None);
                return Ok(Step::MakingRoom(place));
            }
            // It is new already.
            (State::Starting, _) => {}
            (State::Backoff | State::Failed | State::Stopped, _) => {
                slot.history = History::default();
                self.start_slot(place.0, place.1);
            }
        }
        match self.slot(place).and_then(|slot| slot.current()) {
            Some(process) => Ok(Step::Starting { place, successor: process.id, predecessor: None }),
            None => Err(format!("{name} did not start")),
        }
    }

    /// `None` as long as the successor is neither ready nor gone.
    fn await_ready(
        &mut self,
        place: Place,
        successor: ProcessId,
        predecessor: Option<ProcessId>,
        caller: Option<CallerId>,
    ) -> Option<Result<Step, String>> {
        let name = self.workers.name(place);
        let Some(slot) = self.slot(place) else { return Some(Err(format!("{name} was stopped meanwhile"))) };
        match slot.role(successor) {
            Some(Role::Current) if slot.state() == State::Ready => {
                if let Some(caller) = caller {
                    self.effects.push(Effect::Replaced(caller, name, successor));
                }
                Some(Ok(match predecessor {
                    Some(predecessor) => Step::Draining { place, predecessor },
                    None => Step::Next,
                }))
            }
            Some(Role::Current | Role::Successor) => None,
            Some(Role::Leaving) => Some(Err(format!("{name} was stopped meanwhile"))),
            None => {
                let ended = slot.last_end.as_ref().filter(|(id, _)| *id == successor);
                let reason = ended.map_or("it was stopped meanwhile", |(_, reason)| reason);
                let goes_on = if predecessor.is_some_and(|id| slot.role(id) == Some(Role::Current)) {
                    "; its predecessor goes on"
                } else {
                    ""
                };
                Some(Err(format!("{name}: the new process {reason}{goes_on}")))
            }
        }
    }
}
