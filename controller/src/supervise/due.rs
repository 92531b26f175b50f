//! What happens when a time has come.

use super::Supervisor;
use super::event::Key;
use super::heartbeat;
use super::process::Process;
use super::slot::Role;
use super::workers::WorkerKey;
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use rustix::process::Signal;
use std::time::{Duration, Instant};

/// How long the new processes of a reload or a scale may take to be ready, if nobody says otherwise.
pub(super) const START_LIMIT: Duration = Duration::from_secs(60);

/// Something to do. Each looks first whether it still has a meaning.
#[derive(Debug)]
pub(super) enum Due {
    /// The process must be ready by now.
    StartLimit(Key),
    /// The process is to be asked whether it is alive.
    Heartbeat(Key),
    /// A process is to be started, if the slot's state has not changed since.
    Restart { worker: WorkerKey, slot: usize, changes: u64 },
    /// The process must have drained by now: SIGTERM.
    Terminate(Key),
    /// The process must have ended by now: SIGKILL, and why.
    Kill(Key, &'static str),
    /// Session tickets are to be sealed with new keys.
    TicketKeys,
    /// It is to be looked how far a reload is.
    Transition,
    /// The service manager wants to hear that we are alive.
    Alive,
    /// Answers to a status question have been waited for long enough.
    Gather,
}

impl Supervisor {
    /// Does everything whose time has come.
    pub(super) fn do_what_is_due(&mut self, now: Instant) {
        while let Some((due, thing)) = self.deadlines.pop_due(now) {
            match thing {
                Due::StartLimit(key) => self.start_limit(key),
                Due::Heartbeat(key) => self.heartbeat(key, due, now),
                Due::Restart { worker, slot, changes } => self.restart(worker, slot, changes),
                Due::Terminate(key) => self.terminate(key),
                Due::Kill(key, reason) => self.kill(key, reason),
                Due::TicketKeys => self.change_ticket_keys(now),
                // It is looked at after everything that happens.
                Due::Transition => {}
                Due::Alive => self.is_alive(now),
                Due::Gather => self.end_gathers(now),
            }
        }
    }

    fn start_limit(&mut self, key: Key) {
        let Some(&(worker, _)) = self.places.get(&key) else { return };
        let limit = self.workers[worker].common().restart.ready_timeout.as_secs_f64();
        let is_late = |process: &&mut Process| process.ready.is_none() && !process.prepared;
        let Some(process) = self.process_mut(key).filter(is_late) else { return };
        if let Some(until) = process.said.needs_until.filter(|until| *until > Instant::now()) {
            self.deadlines.push(until, Due::StartLimit(key));
        } else {
            process.kill(format!("not ready after {limit} s (\"restart.ready_timeout\")"));
        }
    }

    fn heartbeat(&mut self, key: Key, due: Instant, now: Instant) {
        let Some(&(worker, slot)) = self.places.get(&key) else { return };
        // One that drains has its own deadlines.
        if self.workers[worker].slots[slot].role(key) == Some(Role::Leaving) {
            return;
        }
        let watchdog = self.workers[worker].common().watchdog;
        let seq = self.gathers.next_seq();
        let Some(process) = self.process_mut(key) else { return };
        let watched = if process.is_watched() { watchdog } else { Duration::ZERO };
        process.note_memory();
        if let Some(silent) = process.heartbeat.beat(watched, due, now) {
            process.kill(format!("did not answer for {:.1} s: its loop is stuck", silent.as_secs_f64()));
            return;
        }
        process.tell(ToWorker::Ping { seq });
        self.deadlines.push(now + heartbeat::interval(watchdog), Due::Heartbeat(key));
    }

    /// Plans what is to be done with the processes of a place that another image of the executable has left.
    pub(super) fn plan_for(&mut self, worker: WorkerKey, slot: usize) {
        let now = Instant::now();
        let interval = heartbeat::interval(self.workers[worker].common().watchdog);
        let limit = self.workers[worker].common().restart.ready_timeout;
        let place = &self.workers[worker].slots[slot];
        for process in place.processes() {
            let (at, due) = match (process.leaves_by, process.ready) {
                (Some(by), _) => (by, Due::Terminate(process.key())),
                (None, Some(_)) => (now + interval, Due::Heartbeat(process.key())),
                (None, None) => (now + limit, Due::StartLimit(process.key())),
            };
            self.deadlines.push(at, due);
        }
        if place.state() == State::Backoff {
            self.deadlines.push(now, Due::Restart { worker, slot, changes: place.changes });
        }
    }

    fn restart(&mut self, worker: WorkerKey, slot: usize, changes: u64) {
        if self.workers.get(worker).is_none_or(|worker| slot >= worker.slots.len()) {
            return;
        }
        let place = &mut self.workers[worker].slots[slot];
        if place.state() == State::Backoff && place.changes == changes {
            place.restarts += 1;
            self.start_slot(worker, slot);
        }
    }

    fn terminate(&mut self, key: Key) {
        let Some(&(worker, _)) = self.places.get(&key) else { return };
        let time = self.workers[worker].common().stop.kill_timeout;
        let Some(process) = self.process_mut(key) else { return };
        if let Some(until) = process.said.needs_until.filter(|until| *until > Instant::now()) {
            self.deadlines.push(until, Due::Terminate(key));
            return;
        }
        process.reason.get_or_insert_with(|| "did not end after draining".into());
        process.signal(Signal::TERM);
        let record = process.source.record(Level::Warn, "has not drained in time: SIGTERM");
        self.hub.publish(record);
        self.deadlines.push(Instant::now() + time, Due::Kill(key, "did not end after SIGTERM"));
    }

    fn kill(&mut self, key: Key, reason: &'static str) {
        if let Some(process) = self.process_mut(key) {
            process.kill(reason);
            let record = process.source.record(Level::Warn, format!("{reason}: SIGKILL"));
            self.hub.publish(record);
        }
    }
}
