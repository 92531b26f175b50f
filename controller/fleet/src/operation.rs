//! What callers have asked for and wait for.

use crate::id::{CallerId, ProcessId, WorkerKey};
use crate::restarting::Rolling;

/// Something that takes time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Operation {
    pub(crate) kind: OperationKind,
    pub(crate) caller: Option<CallerId>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum OperationKind {
    /// Until all processes of these workers are ready.
    Start(Vec<WorkerKey>),
    /// Until these workers have no processes; with the number of those left, as last told.
    Stop(Vec<WorkerKey>, usize),
    /// Until these processes, which drain, have ended.
    Leave(Vec<ProcessId>),
    /// Until every process is replaced.
    Restart(Rolling),
    /// The same, after this image has taken over.
    Upgrade(Rolling),
}

impl OperationKind {
    /// The replacing of processes that it is, if it is that.
    pub(crate) fn rolling(&self) -> Option<&Rolling> {
        match self {
            Self::Restart(rolling) | Self::Upgrade(rolling) => Some(rolling),
            Self::Start(_) | Self::Stop(..) | Self::Leave(_) => None,
        }
    }
}
