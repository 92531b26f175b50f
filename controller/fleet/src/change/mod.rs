//! From one configuration to the next, or from one number of processes to another: what is new is bound and made ready
//! first, and serves nobody; when all of it is ready it begins to serve, and only then what is old drains. What fails
//! before that is undone, and what ran goes on running.

mod commit;
mod prepare;
mod request;

use crate::effect::Effect;
use crate::fleet::Fleet;
use crate::id::CallerId;
use crate::planted::planted;
use crate::under_way::{Change, Purpose, Stage};
use jackfield_shared::log::Level;

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
            Purpose::Rehearsal => "reload --dry-run",
            Purpose::Scale(_) => "scale",
            Purpose::Upgrade => "upgrade",
        };
        self.log(Level::Error, format!("{what}: nothing was changed: {reason}"));
        self.reply(caller, Err(format!("nothing was changed: {reason}")));
    }
}
