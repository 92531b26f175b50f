//! The keeper of a guest's process.

use super::group::Group;
use rustix::process::{Pid, Signal};
use std::cell::Cell;
use std::rc::Rc;
use tokio::net::UnixStream;

/// The keeper of a guest's process, as the supervisor speaks to it.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(super) socket: Rc<UnixStream>,
    /// The keeper's own process group, which nothing else belongs to.
    pub(super) group: Rc<Group>,
    pub(super) was_asked_to_end: Cell<bool>,
}

impl Keeper {
    /// Sends the signal to the program's process group; SIGKILL to everything that the program has started.
    pub(super) fn signal(&self, signal: Signal) {
        // One that somebody has stopped must go on to do it.
        self.group.signal(Signal::CONT);
        let number = u8::try_from(signal.as_raw()).unwrap_or_default();
        // A keeper that is gone has nothing to keep.
        let _ = self.socket.try_write(&[number]);
    }

    /// The keeper's process id.
    pub(super) fn pid(&self) -> Pid {
        self.group.leader()
    }

    /// Asks the program to finish what is open, once: many programs take a second SIGTERM for an order to end at
    /// once.
    pub(super) fn drain(&self) {
        if !self.was_asked_to_end.replace(true) {
            self.signal(Signal::TERM);
        }
    }
}
