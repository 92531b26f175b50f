//! What is planned and not in effect.

use super::worker::Worker;
use crate::archives::Wanting;
use crate::node::Configuration;
use crate::sockets::Adjustment;
use jackfield_fleet::WorkerKey;
use jackfield_shared::config::NodeShutdown;

/// What is being planned.
#[derive(Debug)]
pub(super) enum Pending {
    /// The configuration is being read; what that takes ends with this.
    Reading(#[expect(dead_code, reason = "ends what was started when it is dropped")] Wanting),
    /// It can come into effect.
    Ready(Box<Next>),
}

/// What comes into effect.
#[derive(Debug, Default)]
pub(super) struct Next {
    /// The configuration; absent where only the number of processes changes.
    pub(super) configuration: Option<Configuration>,
    /// Workers that go on, as they are to be.
    pub(super) kept: Vec<Kept>,
    /// Those that are new, or take the place of another one.
    pub(super) added: Vec<WorkerKey>,
    /// What is to be undone otherwise.
    pub(super) adjustments: Vec<Adjustment>,
}

/// A worker that goes on.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) key: WorkerKey,
    pub(super) next: Worker,
    /// Whether it has the sockets of more processes already.
    pub(super) has_grown: bool,
}

/// Which ends of workers end the node.
pub(super) fn shutdown_of(configuration: &Configuration) -> Vec<NodeShutdown> {
    let node = configuration.loaded.node.as_ref();
    node.and_then(|node| node.controller.options.shutdown.clone()).unwrap_or_default()
}
