//! The end of the start: every worker is ready, or it is known which are not.

use super::due::Due;
use super::stop::Phase;
use super::{Supervisor, Worker};
use crate::sockets::Bound;
use jackfield_shared::ipc::NodeInfo;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::time::{Duration, Instant};

/// A guest that counts as ready because it runs is looked at for so long before the start is called good.
const LOOK: Duration = Duration::from_millis(300);

/// What is to be done when the start has ended.
#[derive(Debug)]
pub(crate) struct Startup {
    /// Printed on standard output when every worker is ready.
    pub banner: String,
    /// The command that waits for a node which detaches from its terminal.
    pub waiting: Option<crate::node::Waiting>,
}

impl Supervisor {
    /// Begins the log.
    pub(super) fn say_hello(&mut self) {
        let NodeInfo { id, version, .. } = &self.node.info;
        self.hub.log(
            Level::Info,
            format!("node {id} starts: jackfield {version}, configuration {}", self.node.configuration.name),
        );
        let endpoints = self.workers.serving().flat_map(|worker| &worker.bound);
        for Bound { worker, transport, address, .. } in endpoints {
            self.hub.log(Level::Info, format!("listening on {address} for {worker}, {transport}"));
        }
    }

    /// When all guests that count as ready because they run have run for a moment.
    fn guests_settle_at(&self) -> Option<Instant> {
        let guests = self.workers.serving().filter(|worker| worker.is_ready_by_running());
        let ready = guests.flat_map(Worker::active).filter_map(|(_, slot)| slot.current.as_ref()?.ready);
        ready.max().map(|at| at + LOOK)
    }

    /// Looks whether the start has ended.
    pub(super) fn watch_startup(&mut self) {
        if self.startup.is_none() || !self.to_start.is_empty() || !matches!(self.phase, Phase::Running) {
            return;
        }
        let mut failed = false;
        let serving = self.workers.serving().filter(|worker| worker.serves());
        for (_, slot) in serving.flat_map(Worker::active) {
            match slot.state() {
                State::Starting | State::Backoff | State::Draining => return,
                State::Failed => failed = true,
                // Ready, or ended well, or stopped by somebody already.
                State::Ready | State::Stopped => {}
            }
        }
        // A program that runs may still end at once, and then the start was no good one.
        if let Some(settled) = self.guests_settle_at().filter(|settled| *settled > Instant::now()) {
            self.deadlines.push(settled, Due::Transition);
            return;
        }
        let Some(Startup { banner, waiting }) = self.startup.take() else { return };
        if !failed {
            let took = self.node.started.elapsed().as_millis();
            self.hub.log(Level::Info, format!("every worker is ready {took} ms after the start"));
        }
        match waiting {
            None if failed => self.hub.log(Level::Error, "not every worker could be started"),
            None => self.hub.print(banner),
            Some(_) if failed => {
                // Whoever waits is told by our end, and has read the reasons.
                self.hub.log(Level::Error, "not every worker could be started: stopping");
                self.stop_node(false, None, None);
            }
            Some(waiting) => {
                self.hub.print(banner);
                let detached = match &self.node.configuration.loaded.node {
                    Some(node) => self.hub.leave_terminal(waiting.log_file.clone(), node),
                    None => Ok(()),
                };
                let detached = detached.and_then(|()| waiting.detach());
                if let Err(e) = detached {
                    self.hub.log(Level::Error, format!("cannot leave the terminal: {e}; stopping"));
                    self.stop_node(false, None, None);
                }
            }
        }
    }
}
