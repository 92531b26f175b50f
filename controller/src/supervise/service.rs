//! What the service manager was told, and the sockets that it keeps while there is no node.

use crate::sockets::{Given, Socket};
use crate::systemd::{Manager, kept_name};
use crate::upgrade::ServiceState;
use std::collections::BTreeSet;
use std::rc::Rc;

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
    pub(super) manager: Manager,
    keeping: Keeping,
    /// Whether keeping has failed, which was logged.
    has_failed: bool,
    pub(super) is_ready: bool,
    pub(super) is_reloading: bool,
    pub(super) is_stopping: bool,
    pub(super) status: String,
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
    pub(super) fn keep(&mut self, sockets: &[Rc<Socket>]) -> Option<std::io::Error> {
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
