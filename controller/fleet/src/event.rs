//! What the fleet is told.

use crate::id::{CallerId, Inode, ProcessId, WorkerKey};
use crate::spec::{Endpoint, Spec};
use jackfield_shared::config::NodeShutdown;
use jackfield_shared::status::Exit;
use std::collections::BTreeSet;
use std::time::Duration;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The node begins: every worker is to start.
    Begin,
    /// Time has passed; timers may be due.
    Tick,
    /// A process was spawned.
    Spawned {
        /// Which one.
        process: ProcessId,
        /// Inodes of the sockets that it was given, which are those of its slot.
        listening: BTreeSet<Inode>,
        /// The endpoints of its worker, if some had to be bound again for it.
        endpoints: Option<Vec<Endpoint>>,
    },
    /// A process could not be spawned, for this reason.
    NotSpawned(ProcessId, String),
    /// A process says something of itself.
    Said(ProcessId, News),
    /// An order did not reach a process: it has ended, or does not read.
    Undelivered(ProcessId, Order),
    /// The connection to a process has ended, or what came over it is not understood, for this reason.
    Lost(ProcessId, Option<String>),
    /// A process has ended and was reaped.
    Exited(ProcessId, Exit),
    /// Somebody wants something; the result is for the caller.
    Called(Option<CallerId>, Command),
    /// The node can't go on, for a fault of its own that was logged.
    Fault,
    /// A reload is wanted that nobody waits for, now or when there can be one; what wants it, for the log.
    ReloadWanted(&'static str),
    /// A signal of this name that asks the node to stop; the second one stops it at once.
    StopSignal(&'static str),
    /// Another configuration or number of processes was read, checked and bound.
    Planned(Plan),
    /// That could not be had, for this reason; or the new image of the executable can't take over, or could not be executed.
    NotPlanned(String),
    /// Another number of processes is wanted of a worker, which is to be told with a plan: the slots of least use are
    /// moved to the end.
    Resizing(WorkerKey, usize),
    /// The new image of the executable was tried and can take over.
    Tried,
    /// This image of the executable has taken over: these processes run another one and are to be replaced.
    TookOver(Option<CallerId>, BTreeSet<ProcessId>),
}

/// What a process says, or what was seen of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It accepts on every listener, or does whatever it is for.
    Ready,
    /// It has all it needs and waits for the word to accept.
    Prepared,
    /// It is alive.
    Alive,
    /// It has accepted a connection.
    Worked,
    /// From now on its silence means that it is stuck, or does not any longer.
    Watched(bool),
    /// It needs this time for what it is doing.
    NeedsTime(Duration),
    /// It has no room for these sockets.
    Declined(Vec<Inode>),
    /// It can't do its work, for this reason, and is about to end.
    Failing(String),
    /// It serves and had better be replaced, for this reason.
    Outdated(String),
    /// It wants to be killed, for this reason.
    Broken(String),
    /// It routes realms, and goes on without this edge, for this reason.
    Stuck(ProcessId, String),
}

/// An order to a process that it has to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Finish what is open.
    Drain,
    /// Accept from these sockets, too.
    Listen(Vec<Inode>),
    /// Accept from these sockets no longer.
    Unlisten(Vec<Inode>),
    /// Know your edges.
    Edges,
}

/// What somebody wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Start the workers with these ids, or all.
    Start(Vec<String>),
    /// Stop them.
    Stop(Vec<String>),
    /// Replace their processes, one after the other.
    Restart(Vec<String>),
    /// Give the worker with this id so many processes.
    Scale(String, usize),
    /// Read the configuration again; new processes may take so long to be ready.
    Reload(Option<Duration>),
    /// Read the configuration again, and say what a reload would do.
    Rehearse,
    /// Try another image of the executable, and let it take over.
    Upgrade,
    /// Stop the node; what is open gets so long, or as long as configured.
    StopNode(Option<Duration>),
}

/// What is to come into effect.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Another configuration.
    Reload {
        /// All its workers, in order.
        workers: Vec<Planned>,
        /// Which ends of workers end the node.
        shutdown: Vec<NodeShutdown>,
    },
    /// Another number of processes of a worker.
    Scale(WorkerKey, Box<Spec>),
}

/// A worker of another configuration.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its key: that of the worker in effect whose processes can go on, or a new one.
    pub key: WorkerKey,
    /// What it is to be.
    pub spec: Spec,
}
