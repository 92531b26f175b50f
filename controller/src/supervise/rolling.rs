//! Restarting a worker: one process at a time. Its replacement is ready before it drains, and it has ended
//! before the next one's turn, so that there is never more than one process too many. The first failure ends
//! the restart; what runs goes on running.

use super::Supervisor;
use super::event::Key;
use super::operation::Caller;
use super::slot::Role;
use super::workers::WorkerKey;
use crate::decide::restart::History;
use jackfield_shared::status::State;
use std::collections::VecDeque;

/// Slots to go through, and how far the first of them is.
#[derive(Debug)]
pub(super) struct Rolling {
    queue: VecDeque<(WorkerKey, usize)>,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The next slot's turn.
    Next,
    /// The successor must become ready; then its predecessor, if there is one, drains.
    Starting { worker: WorkerKey, slot: usize, successor: Key, predecessor: Option<Key> },
    /// The process that there is must end before its successor starts.
    MakingRoom { worker: WorkerKey, slot: usize },
    /// The predecessor must end.
    Draining { worker: WorkerKey, slot: usize, predecessor: Key },
}

impl Rolling {
    pub(super) fn new(slots: impl IntoIterator<Item = (WorkerKey, usize)>) -> Self {
        Self { queue: slots.into_iter().collect(), step: Step::Next }
    }

    /// Whether it has something to do with this worker.
    pub(super) fn concerns(&self, wanted: WorkerKey) -> bool {
        let now = match self.step {
            Step::Next => None,
            Step::Starting { worker, .. }
            | Step::MakingRoom { worker, .. }
            | Step::Draining { worker, .. } => Some(worker),
        };
        self.queue.iter().map(|(worker, _)| *worker).chain(now).any(|worker| worker == wanted)
    }
}

impl Supervisor {
    /// Goes on with a restart; returns its result when it has one.
    pub(super) fn proceed_restart(
        &mut self,
        rolling: &mut Rolling,
        caller: &Caller,
    ) -> Option<Result<(), String>> {
        loop {
            let next = match rolling.step {
                Step::Next => match rolling.queue.pop_front() {
                    Some((worker, slot)) => self.replace(worker, slot),
                    None => return Some(Ok(())),
                },
                Step::Starting { worker, slot, successor, predecessor } => {
                    self.await_ready(worker, slot, successor, predecessor, caller)?
                }
                Step::MakingRoom { worker, slot } => {
                    if !self.workers[worker].slots[slot].is_empty() {
                        return None;
                    }
                    self.replace(worker, slot)
                }
                Step::Draining { worker, slot, predecessor } => {
                    if self.workers[worker].slots[slot].role(predecessor).is_some() {
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
    fn replace(&mut self, worker: WorkerKey, slot: usize) -> Result<Step, String> {
        let name = self.slot_name(worker, slot);
        let place = &mut self.workers[worker].slots[slot];
        let predecessor = match place.state() {
            State::Draining => return Err(format!("{name} is being stopped")),
            State::Ready => place.current.as_ref().map(|process| process.key()),
            // It is new already.
            State::Starting => None,
            State::Backoff | State::Failed | State::Stopped => {
                place.history = History::default();
                self.start_slot(worker, slot);
                None
            }
        };
        if predecessor.is_some() && !self.workers[worker].can_overlap() {
            self.stop_slot(worker, slot, None);
            return Ok(Step::MakingRoom { worker, slot });
        }
        if predecessor.is_some() {
            let successor =
                self.spawn(worker, slot).map_err(|e| format!("{name}: cannot start a process: {e}"))?;
            let key = successor.key();
            self.workers[worker].slots[slot].replacement = Some(successor);
            return Ok(Step::Starting { worker, slot, successor: key, predecessor });
        }
        let place = &self.workers[worker].slots[slot];
        match &place.current {
            Some(process) => Ok(Step::Starting { worker, slot, successor: process.key(), predecessor }),
            None => Err(format!("{name} {}", place.reason.as_deref().unwrap_or("did not start"))),
        }
    }

    /// `None` as long as the successor is neither ready nor gone.
    fn await_ready(
        &self,
        worker: WorkerKey,
        slot: usize,
        successor: Key,
        predecessor: Option<Key>,
        caller: &Caller,
    ) -> Option<Result<Step, String>> {
        let name = self.slot_name(worker, slot);
        let place = &self.workers[worker].slots[slot];
        match place.role(successor) {
            Some(Role::Current) if place.state() == State::Ready => {
                let pid = place.current.as_ref().map_or(0, |process| process.source.pid());
                caller.progress(format!("{name}: process {pid} is ready"));
                Some(Ok(match predecessor {
                    Some(predecessor) => Step::Draining { worker, slot, predecessor },
                    None => Step::Next,
                }))
            }
            Some(Role::Current | Role::Replacement) => None,
            Some(Role::Leaving) => Some(Err(format!("{name} was stopped meanwhile"))),
            None => {
                let ended = place.last_end.as_ref().filter(|(key, _)| *key == successor);
                let reason = ended.map_or("it was stopped meanwhile", |(_, reason)| reason);
                let goes_on = if predecessor.is_some_and(|key| place.role(key) == Some(Role::Current)) {
                    "; its predecessor goes on"
                } else {
                    ""
                };
                Some(Err(format!("{name}: the new process {reason}{goes_on}")))
            }
        }
    }

    fn slot_name(&self, worker: WorkerKey, slot: usize) -> String {
        format!("{}[{slot}]", self.workers[worker].id())
    }
}
