//! Draining processes, and the end of the node.

use super::Supervisor;
use super::due::Due;
use super::exit;
use super::operation::Caller;
use super::process::Process;
use super::worker::Work;
use super::workers::WorkerKey;
use jackfield_shared::config::NodeShutdown;
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::log::Level;
use jackfield_shared::status::{Exit, State};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// A worker closes what is open at the end of the time itself; this is what it gets for doing so.
const GRACE: Duration = Duration::from_secs(2);
/// How long a client of the control socket may take to read the last response.
const FAREWELL: Duration = Duration::from_secs(1);

/// Whether the node runs or is about to end.
#[derive(Debug)]
pub(super) enum Phase {
    /// It runs.
    Running,
    /// It drains.
    Stopping {
        /// Whether it was told to, or has a fault.
        well: bool,
        /// Who wait for the end.
        callers: Vec<Caller>,
        /// Processes that are left, as last told.
        told: usize,
        /// Workers that were not told to stop yet, since others connect to them.
        left: Vec<WorkerKey>,
        /// Until when all of it is to be over, if somebody said so.
        until: Option<Instant>,
    },
}

impl Supervisor {
    /// Asks a process, which is taken from its slot, to finish what is open.
    pub(super) fn drain(&mut self, worker: WorkerKey, mut process: Process, time: Option<Duration>) {
        let Some(&(_, slot)) = self.places.get(&process.key()) else { return };
        let time = time.unwrap_or(self.workers[worker].common().stop.drain_timeout);
        let timeout_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = Instant::now();
        process.leaves_by = Some(now + time + GRACE);
        let retired = self.retired(&process);
        if process.tell(ToWorker::Drain { timeout_ms, retired }) {
            self.deadlines.push(now + time + GRACE, Due::Terminate(process.key()));
        } else {
            self.deadlines.push(now, Due::Terminate(process.key()));
        }
        self.workers[worker].slots[slot].leaving.push(process);
    }

    /// Stops the processes of a slot, which drain for so long, or as long as configured.
    pub(super) fn stop_slot(&mut self, worker: WorkerKey, slot: usize, time: Option<Duration>) {
        let place = &mut self.workers[worker].slots[slot];
        self.listeners_changed = true;
        let (current, replacement) = (place.current.take(), place.replacement.take());
        match (place.state(), &current) {
            (State::Starting | State::Ready, Some(_)) => place.enter(State::Draining, None),
            (State::Draining | State::Stopped, _) => {}
            _ => place.enter(State::Stopped, None),
        }
        for process in current.into_iter().chain(replacement) {
            self.drain(worker, process, time);
        }
    }

    /// Begins to stop the node, or with a shorter time goes on to do so.
    pub(super) fn stop_node(&mut self, well: bool, caller: Option<Caller>, time: Option<Duration>) {
        match &mut self.phase {
            Phase::Stopping { callers, until, .. } => {
                callers.extend(caller);
                if let Some(time) = time {
                    *until = Some(Instant::now() + time);
                }
                if let Some(time) = time {
                    self.hurry(time);
                }
            }
            Phase::Running => {
                let left = self.workers.all().map(|(key, _)| key).collect();
                let until = time.map(|time| Instant::now() + time);
                self.phase =
                    Phase::Stopping { well, callers: caller.into_iter().collect(), told: 0, left, until };
                // Nobody will accept any more: who comes now is refused instead of left waiting. Who came before is
                // accepted still.
                for worker in self.workers.all_mut() {
                    worker.bound.clear();
                }
                self.node.given.clear();
                self.give_up_transition("the node is being stopped");
                self.stop_left();
            }
        }
    }

    /// Gives processes that drain already only so long.
    fn hurry(&mut self, time: Duration) {
        let timeout_ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let now = Instant::now();
        for process in self.workers.all().flat_map(|(_, worker)| worker.processes()) {
            process.tell(ToWorker::Drain { timeout_ms, retired: Vec::new() });
            self.deadlines.push(now + time + GRACE, Due::Terminate(process.key()));
        }
    }

    /// SIGTERM and SIGINT: the first one drains, the second one ends at once.
    pub(super) fn stop_by_signal(&mut self, name: &str) {
        if matches!(self.phase, Phase::Running) {
            self.hub.log(Level::Info, format!("{name}: draining; send it again to stop at once"));
            self.stop_node(true, None, None);
            return;
        }
        self.hub.log(Level::Warn, format!("{name} again: stopping at once"));
        if let Phase::Stopping { left, .. } = &mut self.phase {
            for key in std::mem::take(left) {
                for slot in 0..self.workers[key].slots.len() {
                    self.stop_slot(key, slot, Some(Duration::ZERO));
                }
            }
        }
        for process in
            self.workers.all_mut().flat_map(|w| &mut w.slots).flat_map(super::slot::Slot::processes_mut)
        {
            process.kill("stopped at once");
        }
    }

    /// Whether the end of this process, by itself, is the end of the node (`controller.options.shutdown`).
    pub(super) fn ends_node(&mut self, worker: WorkerKey, exit: &Exit, reason: &str) -> bool {
        let clean = exit::is_clean(exit);
        if !self.workers[worker].serves() {
            return false;
        }
        let serving = self.workers.serving().filter(|worker| worker.serves());
        let others = serving.flat_map(super::Worker::processes).count();
        let is_guest = matches!(self.workers[worker].work, Work::Guest(_));
        let ends = self.node.shutdown().into_iter().flatten().any(|shutdown| match shutdown {
            NodeShutdown::OnShutdownRequested => false,
            // As in Crossbar.io, a guest may come and go.
            NodeShutdown::OnWorkerExit | NodeShutdown::OnWorkerExitWithError if is_guest => false,
            NodeShutdown::OnWorkerExit => true,
            NodeShutdown::OnWorkerExitWithError => !clean,
            NodeShutdown::OnLastWorkerExit => others == 0,
        });
        if ends {
            let id = self.workers[worker].id();
            let why = format!("{id} {reason}: stopping the node, as controller.options.shutdown says");
            self.hub.log(if clean { Level::Info } else { Level::Error }, why);
            self.stop_node(clean, None, None);
        }
        ends
    }

    /// Tells those who wait how many processes are left, when that has changed.
    pub(super) fn tell_of_stopping(&mut self) {
        let left = self.places.len();
        let open: u64 = self
            .workers
            .all()
            .flat_map(|(_, worker)| worker.processes())
            .flat_map(|process| &process.counters.listeners)
            .map(|listener| listener.connections.open)
            .sum();
        if let Phase::Stopping { callers, told, .. } = &mut self.phase
            && *told != left
        {
            *told = left;
            for caller in callers {
                caller.progress(format!("draining: {left} processes, {open} connections when last counted"));
            }
        }
    }

    /// Whether everything has ended that was to end.
    pub(super) fn is_over(&self) -> bool {
        matches!(&self.phase, Phase::Stopping { left, .. } if left.is_empty()) && self.places.is_empty()
    }

    /// Tells those who have waited for the end; returns whether it was a good one.
    pub(super) async fn say_goodbye(&mut self) -> bool {
        self.hub.log(Level::Info, "stopped");
        let Phase::Stopping { well, callers, .. } = std::mem::replace(&mut self.phase, Phase::Running) else {
            return true;
        };
        for caller in callers {
            let _ = timeout(FAREWELL, caller.farewell()).await;
        }
        well
    }
}
