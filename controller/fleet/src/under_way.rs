//! A change of the node, and how far it is.

use crate::id::{CallerId, WorkerKey};
use crate::spec::{Endpoint, Spec};
use jackfield_shared::config::NodeShutdown;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A slot of a worker.
pub(crate) type Place = (WorkerKey, usize);

/// A change of the node that is under way. There is one at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) purpose: Purpose,
    pub(crate) caller: Option<CallerId>,
    /// How long new processes may take to be ready.
    pub(crate) time: Duration,
    pub(crate) stage: Stage,
}

/// What it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Reload,
    /// To see what a reload would do.
    Rehearsal,
    /// Another image of the executable, which is being tried.
    Upgrade,
    /// Another number of processes, for the worker with this id.
    Scale(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stage {
    /// The configuration is being read, with what that takes, or a new image of the executable is being tried.
    Waiting,
    /// New processes must have all they need.
    Preparing { next: Next, until: Instant },
    /// They serve, or are about to; then the old ones drain.
    Accepting(Next),
}

/// What comes into effect.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Next {
    /// Which ends of workers end the node; absent where only the number of processes changes.
    pub(crate) shutdown: Option<Vec<NodeShutdown>>,
    /// The workers, in order.
    pub(crate) order: Vec<WorkerKey>,
    /// Those of them that go on as they are, or with another number of processes.
    pub(crate) kept: Vec<Kept>,
    /// Those that are new, or take the place of another one.
    pub(crate) added: Vec<WorkerKey>,
    /// Those of them that start when this one, which they replace, has ended.
    pub(crate) later: Vec<(WorkerKey, Option<WorkerKey>)>,
    /// Those that go.
    pub(crate) former: Vec<WorkerKey>,
    /// Slots of new processes.
    pub(crate) arriving: Vec<Place>,
    /// Those of them that have not been started.
    pub(crate) queue: VecDeque<Place>,
    /// Slots whose processes go.
    pub(crate) leaving: Vec<Place>,
    /// What to say when it has come into effect.
    pub(crate) summary: String,
}

/// A worker that goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) key: WorkerKey,
    /// What it is to be.
    pub(crate) spec: Spec,
    /// How many slots it had.
    pub(crate) before: usize,
    /// What it listened on, if that has grown already.
    pub(crate) endpoints: Option<Vec<Endpoint>>,
}

impl Change {
    /// What is going on, for people.
    pub(crate) fn what(&self) -> String {
        match &self.purpose {
            Purpose::Reload => "the node is being reloaded".into(),
            Purpose::Rehearsal => "it is being looked at what a reload would do".into(),
            Purpose::Upgrade => "the node is being upgraded".into(),
            Purpose::Scale(id) => format!("{id} is being scaled"),
        }
    }

    /// Who waits for it.
    pub(crate) fn caller(&self) -> Option<CallerId> {
        self.caller
    }

    /// Whether it is for another configuration.
    pub(crate) fn is_reload(&self) -> bool {
        matches!(self.purpose, Purpose::Reload | Purpose::Rehearsal)
    }
}
