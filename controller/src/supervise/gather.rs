//! Fresh counters for a status: every process is asked, and waited for, but not for long.

use super::Supervisor;
use super::due::Due;
use super::gathers::{Asker, Gather};
use crate::control::Response;
use jackfield_fleet::ProcessId;
use jackfield_shared::ipc::ToWorker;
use jackfield_shared::status::{State, Status};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long the answers are waited for.
const TIME: Duration = Duration::from_millis(250);
/// For how long a status is new enough for a worker that asks, so that a page which is asked for often costs
/// little.
const FRESH: Duration = Duration::from_millis(200);

impl Supervisor {
    /// A client of the control socket wants the status of now.
    pub(super) fn gather_for_client(&mut self, client: mpsc::Sender<Response>) {
        self.gather(Asker::Client(client));
    }

    /// A process wants the status.
    pub(super) fn asked_for_status(&mut self, key: ProcessId, seq: u64) {
        match &self.gathers.last {
            Some((at, status)) if at.elapsed() < FRESH => {
                let status = status.clone();
                self.tell_status(key, seq, status);
            }
            _ => self.gather(Asker::Process(key, seq)),
        }
    }

    fn gather(&mut self, asker: Asker) {
        let until = Instant::now() + TIME;
        let mut waits_for = Vec::new();
        for slot in self.fleet.workers().flat_map(|(_, worker)| worker.slots()) {
            let current = slot.current().filter(|_| slot.state() == State::Ready);
            for process in current.into_iter().chain(slot.leaving()) {
                let seq = self.gathers.next_seq();
                let process = self.processes.get(&process.id());
                if let Some(process) = process.filter(|process| process.tell(ToWorker::Ping { seq })) {
                    waits_for.push((process.source.key, seq));
                }
            }
        }
        self.gathers.open.push(Gather { waits_for, until, asker });
        self.timers.set(until, Due::Gather);
    }

    /// A process has answered a question.
    pub(super) fn answered_ping(&mut self, key: ProcessId, seq: u64) {
        for gather in &mut self.gathers.open {
            gather.waits_for.retain(|&(k, s)| (k, s) != (key, seq));
        }
    }

    /// Answers whoever has waited long enough or needs to wait no longer.
    pub(super) fn end_gathers(&mut self, now: Instant) {
        let is_done = |gather: &mut Gather| gather.waits_for.is_empty() || gather.until <= now;
        let done: Vec<_> = self.gathers.open.extract_if(.., is_done).collect();
        if done.is_empty() {
            return;
        }
        let status = self.status(now);
        for gather in done {
            match gather.asker {
                Asker::Client(client) => {
                    let _ = client.try_send(Response::Status(Box::new(status.clone())));
                    let _ = client.try_send(Response::Done);
                }
                Asker::Process(key, seq) => self.tell_status(key, seq, status.clone()),
                Asker::Challenges(answer) => drop(answer.send(gather.waits_for.is_empty())),
            }
        }
        self.gathers.last = Some((now, status));
    }

    fn tell_status(&mut self, key: ProcessId, seq: u64, status: Status) {
        if let Some(process) = self.processes.get(&key) {
            // A process that doesn't read its messages has no use for this one.
            process.tell(ToWorker::Status { seq, status: Box::new(status) });
        }
    }
}
