//! A simulated process.

use jackfield_fleet::{Inode, ProcessId, WorkerKey};
use std::collections::BTreeSet;
use std::time::Instant;

/// A process as it really is, whatever the fleet believes.
#[derive(Clone, Debug)]
pub(crate) struct Simulated {
    pub(crate) worker: WorkerKey,
    /// Whether it may accept only when it is told to.
    pub(crate) hold: bool,
    /// Whether it has said that it is prepared.
    pub(crate) is_prepared: bool,
    /// Whether it accepts.
    pub(crate) is_ready: bool,
    /// The sockets it was given.
    pub(crate) sockets: BTreeSet<Inode>,
    /// Since when it does nothing any more.
    pub(crate) hangs_since: Option<Instant>,
    /// By when it must have ended, since it was told to.
    pub(crate) ends_by: Option<Instant>,
    /// Whether its sessions may stay until then.
    pub(crate) sessions_stay: bool,
    /// Whether it takes no notice of SIGTERM.
    pub(crate) is_stubborn: bool,
    /// Whether it is about to end: nothing of it matters any more.
    pub(crate) is_doomed: bool,
    pub(crate) is_watched: bool,
    /// The edges that it knows of, if it routes realms for them.
    pub(crate) edges: Option<BTreeSet<ProcessId>>,
    /// Which of the realm processes of its worker it is, if it is one.
    pub(crate) number: Option<u16>,
}

impl Simulated {
    /// Whether it accepts from its sockets.
    pub(crate) fn accepts(&self) -> bool {
        self.is_ready && self.ends_by.is_none() && !self.is_doomed
    }
}

/// Something that happens to a process, or to the node, at a time.
#[derive(Clone, Debug)]
pub(crate) enum Happening {
    /// It is ready, or prepared if it has to wait.
    Ready(jackfield_fleet::ProcessId),
    /// It answers.
    Alive(jackfield_fleet::ProcessId),
    /// It ends.
    Ends(jackfield_fleet::ProcessId, How),
    /// The configuration was read.
    Read,
    /// The new image was tried.
    Tried,
    /// Something is done to the node.
    Action,
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Well,
    Badly,
    Killed,
    Terminated,
}
