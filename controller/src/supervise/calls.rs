//! What clients of the control socket want.

use super::Supervisor;
use super::caller::Caller;
use crate::control::{Action, Call, Request, Response};
use crate::logs::CONTROLLER;
use jackfield_fleet::{Command, Event};
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::log::Level;
use std::time::Duration;
use tokio::sync::mpsc;

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
                if let Some(unknown) = filter.workers.iter().find(|id| self.fleet.find(id).is_none()) {
                    let _ = responses.try_send(Response::Error(self.fleet.unknown(unknown)));
                    return;
                }
                self.hub.serve(filter, last, follow, responses.clone());
                if !follow {
                    let _ = responses.try_send(Response::Done);
                }
            }
            Request::LogLevel { level, ids } => {
                Caller(responses).finish(self.set_log_level(level, &ids));
            }
            Request::Backend { addresses, drain } => {
                Caller(responses).finish(self.drain_backends(&addresses, drain));
            }
            Request::Upgrade { executable } => {
                self.upgrade(Some((Caller(responses), connection)), executable);
            }
            Request::Stop { timeout_s } => self.command(responses, Command::StopNode(seconds(timeout_s))),
            Request::Reload { dry_run: true, .. } => self.command(responses, Command::Rehearse),
            Request::Reload { timeout_s, dry_run: false } => {
                self.command(responses, Command::Reload(seconds(timeout_s)));
            }
            Request::Scale { id, processes } => {
                self.command(responses, Command::Scale(id, processes.into()));
            }
            Request::Worker { action: Action::Start, ids } => self.command(responses, Command::Start(ids)),
            Request::Worker { action: Action::Stop, ids } => self.command(responses, Command::Stop(ids)),
            Request::Worker { action: Action::Restart, ids } => {
                self.command(responses, Command::Restart(ids))
            }
        }
    }

    fn command(&mut self, responses: mpsc::Sender<Response>, command: Command) {
        let caller = self.add_caller(Caller(responses));
        self.feed(Event::Called(Some(caller), command));
    }

    /// Keeps records of these workers, or of all and the controller, from this level up.
    fn set_log_level(&mut self, level: Level, ids: &[String]) -> Result<(), String> {
        let mut workers = Vec::new();
        for id in ids {
            match self.fleet.find(id) {
                Some(_) => workers.push(id.clone()),
                None if id == CONTROLLER => {}
                None => return Err(format!("{}, or \"{CONTROLLER}\"", self.fleet.unknown(id))),
            }
        }
        if ids.is_empty() {
            workers = self.serving().map(|(_, worker)| worker.id().to_owned()).collect();
        }
        if ids.is_empty() || ids.iter().any(|id| id == CONTROLLER) {
            self.hub.set_level(None, level);
        }
        for worker in workers {
            self.hub.set_level(Some(&worker), level);
        }
        self.tell_log_levels();
        let whom = if ids.is_empty() { "all".to_owned() } else { ids.join(", ") };
        self.hub.log(Level::Info, format!("`jackfield logs level {level}`: {whom}"));
        Ok(())
    }

    /// Tells every process which records it should make.
    pub(super) fn tell_log_levels(&self) {
        for process in self.processes.values() {
            process.tell(ToWorker::LogLevel(self.hub.level(Some(&process.source.worker))));
        }
    }
}

fn seconds(time: Option<f64>) -> Option<Duration> {
    time.and_then(|s| Duration::try_from_secs_f64(s).ok())
}
