//! Before anything has changed: new processes are started and get all they need, or are ended again.

use crate::effect::Effect;
use crate::fleet::Fleet;
use crate::id::WorkerKey;
use crate::planted::planted;
use crate::slot::{Slot, Standing};
use crate::spec::Endpoint;
use crate::under_way::{Kept, Next, Place};
use jackfield_shared::status::State;
use std::time::{Duration, Instant};

impl Fleet {
    /// Goes on; returns whether everything is ready, once that is known.
    pub(super) fn prepare(
        &mut self,
        next: &mut Next,
        until: Instant,
        time: Duration,
    ) -> Option<Result<(), String>> {
        let mut starting = 0;
        for &place in next.arriving.iter().filter(|place| !next.queue.contains(place)) {
            let name = self.workers.name(place);
            let Some(slot) = self.slot(place) else { return Some(Err(format!("{name}: its slot is gone"))) };
            match slot.state() {
                State::Ready => {}
                State::Starting => starting += usize::from(!is_prepared(slot)),
                _ => {
                    let reason = slot.reason().unwrap_or("was stopped meanwhile");
                    return Some(Err(format!("{name}: the new process {reason}")));
                }
            }
        }
        if starting == 0 && next.queue.is_empty() {
            return Some(Ok(()));
        }
        planted!(self, EarlyDrain, {
            if next.queue.is_empty() {
                return Some(Ok(()));
            }
        });
        if self.now >= until {
            let is_late = |&&place: &&Place| self.slot(place).is_none_or(|slot| !is_prepared(slot));
            let late = next.arriving.iter().find(is_late);
            let late = late.map_or_else(String::new, |&place| self.workers.name(place));
            let time = time.as_secs_f64();
            return Some(Err(format!("{late}: the new process was not ready after {time} s")));
        }
        let room = self.settings.parallel_starts.max(2).saturating_sub(starting);
        for (worker, slot) in next.queue.drain(..room.min(next.queue.len())) {
            self.start_slot(worker, slot);
        }
        None
    }

    /// Undoes what was prepared.
    pub(super) fn undo(&mut self, next: Next) {
        for &place in &next.arriving {
            planted!(self, LeftoversOfReload, {
                continue;
            });
            self.stop_slot(place, Some(Duration::ZERO));
            if let Some(slot) = self.workers.slot_mut(place) {
                slot.standing = Standing::Retired;
            }
        }
        let mut shrunk = Vec::new();
        for Kept { key, endpoints, before, .. } in next.kept {
            self.put_realms_behind(key, before);
            planted!(self, HalfScaled, {
                continue;
            });
            if let Some((worker, endpoints)) = self.workers.get_mut(key).zip(endpoints) {
                worker.spec.endpoints = endpoints;
                shrunk.push(key);
            }
        }
        for key in next.added {
            if let Some(worker) = self.workers.get_mut(key) {
                worker.spec.endpoints.clear();
                worker.arriving = false;
                worker.retire_slots();
            }
        }
        self.effects.push(Effect::Undo);
        if !self.is_stopping() {
            shrunk.into_iter().for_each(|key| self.replace_without_sockets(key));
        }
    }

    /// Replaces processes that were started meanwhile with sockets of the change alone, which are gone: the addresses of
    /// their worker were closed, and are opened for their successors.
    fn replace_without_sockets(&mut self, key: WorkerKey) {
        let Some(worker) = self.workers.get(key) else { return };
        let is_closed = worker.spec.endpoints.iter().all(Endpoint::is_closed);
        if worker.spec.endpoints.is_empty() || !is_closed {
            return;
        }
        let current = |(index, slot): (usize, &Slot)| Some((index, slot.current()?.id, slot.state()));
        let without: Vec<_> = worker.acceptors().filter_map(current).collect();
        for (index, id, state) in without {
            match state {
                State::Ready => drop(self.start_successor(key, index)),
                _ => self.kill(id, "its sockets were those of a change that came to nothing"),
            }
        }
    }
}

fn is_prepared(slot: &Slot) -> bool {
    slot.state() == State::Ready || slot.current().is_some_and(|process| process.prepared)
}
