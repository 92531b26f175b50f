//! The end of the start: every worker is ready, or it is known which are not.

use crate::effect::Effect;
use crate::fleet::Fleet;
use crate::phase::Phase;
use crate::timer::Timer;
use crate::worker::Worker;
use jackfield_shared::status::State;
use std::time::{Duration, Instant};

/// A guest that counts as ready because it runs is looked at for so long before the start is called good.
const LOOK: Duration = Duration::from_millis(300);

impl Fleet {
    /// When all guests that count as ready because they run have run for a moment.
    fn guests_settle_at(&self) -> Option<Instant> {
        let guests = self.workers.serving().filter(|(_, worker)| worker.spec.ready_by_running);
        let slots = guests.flat_map(|(_, worker)| worker.active());
        slots.filter_map(|(_, slot)| slot.current()?.ready).max().map(|at| at + LOOK)
    }

    /// Looks whether the start has ended.
    pub(crate) fn watch_start(&mut self) {
        if !self.is_starting || !self.to_start.is_empty() || !matches!(self.phase, Phase::Running) {
            return;
        }
        let mut has_failed = false;
        let serving = self.workers.serving().map(|(_, worker)| worker);
        for (_, slot) in serving.filter(|worker| worker.spec.kind.serves()).flat_map(Worker::active) {
            match slot.state() {
                State::Starting | State::Backoff | State::Draining => return,
                State::Failed => has_failed = true,
                // Ready, or ended well, or stopped by somebody already.
                State::Ready | State::Stopped => {}
            }
        }
        // A program that runs may still end at once, and then the start was no good one.
        if let Some(settled) = self.guests_settle_at().filter(|settled| *settled > self.now) {
            self.timers.set(settled, Timer::Look);
            return;
        }
        self.is_starting = false;
        self.effects.push(Effect::Started(has_failed));
    }
}
