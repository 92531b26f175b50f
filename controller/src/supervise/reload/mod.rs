//! From one configuration to the next, or from one number of processes to another: what is new is bound and made
//! ready first, and serves nobody; when all of it is ready it begins to serve, and only then what is old drains. What
//! fails before that is undone, and what ran goes on running.

mod commit;
mod compare;
mod prepare;
mod request;
mod scale;

use super::Supervisor;
use super::operation::Caller;
use super::worker::Worker;
use super::workers::WorkerKey;
use crate::archives::Wanting;
use crate::node::Configuration;
use crate::sockets::Adjustment;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A place for a process.
type Place = (WorkerKey, usize);

/// A change of the node that is under way. There is one at a time.
#[derive(Debug)]
pub(crate) struct Transition {
    purpose: Purpose,
    caller: Option<Caller>,
    /// How long new processes may take to be ready.
    time: Duration,
    step: Step,
}

/// What it is for.
#[derive(Debug)]
pub(super) enum Purpose {
    Reload,
    /// Another image of the executable, which is being tried.
    Upgrade,
    /// Another number of processes, for the worker with this id.
    Scale(String),
}

#[derive(Debug)]
enum Step {
    /// The configuration is being read, with what that takes, or a new image of the executable is being tried.
    Waiting(Option<Wanting>),
    /// New processes must have all they need.
    Preparing { next: Next, until: Instant },
    /// They serve, or are about to; then the old ones drain.
    Accepting(Next),
}

/// What comes into effect.
#[derive(Debug, Default)]
struct Next {
    /// The configuration; absent where only the number of processes changes.
    configuration: Option<Box<Configuration>>,
    /// The workers, in order.
    order: Vec<WorkerKey>,
    /// Those of them that go on as they are, or with another number of processes.
    kept: Vec<Kept>,
    /// Those that are new, or take the place of another one.
    added: Vec<WorkerKey>,
    /// Those of them that start when this one, which they replace, has ended.
    later: Vec<(WorkerKey, Option<WorkerKey>)>,
    /// Those that go.
    former: Vec<WorkerKey>,
    /// Places of new processes.
    arriving: Vec<Place>,
    /// Those of them that have not been started: as many start at a time as the machine can take.
    queue: VecDeque<Place>,
    /// Places whose processes go.
    leaving: Vec<Place>,
    /// What is to be undone otherwise.
    adjustments: Vec<Adjustment>,
    /// What to say when it has come into effect.
    summary: String,
}

/// A worker that goes on.
#[derive(Debug)]
struct Kept {
    key: WorkerKey,
    /// What it is to be; has no processes.
    next: Box<Worker>,
    /// How many places it had.
    before: usize,
}

/// Whether it is for another configuration.
pub(super) fn is_reload(transition: &Transition) -> bool {
    matches!(transition.purpose, Purpose::Reload)
}

impl Transition {
    /// What is going on, for people.
    pub(super) fn what(&self) -> String {
        match &self.purpose {
            Purpose::Reload => "the node is being reloaded".into(),
            Purpose::Upgrade => "the node is being upgraded".into(),
            Purpose::Scale(id) => format!("{id} is being scaled"),
        }
    }
}

impl Supervisor {
    /// Goes on, after something has happened.
    pub(super) fn proceed_transition(&mut self) {
        let Some(Transition { purpose, caller, time, step }) = self.transition.take() else { return };
        let step = match step {
            Step::Waiting(wanting) => Step::Waiting(wanting),
            Step::Preparing { mut next, until } => match self.prepare(&mut next, until, time) {
                None => Step::Preparing { next, until },
                Some(Ok(())) => {
                    self.commit(&mut next);
                    Step::Accepting(next)
                }
                Some(Err(reason)) => {
                    self.undo(next);
                    return self.transition_failed(&purpose, caller, &reason);
                }
            },
            Step::Accepting(next) => match self.has_begun(&next) {
                false => Step::Accepting(next),
                true => return self.finish_transition(&purpose, caller, next),
            },
        };
        self.transition = Some(Transition { purpose, caller, time, step });
    }

    /// Gives up whatever is under way, for this reason.
    pub(super) fn give_up_transition(&mut self, reason: &str) {
        let Some(Transition { purpose, caller, step, .. }) = self.transition.take() else { return };
        if let Step::Preparing { next, .. } = step {
            self.undo(next);
        }
        self.transition_failed(&purpose, caller, reason);
    }
}
