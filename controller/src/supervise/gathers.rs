//! Questions for fresh counters that are open.

use crate::control::Response;
use jackfield_fleet::ProcessId;
use jackfield_shared::status::Status;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// The questions that are open.
#[derive(Debug, Default)]
pub(super) struct Gathers {
    pub(super) open: Vec<Gather>,
    pub(super) last_seq: u64,
    pub(super) last: Option<(Instant, Status)>,
}

#[derive(Debug)]
pub(super) struct Gather {
    pub(super) waits_for: Vec<(ProcessId, u64)>,
    pub(super) until: Instant,
    pub(super) asker: Asker,
}

#[derive(Debug)]
pub(super) enum Asker {
    Client(mpsc::Sender<Response>),
    Process(ProcessId, u64),
    /// Whoever waits for all processes to know the challenges of ACME.
    Challenges(oneshot::Sender<bool>),
}

impl Gathers {
    /// Number of the next question to a process.
    pub(super) fn next_seq(&mut self) -> u64 {
        self.last_seq += 1;
        self.last_seq
    }

    /// A process has ended and answers nothing any more.
    pub(super) fn forget(&mut self, gone: ProcessId) {
        for gather in &mut self.open {
            gather.waits_for.retain(|(key, _)| *key != gone);
        }
    }
}
