//! What the fleet wants done.

use crate::id::{CallerId, Inode, ProcessId, WorkerKey};
use jackfield_shared::ipc::Part;
use jackfield_shared::log::Level;
use std::time::Duration;

/// Something to do. Effects are carried out in order; what comes of them is told by events, after the last of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Spawn a process: [`Event::Spawned`](crate::Event::Spawned) or
    /// [`Event::NotSpawned`](crate::Event::NotSpawned) follows.
    Spawn {
        /// Its name.
        process: ProcessId,
        /// Its worker.
        worker: WorkerKey,
        /// Index of its slot.
        slot: usize,
        /// Whether it accepts nothing before it is told to.
        hold: bool,
        /// Its part in routing, if its worker routes; its number as an edge is that of its name.
        part: Part,
    },
    /// Send an order to a process; [`Event::Undelivered`](crate::Event::Undelivered) if that can't be done.
    Tell(ProcessId, Tell),
    /// Send SIGTERM to a process and to all it has started.
    Terminate(ProcessId),
    /// Send SIGKILL to them.
    Kill(ProcessId),
    /// Close the sockets of a worker's transport with this id.
    Close(WorkerKey, String),
    /// Let the own sockets of a slot of a guest rest, whose program is gone: others on the address get its clients.
    Rest(WorkerKey, usize),
    /// Close all sockets of a worker.
    CloseAll(WorkerKey),
    /// Close all sockets of the node, also those that it was started with.
    CloseNode,
    /// Let two slots of a worker exchange their own sockets, and their processes their indices.
    Exchange(WorkerKey, usize, usize),
    /// Read the configuration: [`Event::Planned`](crate::Event::Planned) or
    /// [`Event::NotPlanned`](crate::Event::NotPlanned) follows.
    Read,
    /// Bind what a worker needs for so many processes; the same follows.
    Resize(WorkerKey, usize),
    /// Put what was planned into effect.
    Commit,
    /// Undo what was planned, and stop planning.
    Undo,
    /// Forget a worker; another one takes over what it has counted.
    Remove {
        /// Which one.
        worker: WorkerKey,
        /// The worker in effect with the same id.
        heir: Option<WorkerKey>,
    },
    /// Try the new image: [`Event::Tried`](crate::Event::Tried) or
    /// [`Event::NotPlanned`](crate::Event::NotPlanned) follows.
    Try,
    /// Let the image that was tried take over; the caller of the change waits. [`Event::NotPlanned`](crate::Event::NotPlanned) if it
    /// can't be executed.
    HandOver,
    /// All processes of the former image are replaced, or can't be.
    Upgraded(Option<CallerId>, Result<(), String>),
    /// The start has ended: every worker is ready, or (true) some are not.
    Started(bool),
    /// Write to the log.
    Log(Level, String),
    /// Write to the log in the name of a process.
    LogOf(ProcessId, Level, String),
    /// Tell a caller what has just happened.
    Progress(CallerId, String),
    /// Tell a caller that the process in the slot of this name is ready.
    Replaced(CallerId, String, ProcessId),
    /// Tell callers how many processes the node waits for.
    Draining(Vec<CallerId>, usize),
    /// Tell a caller the result. Callers of the end of the node are told by [`Fleet::farewell`](crate::Fleet::farewell).
    Reply(CallerId, Result<(), String>),
}

/// What a process is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tell {
    /// Say that you are alive.
    Ping,
    /// Accept: what you have prepared is in effect.
    Accept,
    /// Finish what is open.
    Drain {
        /// Time for that.
        time: Duration,
        /// Sockets from which nobody will accept after you.
        retired: Vec<Inode>,
        /// Whether sessions may stay for that time: their realms are routed by another process.
        sessions_stay: bool,
    },
    /// Accept from these sockets, too.
    Listen(Vec<Lent>),
    /// Accept from these sockets no longer.
    Unlisten(Vec<Inode>),
    /// These are the edges that you route for; others have ended.
    Edges(Vec<ProcessId>),
}

/// A socket for a process that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    /// Its inode.
    pub inode: Inode,
    /// The transport of the process's worker that serves it.
    pub transport: String,
    /// Its address for people.
    pub address: String,
}
