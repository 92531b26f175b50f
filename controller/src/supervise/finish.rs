//! The end of the start, and the end of the node.

use super::Supervisor;
use super::startup::Startup;
use crate::sockets::Bound;
use jackfield_fleet::Event;
use jackfield_shared::ipc::NodeInfo;
use jackfield_shared::log::Level;
use std::time::Duration;
use tokio::time::timeout;

/// How long a client of the control socket may take to read the last response.
const FAREWELL: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Begins the log.
    pub(super) fn say_hello(&mut self) {
        let NodeInfo { id, version, .. } = &self.node.info;
        self.hub.log(
            Level::Info,
            format!("node {id} starts: jackfield {version}, configuration {}", self.node.configuration.name),
        );
        let endpoints = self.serving().flat_map(|(_, worker)| &worker.bound);
        for Bound { worker, transport, address, .. } in endpoints {
            self.hub.log(Level::Info, format!("listening on {address} for {worker}, {transport}"));
        }
    }

    /// The start has ended: every worker is ready, or it is known which are not; returns whether the node can't go on.
    pub(super) fn started(&mut self, has_failed: bool) -> Option<Event> {
        let Startup { banner, waiting } = self.startup.take()?;
        if !has_failed {
            let took = self.node.started.elapsed().as_millis();
            self.hub.log(Level::Info, format!("every worker is ready {took} ms after the start"));
        }
        match waiting {
            None if has_failed => self.hub.log(Level::Error, "not every worker could be started"),
            None => self.hub.print(banner),
            Some(_) if has_failed => {
                // Whoever waits is told by our end, and has read the reasons.
                self.hub.log(Level::Error, "not every worker could be started: stopping");
                return Some(Event::Fault);
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
                    return Some(Event::Fault);
                }
            }
        }
        None
    }

    /// Tells those who have waited for the end; returns whether it was a good one.
    pub(super) async fn say_goodbye(&mut self) -> bool {
        self.hub.log(Level::Info, "stopped");
        let Some(farewell) = self.fleet.farewell() else { return true };
        for caller in farewell.callers {
            if let Some(caller) = self.callers.remove(&caller) {
                let _ = timeout(FAREWELL, caller.farewell()).await;
            }
        }
        farewell.well
    }
}
