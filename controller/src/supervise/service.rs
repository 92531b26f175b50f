//! What the service manager is told: how the node is, that it is alive, and which sockets to keep while there is no
//! node.

use super::Supervisor;
use super::due::Due;
use crate::sockets::{Given, Socket};
use crate::systemd::{Manager, kept_name};
use crate::upgrade::ServiceState;
use jackfield_fleet::Kind;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

/// Sockets by inode: those that the service manager keeps for us, and those that it has anyway.
#[derive(Debug, Default)]
pub(crate) struct Keeping {
    kept: BTreeSet<u64>,
    foreign: BTreeSet<u64>,
}

impl Keeping {
    /// What is known of the sockets that the node was started with.
    pub(crate) fn of(given: &[Given]) -> Self {
        let inodes = |foreign: bool| {
            let some = given.iter().filter(|socket| socket.is_foreign() == foreign);
            some.flat_map(Given::inodes).collect()
        };
        Self { kept: inodes(false), foreign: inodes(true) }
    }
}

/// The service manager, and what it was told.
#[derive(Debug)]
pub(crate) struct Service {
    manager: Manager,
    keeping: Keeping,
    /// Whether keeping has failed, which was logged.
    has_failed: bool,
    is_ready: bool,
    is_reloading: bool,
    is_stopping: bool,
    status: String,
}

impl Service {
    /// One that was told nothing yet.
    pub(crate) fn new(manager: Manager, keeping: Keeping) -> Self {
        let status = String::new();
        let (is_ready, is_reloading, is_stopping) = (false, false, false);
        Self { manager, keeping, has_failed: false, is_ready, is_reloading, is_stopping, status }
    }

    /// What the next image of the executable goes on with.
    pub(crate) fn save(&self) -> ServiceState {
        ServiceState { kept: self.keeping.kept.clone(), foreign: self.keeping.foreign.clone() }
    }

    /// One that another image has told that the node is ready, and what to keep.
    pub(crate) fn restore(manager: Manager, state: &ServiceState) -> Self {
        let keeping = Keeping { kept: state.kept.clone(), foreign: state.foreign.clone() };
        Self { is_ready: true, ..Self::new(manager, keeping) }
    }

    /// Lets it keep these sockets, and no others; returns why it can't, the first time.
    fn keep(&mut self, sockets: &[Rc<Socket>]) -> Option<std::io::Error> {
        let Keeping { kept, foreign } = &mut self.keeping;
        let wanted: BTreeSet<_> = sockets.iter().map(|socket| socket.inode).collect();
        kept.retain(|inode| {
            let stays = wanted.contains(inode);
            if !stays {
                self.manager.forget(&kept_name(*inode));
            }
            stays
        });
        for socket in sockets.iter().filter(|socket| !foreign.contains(&socket.inode)) {
            if kept.contains(&socket.inode) {
                continue;
            }
            match self.manager.keep(&kept_name(socket.inode), socket.fd()) {
                Ok(()) => drop(kept.insert(socket.inode)),
                Err(e) => return (!std::mem::replace(&mut self.has_failed, true)).then_some(e),
            }
        }
        None
    }
}

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
