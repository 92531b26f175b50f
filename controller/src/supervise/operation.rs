//! What a client of the control socket has asked for and waits for.

use super::Supervisor;
use super::event::Key;
use super::rolling::Rolling;
use super::stop::Phase;
use super::workers::WorkerKey;
use crate::control::{Response, go_on_answering};
use jackfield_shared::status::State;
use std::os::fd::OwnedFd;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

/// Responses that wait for a client.
const ANSWERS: usize = 64;

/// Somebody who waits for an operation.
#[derive(Debug)]
pub(super) struct Caller(pub(super) mpsc::Sender<Response>);

impl Caller {
    /// Nobody waits.
    pub(super) fn nobody() -> Self {
        Self(mpsc::channel(1).0)
    }

    /// A client who has waited since before this image, on this connection.
    pub(super) fn on(connection: OwnedFd) -> Self {
        let (responses, answers) = mpsc::channel(ANSWERS);
        spawn_local(go_on_answering(connection, answers));
        Self(responses)
    }

    /// Tells what has just happened. Who doesn't read doesn't learn of it.
    pub(super) fn progress(&self, text: impl Into<String>) {
        let _ = self.0.try_send(Response::Progress(text.into()));
    }

    /// The last response.
    pub(super) fn finish(self, result: Result<(), String>) {
        let _ = self.0.try_send(result.map_or_else(Response::Error, |()| Response::Done));
    }

    /// The last response of a controller that ends: waits until it has been written.
    pub(super) async fn farewell(self) {
        let _ = self.0.send(Response::Done).await;
        self.0.closed().await;
    }
}

/// Something that takes time.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) kind: Kind,
    pub(super) caller: Caller,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Until all processes of these workers are ready.
    Start(Vec<WorkerKey>),
    /// Until these workers have no processes; with the number of those left, as last told.
    Stop(Vec<WorkerKey>, usize),
    /// Until these processes, which drain, have ended.
    Leave(Vec<Key>),
    /// Until every process is replaced.
    Restart(Rolling),
    /// The same, after this image has taken over.
    Upgrade(Rolling),
}

impl Supervisor {
    /// Looks what has come to its end, after something has happened.
    pub(super) fn advance(&mut self) {
        self.end_gathers(std::time::Instant::now());
        self.start_waiting();
        self.stop_left();
        self.watch_startup();
        self.proceed_transition();
        self.close_idle();
        self.assign_listeners();
        for mut operation in std::mem::take(&mut self.operations) {
            match (self.proceed(&mut operation), &operation.kind) {
                (Some(result), Kind::Upgrade(_)) => self.upgraded(operation.caller, result),
                (Some(result), _) => operation.caller.finish(result),
                (None, _) => self.operations.push(operation),
            }
        }
        self.sweep();
        self.start_successors();
        self.reload_if_wanted();
        self.tell_of_stopping();
        self.tell_manager();
    }

    /// Goes on with an operation; returns its result when it has one.
    fn proceed(&mut self, operation: &mut Operation) -> Option<Result<(), String>> {
        if matches!(self.phase, Phase::Stopping { .. }) {
            return Some(Err("the node is being stopped".into()));
        }
        match &mut operation.kind {
            Kind::Start(workers) => self.proceed_start(workers),
            Kind::Stop(workers, told) => self.proceed_stop(workers, told, &operation.caller),
            Kind::Leave(going) => {
                going.retain(|key| self.places.contains_key(key));
                going.is_empty().then_some(Ok(()))
            }
            Kind::Restart(rolling) | Kind::Upgrade(rolling) => {
                self.proceed_restart(rolling, &operation.caller)
            }
        }
    }

    fn proceed_start(&self, workers: &[WorkerKey]) -> Option<Result<(), String>> {
        let mut all_ready = true;
        for worker in workers.iter().filter_map(|&worker| self.workers.get(worker)) {
            for (_, slot) in worker.active() {
                let reason = slot.reason.as_deref().unwrap_or("no reason is known");
                let name = format!("{}[{}]", worker.id(), slot.index);
                match slot.state() {
                    State::Ready => {}
                    State::Starting => all_ready = false,
                    State::Backoff => return Some(Err(format!("{name} {reason}; it will be tried again"))),
                    State::Failed => return Some(Err(format!("{name} {reason}"))),
                    State::Draining | State::Stopped => {
                        return Some(Err(format!("{name} was stopped meanwhile")));
                    }
                }
            }
        }
        all_ready.then_some(Ok(()))
    }

    fn proceed_stop(
        &self,
        workers: &[WorkerKey],
        told: &mut usize,
        caller: &Caller,
    ) -> Option<Result<(), String>> {
        let mut left = 0;
        for worker in workers.iter().filter_map(|&worker| self.workers.get(worker)) {
            if worker.slots.iter().any(|slot| slot.current.is_some()) {
                return Some(Err(format!("{} was started meanwhile", worker.id())));
            }
            left += worker.processes().count();
        }
        if left > 0 && left != *told {
            caller.progress(format!("draining: {left} processes"));
            *told = left;
        }
        (left == 0).then_some(Ok(()))
    }
}
