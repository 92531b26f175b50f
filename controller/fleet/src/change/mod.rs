//! From one configuration to the next, or from one number of processes to another: what is new is bound and made ready
//! first, and serves nobody; when all of it is ready it begins to serve, and only then what is old drains. What fails
//! before that is undone, and what ran goes on running.

mod commit;
mod prepare;
mod request;

use crate::effect::Effect;
use crate::fleet::Fleet;
use crate::id::{CallerId, WorkerKey};
use crate::planted::planted;
use crate::spec::{Endpoint, Spec};
use jackfield_shared::config::NodeShutdown;
use jackfield_shared::log::Level;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A slot of a worker.
type Place = (WorkerKey, usize);

/// A change of the node that is under way. There is one at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    purpose: Purpose,
    caller: Option<CallerId>,
    /// How long new processes may take to be ready.
    time: Duration,
    stage: Stage,
}

/// What it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Reload,
    /// Another image of the executable, which is being tried.
    Upgrade,
    /// Another number of processes, for the worker with this id.
    Scale(String),
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    /// The configuration is being read, with what that takes, or a new image of the executable is being tried.
    Waiting,
    /// New processes must have all they need.
    Preparing { next: Next, until: Instant },
    /// They serve, or are about to; then the old ones drain.
    Accepting(Next),
}

/// What comes into effect.
#[derive(Clone, Debug, Default, PartialEq)]
struct Next {
    /// Which ends of workers end the node; absent where only the number of processes changes.
    shutdown: Option<Vec<NodeShutdown>>,
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
    /// Slots of new processes.
    arriving: Vec<Place>,
    /// Those of them that have not been started.
    queue: VecDeque<Place>,
    /// Slots whose processes go.
    leaving: Vec<Place>,
    /// What to say when it has come into effect.
    summary: String,
}

/// A worker that goes on.
#[derive(Clone, Debug, PartialEq)]
struct Kept {
    key: WorkerKey,
    /// What it is to be.
    spec: Spec,
    /// How many slots it had.
    before: usize,
    /// What it listened on, if that has grown already.
    endpoints: Option<Vec<Endpoint>>,
}

impl Change {
    /// What is going on, for people.
    pub(crate) fn what(&self) -> String {
        match &self.purpose {
            Purpose::Reload => "the node is being reloaded".into(),
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
        self.purpose == Purpose::Reload
    }
}

impl Fleet {
    /// Goes on, after something has happened.
    pub(crate) fn proceed_change(&mut self) {
        let Some(Change { purpose, caller, time, stage }) = self.change.take() else { return };
        let stage = match stage {
            Stage::Waiting => Stage::Waiting,
            Stage::Preparing { mut next, until } => match self.prepare(&mut next, until, time) {
                None => Stage::Preparing { next, until },
                Some(Ok(())) => {
                    self.commit(&mut next);
                    Stage::Accepting(next)
                }
                Some(Err(reason)) => {
                    self.undo(next);
                    return self.change_failed(&purpose, caller, &reason);
                }
            },
            Stage::Accepting(next) => match self.has_begun(&next) {
                false => Stage::Accepting(next),
                true => return self.finish_change(&purpose, caller, next),
            },
        };
        self.change = Some(Change { purpose, caller, time, stage });
    }

    /// Gives up whatever is under way, for this reason.
    pub(crate) fn give_up_change(&mut self, reason: &str) {
        let Some(Change { purpose, caller, stage, .. }) = self.change.take() else { return };
        match stage {
            Stage::Preparing { next, .. } => self.undo(next),
            Stage::Waiting => self.effects.push(Effect::Undo),
            Stage::Accepting(_) => {}
        }
        planted!(self, LostAnswer, {
            return;
        });
        self.change_failed(&purpose, caller, reason);
    }

    /// It came to nothing.
    pub(crate) fn change_failed(&mut self, purpose: &Purpose, caller: Option<CallerId>, reason: &str) {
        let what = match purpose {
            Purpose::Reload => "reload",
            Purpose::Scale(_) => "scale",
            Purpose::Upgrade => "upgrade",
        };
        self.log(Level::Error, format!("{what}: nothing was changed: {reason}"));
        self.reply(caller, Err(format!("nothing was changed: {reason}")));
    }
}
