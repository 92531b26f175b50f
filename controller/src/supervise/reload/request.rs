//! Somebody wants a reload.

use super::compare::compare;
use super::{Next, Purpose, Step, Supervisor, Transition};
use crate::archives::wanted;
use crate::node::{Absent, Configuration, Origin};
use crate::supervise::assemble::{Assembly, Former, Setting, assemble};
use crate::supervise::due::{Due, START_LIMIT};
use crate::supervise::event::Event;
use crate::supervise::operation::{Caller, Kind};
use crate::supervise::stop::Phase;
use jackfield_shared::log::Level;
use std::time::{Duration, Instant};
use tokio::task::{spawn_blocking, spawn_local};

/// Most obstacles that are shown: what is wrong should fit on one screen.
const SHOWN: usize = 5;

impl Supervisor {
    /// `jackfield reload`: new processes may take so long to be ready.
    pub(in super::super) fn reload(&mut self, caller: Caller, time: Option<Duration>) {
        if let Some(reason) = self.in_the_way_of_reload() {
            return caller.finish(Err(format!("{reason}; nothing was changed")));
        }
        self.hub.log(Level::Info, "`jackfield reload`: reading the configuration");
        self.begin_reload(Some(caller), time);
    }

    /// SIGHUP: a reload now, or when there can be one.
    pub(in super::super) fn reload_by_signal(&mut self) {
        match self.in_the_way_of_reload() {
            Some(reason) if matches!(self.phase, Phase::Running) => {
                self.hub.log(Level::Info, format!("SIGHUP: {reason}; reloading after that"));
                self.reload_wanted = true;
            }
            Some(_) => {}
            None => {
                self.hub.log(Level::Info, "SIGHUP: reading the configuration");
                self.begin_reload(None, None);
            }
        }
    }

    /// Does what SIGHUP wanted, as soon as nothing is in its way.
    pub(in super::super) fn reload_if_wanted(&mut self) {
        if self.reload_wanted && self.in_the_way_of_reload().is_none() {
            self.reload_wanted = false;
            self.begin_reload(None, None);
        }
    }

    pub(in super::super) fn in_the_way_of_reload(&self) -> Option<String> {
        if matches!(self.phase, Phase::Stopping { .. }) {
            return Some("the node is being stopped".into());
        }
        if let Some(transition) = &self.transition {
            return Some(transition.what());
        }
        let restarts = |kind: &Kind| matches!(kind, Kind::Restart(_) | Kind::Upgrade(_));
        let restarts = self.operations.iter().any(|operation| restarts(&operation.kind));
        restarts.then(|| "workers are being restarted".into())
    }

    fn begin_reload(&mut self, caller: Option<Caller>, time: Option<Duration>) {
        let (purpose, time) = (Purpose::Reload, time.unwrap_or(START_LIMIT));
        let (wanting, wanted) = match wanted() {
            Ok(both) => both,
            Err(e) => return self.transition_failed(&purpose, caller, &e.to_string()),
        };
        self.transition = Some(Transition { purpose, caller, time, step: Step::Waiting(Some(wanting)) });
        // The built-in node stays what it is; none becomes one because its file has gone.
        let absent = if self.node.configuration.is_builtin { Absent::BuiltIn } else { Absent::Error };
        let (origin, events) = (self.node.origin.clone(), self.events.clone());
        spawn_local(async move {
            // A disk may be slow, a name server slower, and somebody may hold a lock.
            let read = spawn_blocking(move || {
                let Origin { directory, base, file } = origin;
                let mut configuration = Configuration::read(&directory, &base, file.as_deref(), absent);
                configuration.fetch_archives(&wanted, drop);
                configuration.await_locks();
                configuration
            });
            if let Ok(configuration) = read.await {
                let _ = events.send(Event::Configuration(Box::new(configuration))).await;
            }
        });
    }

    /// Goes on with what was read.
    pub(in super::super) fn configuration_was_read(&mut self, configuration: Configuration) {
        let Some(Transition { purpose, caller, time, step: Step::Waiting(_) }) =
            self.transition.take_if(|t| matches!((&t.purpose, &t.step), (Purpose::Reload, Step::Waiting(_))))
        else {
            return;
        };
        match self.plan_reload(Box::new(configuration), caller.as_ref()) {
            Ok(next) => {
                let until = Instant::now() + time;
                self.deadlines.push(until, Due::Transition);
                self.transition =
                    Some(Transition { purpose, caller, time, step: Step::Preparing { next, until } });
            }
            Err(reasons) => self.transition_failed(&purpose, caller, &one_screen(reasons)),
        }
    }

    fn plan_reload(
        &mut self,
        configuration: Box<Configuration>,
        caller: Option<&Caller>,
    ) -> Result<Next, Vec<String>> {
        let obstacles = configuration.obstacles();
        if !obstacles.is_empty() {
            return Err(obstacles);
        }
        for warning in configuration.warnings() {
            if let Some(caller) = caller {
                caller.progress(warning.clone());
            }
            self.hub.log(Level::Warn, warning);
        }
        for config in configuration.loaded.node.iter().flat_map(|node| &node.workers) {
            let count = self.node.machine.cpus.processes(config.common.processes);
            if let Some(key) = self.workers.find(&config.id).filter(|key| self.workers[*key].scaled.is_none())
            {
                self.put_in_order(key, count.into());
            }
        }
        let setting = Setting {
            base: &self.node.origin.base,
            machine: &self.node.machine,
            former: self.workers.serving().map(Former::of).collect(),
            given: &self.node.given,
            deadline: None,
        };
        let Assembly { workers, adjustments, remarks } = assemble(&configuration, &setting)?;
        for (level, text) in remarks {
            self.hub.log(level, text);
        }
        let next = compare(&mut self.workers, workers, self.node.generation + 1);
        Ok(Next { configuration: Some(configuration), adjustments, ..next })
    }

    /// The new image is being tried.
    pub(in super::super) fn await_trial(&mut self, caller: Option<Caller>) {
        let step = Step::Waiting(None);
        self.transition = Some(Transition { purpose: Purpose::Upgrade, caller, time: START_LIMIT, step });
    }

    /// It was tried; who waits for the upgrade, if anybody does. `None` if it is not wanted any longer.
    pub(in super::super) fn end_of_trial(&mut self) -> Option<Option<Caller>> {
        let trial = self.transition.take_if(|transition| matches!(transition.purpose, Purpose::Upgrade));
        trial.map(|transition| transition.caller)
    }

    /// It came to nothing.
    pub(in super::super) fn transition_failed(
        &mut self,
        purpose: &Purpose,
        caller: Option<Caller>,
        reason: &str,
    ) {
        let what = match purpose {
            Purpose::Reload => "reload",
            Purpose::Scale(_) => "scale",
            Purpose::Upgrade => "upgrade",
        };
        self.hub.log(Level::Error, format!("{what}: nothing was changed: {reason}"));
        if let Some(caller) = caller {
            caller.finish(Err(format!("nothing was changed: {reason}")));
        }
    }
}

fn one_screen(mut reasons: Vec<String>) -> String {
    let more = reasons.len().saturating_sub(SHOWN);
    reasons.truncate(SHOWN);
    if more > 0 {
        reasons.push(format!("and {more} more: `jackfield check` lists them"));
    }
    // A text of several lines begins on its own.
    let start =
        if reasons.len() > 1 || reasons.iter().any(|reason| reason.contains('\n')) { "\n" } else { "" };
    format!("{start}{}", reasons.join("\n"))
}
