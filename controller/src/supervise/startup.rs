//! The end of the start: every worker is ready, or it is known which are not.

use super::stop::Phase;
use super::{Supervisor, Worker};
use crate::sockets::Bound;
use jackfield_shared::ipc::NodeInfo;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;

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
