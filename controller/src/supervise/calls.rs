//! What clients of the control socket want.

use super::Supervisor;
use super::operation::{Caller, Kind, Operation};
use super::rolling::Rolling;
use super::stop::Phase;
use super::workers::WorkerKey;
use crate::control::{Action, Call, Request, Response};
use crate::decide::restart::History;
use crate::logs::CONTROLLER;
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::log::Level;
use jackfield_shared::status::State;
use std::time::Duration;

impl Supervisor {
    /// Begins to do what a client wants.
    pub(super) fn called(&mut self, Call { request, responses, connection, peer }: Call) {
        if let Some(reason) = peer.and_then(|peer| self.forbids(&peer, &request)) {
            self.hub.log(Level::Warn, format!("a command was refused: {reason}"));
            let _ = responses.try_send(Response::Error(reason));
            return;
        }
        match request {
            Request::Status => self.gather_for_client(responses),
            Request::Logs { filter, last, follow } => {
                if let Some(unknown) = filter.workers.iter().find(|id| self.workers.find(id).is_none()) {
                    let _ = responses.try_send(Response::Error(self.unknown(unknown)));
                    return;
                }
                self.hub.serve(filter, last, follow, responses.clone());
                if !follow {
                    let _ = responses.try_send(Response::Done);
                }
            }
            Request::Stop { timeout_s } => {
                self.hub.log(Level::Info, "`jackfield stop`: draining");
                let time = timeout_s.and_then(|s| Duration::try_from_secs_f64(s).ok());
                self.stop_node(true, Some(Caller(responses)), time);
            }
            Request::LogLevel { level, ids } => {
                Caller(responses).finish(self.set_log_level(level, &ids));
            }
            Request::Reload { timeout_s } => {
                let time = timeout_s.and_then(|s| Duration::try_from_secs_f64(s).ok());
                self.reload(Caller(responses), time);
            }
            Request::Upgrade { executable } => {
                self.upgrade(Some((Caller(responses), connection)), executable);
            }
            Request::Scale { id, processes } => self.scale(&id, processes, Caller(responses)),
            Request::Worker { action, ids } => {
                let caller = Caller(responses);
                match self.begin(action, &ids) {
                    Ok(kind) => self.operations.push(Operation { kind, caller }),
                    Err(reason) => caller.finish(Err(reason)),
                }
            }
        }
    }

    /// Keeps records of these workers, or of all and the controller, from this level up.
    fn set_log_level(&mut self, level: Level, ids: &[String]) -> Result<(), String> {
        let mut workers = Vec::new();
        for id in ids {
            match self.workers.find(id) {
                Some(worker) => workers.push(worker),
                None if id == CONTROLLER => {}
                None => return Err(format!("{}, or \"{CONTROLLER}\"", self.unknown(id))),
            }
        }
        if ids.is_empty() {
            workers = self.workers.keys();
        }
        if ids.is_empty() || ids.iter().any(|id| id == CONTROLLER) {
            self.hub.set_level(None, level);
        }
        for worker in workers {
            self.hub.set_level(Some(self.workers[worker].id()), level);
        }
        self.tell_log_levels();
        let whom = if ids.is_empty() { "all".to_owned() } else { ids.join(", ") };
        self.hub.log(Level::Info, format!("`jackfield logs level {level}`: {whom}"));
        Ok(())
    }

    /// Tells every process which records it should make.
    pub(super) fn tell_log_levels(&self) {
        for (_, worker) in self.workers.all() {
            let level = self.hub.level(Some(worker.id()));
            for process in worker.processes() {
                process.tell(ToWorker::LogLevel(level));
            }
        }
    }

    fn begin(&mut self, action: Action, ids: &[String]) -> Result<Kind, String> {
        if matches!(self.phase, Phase::Stopping { .. }) {
            return Err("the node is being stopped".into());
        }
        if let Some(transition) = &self.transition {
            return Err(format!("{}; try again when that is done", transition.what()));
        }
        let mut workers = Vec::new();
        for id in ids {
            workers.push(self.workers.find(id).ok_or_else(|| self.unknown(id))?);
        }
        if ids.is_empty() {
            workers = self.workers.keys();
        }
        let slots: Vec<_> = workers
            .iter()
            .flat_map(|&worker| self.workers[worker].active().map(move |(slot, _)| (worker, slot)))
            .collect();
        if action == Action::Restart {
            let busy = |worker: &&WorkerKey| {
                let mut kinds = self.operations.iter().map(|operation| &operation.kind);
                kinds.any(|kind| matches!(kind, Kind::Restart(rolling) if rolling.concerns(**worker)))
            };
            if let Some(&busy) = workers.iter().find(busy) {
                return Err(format!("{} is being restarted already", self.workers[busy].id()));
            }
        }
        let what = match action {
            Action::Start => "start",
            Action::Stop => "stop",
            Action::Restart => "restart",
        };
        let whom: Vec<_> = workers.iter().map(|&worker| self.workers[worker].id()).collect();
        self.hub.log(Level::Info, format!("`jackfield worker {what}`: {}", whom.join(", ")));
        match action {
            Action::Start => {
                for (worker, slot) in slots {
                    let place = &mut self.workers[worker].slots[slot];
                    if !matches!(place.state(), State::Starting | State::Ready) {
                        place.history = History::default();
                        self.start_slot(worker, slot);
                    }
                }
                Ok(Kind::Start(workers))
            }
            Action::Stop => {
                // First, so that what waits in their queues is accepted by those that drain.
                workers.iter().for_each(|&worker| self.close_addresses(worker));
                for (worker, slot) in slots {
                    self.stop_slot(worker, slot, None);
                }
                Ok(Kind::Stop(workers, 0))
            }
            Action::Restart => Ok(Kind::Restart(Rolling::new(slots))),
        }
    }

    pub(super) fn unknown(&self, id: &str) -> String {
        let ids: Vec<_> = self.workers.serving().map(super::Worker::id).collect();
        let known = if ids.is_empty() { "the node has none".into() } else { ids.join(", ") };
        format!("there is no worker \"{id}\" (workers: {known})")
    }
}
