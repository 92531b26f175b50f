//! What processes are told of the node as a whole, and what the service manager is told: how the node is, that it is
//! alive, and which sockets to keep while there is no node.

use super::Supervisor;
use super::due::Due;
use jackfield_fleet::Kind;
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::log::Level;
use jackfield_shared::status::{NodeState, State};
use rustix::time::{ClockId, clock_gettime};
use std::rc::Rc;
use std::time::Instant;

impl Supervisor {
    /// Says that the controller is alive, and when to say so again.
    pub(super) fn is_alive(&mut self, now: Instant) {
        if let Some(service) = &self.service
            && let Some(time) = service.manager.watchdog
        {
            service.manager.tell("WATCHDOG=1");
            self.timers.set(now + time / 2, Due::Alive);
        }
    }

    /// Tells what has changed.
    pub(super) fn tell_manager(&mut self) {
        let Some(mut service) = self.service.take() else { return };
        let sockets: Vec<_> = self
            .workers
            .values()
            .flat_map(|worker| &worker.bound)
            .flat_map(|bound| bound.listeners())
            .map(|(socket, _)| Rc::clone(socket))
            .collect();
        if let Some(e) = service.keep(&sockets) {
            let text = format!("the service manager can't keep the node's sockets: {e}");
            self.hub.log(Level::Warn, text);
        }
        let status = self.status_for_manager();
        let mut text = String::new();
        if status != service.status {
            text += &format!("STATUS={status}\n");
            service.status = status;
        }
        if self.fleet.is_stopping() {
            if !std::mem::replace(&mut service.is_stopping, true) {
                text += "STOPPING=1\n";
            }
        } else {
            let is_reloading = self.fleet.is_reloading();
            let was_reloading = std::mem::replace(&mut service.is_reloading, is_reloading);
            if is_reloading && !was_reloading {
                let now = clock_gettime(ClockId::Monotonic);
                let us = now.tv_sec.unsigned_abs() * 1_000_000 + now.tv_nsec.unsigned_abs() / 1000;
                text += &format!("RELOADING=1\nMONOTONIC_USEC={us}\n");
            } else if was_reloading && !is_reloading && service.is_ready {
                text += "READY=1\n";
            }
            if !service.is_ready && self.startup.is_none() && !self.has_failed_processes() {
                service.is_ready = true;
                text += "READY=1\n";
            }
        }
        if !text.is_empty() {
            service.manager.tell(text.trim_end());
        }
        self.service = Some(service);
    }

    /// Whether the node serves, as a whole.
    pub(super) fn node_state(&self) -> NodeState {
        if self.fleet.is_stopping() {
            NodeState::Stopping
        } else if self.was_ready {
            NodeState::Ready
        } else {
            NodeState::Starting
        }
    }

    /// Tells the processes whether the node serves, when that changes.
    pub(super) fn tell_processes(&mut self) {
        // An image takes over from one that has served.
        self.was_ready |= !self.begins || (self.startup.is_none() && !self.has_failed_processes());
        let state = self.node_state();
        if std::mem::replace(&mut self.told_state, state) == state {
            return;
        }
        // Those of another image may not know this message. They are about to be replaced.
        for process in self.processes.values().filter(|process| process.image.is_none()) {
            process.tell(ToWorker::NodeState(state));
        }
    }

    fn has_failed_processes(&self) -> bool {
        let serving = self.fleet.serving().filter(|(_, worker)| worker.spec().kind != Kind::Publisher);
        serving.flat_map(|(_, worker)| worker.active()).any(|(_, slot)| slot.state() == State::Failed)
    }

    /// How the node is, in one line.
    fn status_for_manager(&self) -> String {
        if self.fleet.is_stopping() {
            return format!("draining, processes left: {}", self.fleet.process_count());
        }
        let (mut ready, mut all) = (0, 0);
        for (_, slot) in self.fleet.serving().flat_map(|(_, worker)| worker.active()) {
            all += 1;
            ready += usize::from(slot.state() == State::Ready);
        }
        format!("processes ready: {ready} of {all}, generation {}", self.fleet.generation())
    }
}
