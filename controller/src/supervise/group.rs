//! The process group of a worker's process: what it is, and all it has started.

use rustix::process::{Pid, Signal, kill_process_group};
use std::cell::Cell;

/// A process group that can be signalled without ever hitting a stranger: its id is not used again before
/// its leader is reaped, and after that no signal is sent.
#[derive(Debug)]
pub(crate) struct Group {
    leader: Pid,
    reaped: Cell<bool>,
}

impl Group {
    /// The group of a leader that was spawned and is not yet reaped.
    pub(crate) fn new(leader: Pid) -> Self {
        Self { leader, reaped: Cell::new(false) }
    }

    /// Its leader.
    pub(crate) fn leader(&self) -> Pid {
        self.leader
    }

    /// Sends the signal to all processes of the group, if there are any.
    pub(crate) fn signal(&self, signal: Signal) {
        if !self.reaped.get() {
            // ESRCH: they have all ended, and the leader waits to be reaped.
            let _ = kill_process_group(self.leader, signal);
        }
    }

    /// To be called with the reaping of the leader, without anything in between.
    pub(crate) fn set_reaped(&self) {
        self.reaped.set(true);
    }
}
