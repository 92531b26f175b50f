//! Whether the node runs.

use crate::id::{CallerId, WorkerKey};
use std::time::Instant;

/// Whether the node runs or is about to end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    /// It runs.
    Running,
    /// It drains.
    Stopping(Stopping),
}

/// The end of the node.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stopping {
    /// Whether it was told to, or has a fault.
    pub(crate) well: bool,
    /// Who wait for the end.
    pub(crate) callers: Vec<CallerId>,
    /// Number of processes, as last told.
    pub(crate) told: usize,
    /// Workers that were not told to stop yet, since others connect to them.
    pub(crate) left: Vec<WorkerKey>,
    /// Until when all of it is to be over, if somebody said so.
    pub(crate) until: Option<Instant>,
}
