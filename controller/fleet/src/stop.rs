//! Draining processes, and the end of the node.

use crate::effect::{Effect, Tell};
use crate::exit;
use crate::fleet::Fleet;
use crate::id::{CallerId, Inode, WorkerKey};
use crate::phase::{Phase, Stopping};
use crate::process::Process;
use crate::spec::Kind;
use crate::timer::Timer;
use jackfield_shared::config::NodeShutdown;
use jackfield_shared::log::Level;
use jackfield_shared::status::Exit;
use std::collections::BTreeSet;
use std::time::Duration;

/// A process closes what is open at the end of the time itself; this is what it gets for doing so.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// How the node ended, and who wait for that.
#[derive(Clone, Debug, PartialEq)]
pub struct Farewell {
    /// Whether it ended as it was told to, and not for a fault.
    pub well: bool,
    /// Who wait for the end.
    pub callers: Vec<CallerId>,
}

impl Fleet {
    /// Whether the node is about to end.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping(_))
    }

    /// How the node ended, once everything has ended that was to end.
    #[must_use]
    pub fn farewell(&self) -> Option<Farewell> {
        match &self.phase {
            Phase::Stopping(stopping) if stopping.left.is_empty() && self.places.is_empty() => {
                Some(Farewell { well: stopping.well, callers: stopping.callers.clone() })
            }
            _ => None,
        }
    }

    /// Asks a process, which is taken from its slot, to finish what is open.
    pub(crate) fn drain(&mut self, place: (WorkerKey, usize), mut process: Process, time: Option<Duration>) {
        let Some(worker) = self.workers.get(place.0) else { return };
        let time = time.unwrap_or(worker.spec.drain_timeout);
        let by = self.now + time + GRACE;
        process.leaves_by = Some(by);
        process.sessions_stay = process.ready.is_some() && self.keeps_sessions(place);
        let (id, sessions_stay, retired) = (process.id, process.sessions_stay, self.retired(&process));
        self.tell(id, Tell::Drain { time, retired, sessions_stay });
        self.timers.set(by, Timer::Terminate(id));
        if let Some(slot) = self.workers.slot_mut(place) {
            slot.leave(process);
        }
    }

    /// Of the sockets that a process accepts from, those that nobody will accept from when it has ended.
    fn retired(&self, process: &Process) -> Vec<Inode> {
        let endpoints = self.workers.serving().flat_map(|(_, worker)| &worker.spec.endpoints);
        let kept: BTreeSet<_> = endpoints.flat_map(|endpoint| &endpoint.sockets).map(|s| s.inode).collect();
        process.listening.difference(&kept).copied().collect()
    }

    /// Stops the processes of a slot, which drain for so long, or as long as configured.
    pub(crate) fn stop_slot(&mut self, place: (WorkerKey, usize), time: Option<Duration>) {
        let Some(slot) = self.workers.slot_mut(place) else { return };
        let processes = slot.stop();
        self.listeners_changed = true;
        for process in processes {
            self.drain(place, process, time);
        }
    }

    /// Begins to stop the node, or with a shorter time goes on to do so.
    pub(crate) fn stop_node(&mut self, well: bool, caller: Option<CallerId>, time: Option<Duration>) {
        let until = time.map(|time| self.now + time);
        if let Phase::Stopping(stopping) = &mut self.phase {
            stopping.callers.extend(caller);
            if let Some(time) = time {
                stopping.until = until;
                self.hurry(time);
            }
            return;
        }
        let left = self.workers.all().map(|(key, _)| key).collect();
        let callers = caller.into_iter().collect();
        self.phase = Phase::Stopping(Stopping { well, callers, told: 0, left, until });
        // Nobody will accept any more: who comes now is refused instead of left waiting. Who came before is accepted
        // still.
        for worker in self.workers.all_mut() {
            worker.spec.endpoints.clear();
        }
        self.effects.push(Effect::CloseNode);
        self.give_up_change("the node is being stopped");
        self.stop_left();
    }

    /// Gives processes that drain already only so long.
    fn hurry(&mut self, time: Duration) {
        let by = self.now + time + GRACE;
        let drains = |process: &&Process| process.leaves_by.is_some();
        let all: Vec<_> = self.workers.processes().filter(drains).map(Process::id).collect();
        for id in all {
            self.tell(id, Tell::Drain { time, retired: Vec::new(), sessions_stay: false });
            self.timers.set(by, Timer::Terminate(id));
        }
    }

    /// SIGTERM and SIGINT: the first one drains, the second one ends at once.
    pub(crate) fn stop_by_signal(&mut self, name: &str) {
        let Phase::Stopping(stopping) = &mut self.phase else {
            self.log(Level::Info, format!("{name}: draining; send it again to stop at once"));
            return self.stop_node(true, None, None);
        };
        let left = std::mem::take(&mut stopping.left);
        self.log(Level::Warn, format!("{name} again: stopping at once"));
        for key in left {
            self.stop_worker(key, Some(Duration::ZERO));
        }
        for id in self.workers.process_ids() {
            self.kill(id, "stopped at once");
        }
    }

    /// Whether the end of this process, by itself, is the end of the node (`controller.options.shutdown`).
    pub(crate) fn ends_node(&mut self, key: WorkerKey, exit: &Exit, reason: &str) -> bool {
        let clean = exit::is_clean(exit);
        let Some(worker) = self.workers.get(key).filter(|worker| worker.spec.kind.serves()) else {
            return false;
        };
        let is_guest = worker.spec.kind == Kind::Guest;
        let serving = self.workers.serving().filter(|(_, worker)| worker.spec.kind.serves());
        let others = serving.flat_map(|(_, worker)| worker.processes()).count();
        let ends = self.shutdown.iter().any(|shutdown| match shutdown {
            NodeShutdown::OnShutdownRequested => false,
            // As in Crossbar.io, a guest may come and go.
            NodeShutdown::OnWorkerExit | NodeShutdown::OnWorkerExitWithError if is_guest => false,
            NodeShutdown::OnWorkerExit => true,
            NodeShutdown::OnWorkerExitWithError => !clean,
            NodeShutdown::OnLastWorkerExit => others == 0,
        });
        if ends {
            let id = worker.id();
            let why = format!("{id} {reason}: stopping the node, as controller.options.shutdown says");
            self.log(if clean { Level::Info } else { Level::Error }, why);
            self.stop_node(clean, None, None);
        }
        ends
    }

    /// Tells those who wait how many processes are left, when that has changed.
    pub(crate) fn tell_of_stopping(&mut self) {
        let count = self.places.len();
        if let Phase::Stopping(stopping) = &mut self.phase
            && stopping.told != count
        {
            stopping.told = count;
            self.effects.push(Effect::Draining(stopping.callers.clone(), count));
        }
    }
}
