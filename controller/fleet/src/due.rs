//! What happens when a time has come.

use crate::effect::{Effect, Tell};
use crate::fleet::Fleet;
use crate::heartbeat;
use crate::id::{ProcessId, WorkerKey};
use crate::planted::planted;
use crate::slot::Role;
use crate::timer::Timer;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::time::{Duration, Instant};

impl Fleet {
    /// Does everything whose time has come.
    pub(crate) fn run_timers(&mut self) {
        while let Some((due, timer)) = self.timers.pop_due(self.now) {
            match timer {
                Timer::StartLimit(id) => self.start_limit(id),
                Timer::Heartbeat(id) => self.heartbeat(id, due),
                Timer::Restart { worker, slot, changes } => self.restart(worker, slot, changes),
                Timer::Terminate(id) => self.terminate(id),
                Timer::Kill(id, reason) => self.kill_late(id, reason),
                Timer::Edges(id) => {
                    if let Some(process) = self.process_mut(id) {
                        process.edges = None;
                    }
                }
                Timer::Assign => self.listeners_changed = true,
                // It is looked at after everything that happens.
                Timer::Look => {}
            }
        }
    }

    fn start_limit(&mut self, id: ProcessId) {
        let now = self.now;
        let Some(&(worker, _)) = self.places.get(&id) else { return };
        let timeout = self.ready_timeout(worker);
        let limit = timeout.as_secs_f64();
        let Some(process) = self.process_mut(id) else { return };
        // One that was told to accept has the time again from then on, and another timer.
        let has_time = process.told_to_accept.is_some_and(|at| at + timeout > now);
        if process.ready.is_some() || process.prepared || has_time {
            return;
        }
        if let Some(until) = process.needs_until.filter(|until| *until > now) {
            self.timers.set(until, Timer::StartLimit(id));
        } else {
            self.kill(id, format!("not ready after {limit} s (\"restart.ready_timeout\")"));
        }
    }

    fn heartbeat(&mut self, id: ProcessId, due: Instant) {
        let now = self.now;
        let Some((worker, slot, role)) = self.locate(id) else { return };
        // One that drains has its own timers.
        if role == Role::Leaving {
            return;
        }
        let watchdog = self.workers.get(worker).map_or(Duration::ZERO, |worker| worker.watchdog(slot));
        let Some(process) = self.process_mut(id) else { return };
        let watched = if process.watched { watchdog } else { Duration::ZERO };
        let silent = process.heartbeat.beat(watched, due, now);
        let silent = planted!(self, NoWatchdog, None, silent);
        if let Some(silent) = silent {
            let text = format!("did not answer for {:.1} s: its loop is stuck", silent.as_secs_f64());
            self.kill(id, text);
            return;
        }
        self.tell(id, Tell::Ping);
        self.timers.set(now + heartbeat::interval(watchdog), Timer::Heartbeat(id));
    }

    fn restart(&mut self, worker: WorkerKey, index: usize, changes: u64) {
        let is_stopping = self.is_stopping();
        let Some(slot) = self.workers.slot_mut((worker, index)).filter(|_| !is_stopping) else { return };
        if slot.state() == State::Backoff && slot.changes() == changes {
            slot.restarts += 1;
            self.start_slot(worker, index);
        }
    }

    fn terminate(&mut self, id: ProcessId) {
        let now = self.now;
        let Some(&(worker, _)) = self.places.get(&id) else { return };
        let time = self.workers.get(worker).map_or(Duration::ZERO, |worker| worker.spec.kill_timeout);
        let Some(process) = self.process_mut(id) else { return };
        if let Some(until) = process.needs_until.filter(|until| *until > now) {
            self.timers.set(until, Timer::Terminate(id));
            return;
        }
        process.ends_for("did not end after draining");
        planted!(self, EndlessDrain, {
            return;
        });
        self.effects.push(Effect::Terminate(id));
        self.log_of(id, Level::Warn, "has not drained in time: SIGTERM");
        self.timers.set(now + time, Timer::Kill(id, "did not end after SIGTERM"));
    }

    fn kill_late(&mut self, id: ProcessId, reason: &'static str) {
        if self.places.contains_key(&id) {
            self.kill(id, reason);
            self.log_of(id, Level::Warn, format!("{reason}: SIGKILL"));
        }
    }
}
