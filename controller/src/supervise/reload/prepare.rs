//! Before anything has changed: new processes are started and get all they need, or are ended again.

use super::super::slot::Slot;
use super::{Kept, Next, Place, Supervisor};
use jackfield_shared::status::State;
use std::time::{Duration, Instant};

impl Supervisor {
    /// Goes on; returns whether everything is ready, once that is known.
    pub(super) fn prepare(
        &mut self,
        next: &mut Next,
        until: Instant,
        time: Duration,
    ) -> Option<Result<(), String>> {
        loop {
            let mut starting = 0;
            for &place in next.arriving.iter().filter(|place| !next.queue.contains(place)) {
                let slot = self.slot(place);
                match slot.state() {
                    State::Ready => {}
                    State::Starting => starting += usize::from(!is_prepared(slot)),
                    _ => {
                        let reason = slot.reason.as_deref().unwrap_or("was stopped meanwhile");
                        return Some(Err(format!("{}: the new process {reason}", self.name(place))));
                    }
                }
            }
            if starting == 0 && next.queue.is_empty() {
                return Some(Ok(()));
            }
            if Instant::now() >= until {
                let is_late = |&&place: &&Place| !is_prepared(self.slot(place));
                let late =
                    next.arriving.iter().find(is_late).map_or_else(String::new, |&place| self.name(place));
                let time = time.as_secs_f64();
                return Some(Err(format!("{late}: the new process was not ready after {time} s")));
            }
            let room = self.node.machine.cpus.count().max(2).saturating_sub(starting);
            if room == 0 || next.queue.is_empty() {
                return None;
            }
            for (worker, slot) in next.queue.drain(..room.min(next.queue.len())) {
                self.start_slot(worker, slot);
            }
        }
    }

    /// Undoes what was prepared.
    pub(super) fn undo(&mut self, next: Next) {
        for &(worker, slot) in &next.arriving {
            self.stop_slot(worker, slot, Some(Duration::ZERO));
            let slot = self.workers[worker].place(slot);
            (slot.arriving, slot.retired) = (false, true);
        }
        for Kept { key, next: mut wanted, before } in next.kept {
            if wanted.slots.len() > before {
                std::mem::swap(&mut self.workers[key].bound, &mut wanted.bound);
            }
        }
        for key in next.added {
            let worker = &mut self.workers[key];
            worker.bound.clear();
            worker.arriving = false;
            worker.slots.iter_mut().for_each(|slot| slot.retired = true);
        }
        next.adjustments.into_iter().for_each(crate::sockets::Adjustment::undo);
    }

    fn slot(&self, (worker, slot): Place) -> &Slot {
        &self.workers[worker].slots[slot]
    }

    fn name(&self, (worker, slot): Place) -> String {
        format!("{}[{slot}]", self.workers[worker].id())
    }
}

fn is_prepared(slot: &Slot) -> bool {
    slot.state() == State::Ready || slot.current.as_ref().is_some_and(|process| process.prepared)
}
