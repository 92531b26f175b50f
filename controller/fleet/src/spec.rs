//! What the configuration wants of a worker, as far as decisions depend on it.

use crate::id::Inode;
use crate::order::Links;
use crate::restart::Rules;
use std::time::Duration;

/// A worker as it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its id.
    pub id: String,
    /// What its processes are.
    pub kind: Kind,
    /// Number of its processes, but for those of its realm slots.
    pub processes: usize,
    /// How its processes are started again.
    pub rules: Rules,
    /// Time that a process gets to finish what is open (`stop.drain_timeout`).
    pub drain_timeout: Duration,
    /// Time between SIGTERM and SIGKILL (`stop.kill_timeout`).
    pub kill_timeout: Duration,
    /// Time in which a process must be ready (`restart.ready_timeout`).
    pub ready_timeout: Duration,
    /// Longest silence of a process that is not stuck; zero: any.
    pub watchdog: Duration,
    /// Number of its realm slots, which it has besides; 0: its processes have clients and realms, or it has none.
    pub realm_processes: usize,
    /// Longest silence of a process in one of them that is not stuck; zero: any.
    pub realm_watchdog: Duration,
    /// Which workers it starts after, and which addresses it listens on and connects to.
    pub links: Links,
    /// Whether a process and its successor can work side by side.
    pub can_overlap: bool,
    /// Whether its processes count as ready for no other reason than that they run.
    pub ready_by_running: bool,
    /// What it listens on.
    pub endpoints: Vec<Endpoint>,
}

/// What the processes of a worker are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Our own, which can be given further sockets while they run.
    Native,
    /// Somebody else's program.
    Guest,
    /// The node's own publisher of onion services: without it the node goes on, if degraded.
    Publisher,
    /// The node's own Arti.
    Arti,
    /// Processes of a worker that is in no configuration any more: nothing is wanted but their end.
    Former,
}

impl Kind {
    /// Whether the node is not what it is to be without it.
    pub(crate) fn serves(self) -> bool {
        self != Self::Publisher
    }
}

/// An address that a worker listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Id of the transport.
    pub transport: String,
    /// The address for people.
    pub address: String,
    /// The address as it is compared with those of other workers.
    pub local: String,
    /// Whether it may be closed while nobody accepts from it and be bound again later.
    pub closable: bool,
    /// Its sockets; empty while it is closed.
    pub sockets: Vec<Listener>,
}

/// A listening socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its inode.
    pub inode: Inode,
    /// Index of the slot whose process it belongs to; absent: all processes accept from it.
    pub owner: Option<usize>,
}

impl Endpoint {
    /// Whether its sockets were closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.sockets.is_empty()
    }

    /// Inodes of the sockets that the process in this slot accepts from.
    pub(crate) fn of_slot(&self, slot: usize) -> impl Iterator<Item = Inode> {
        let is_its = move |listener: &&Listener| listener.owner.is_none_or(|owner| owner == slot);
        self.sockets.iter().filter(is_its).map(|listener| listener.inode)
    }
}
