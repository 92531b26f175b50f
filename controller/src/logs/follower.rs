//! Somebody who reads the stream over the control socket: as fast as they like, with a bounded queue.

use super::ring;
use crate::control::{Filter, QUEUE, Response};
use jackfield_shared::log::Record;
use tokio::sync::mpsc::{self, error::TrySendError};

// The whole ring, and as much again.
const _: () = assert!(QUEUE >= 2 * ring::MAX_RECORDS, "a reader's queue is too short for what is kept");

#[derive(Debug)]
pub(super) struct Follower {
    filter: Filter,
    to: mpsc::Sender<Response>,
    gap: u64,
}

impl Follower {
    pub(super) fn new(filter: Filter, to: mpsc::Sender<Response>) -> Self {
        Self { filter, to, gap: 0 }
    }

    /// Sends the record if it is wanted and fits; false when the reader is gone.
    pub(super) fn offer(&mut self, record: &Record, dropped: &mut u64) -> bool {
        if !self.filter.matches(record) {
            return !self.to.is_closed();
        }
        // The note about a gap needs a place as well.
        if self.to.capacity() < 1 + usize::from(self.gap > 0) {
            self.gap += 1;
            *dropped += 1;
            return !self.to.is_closed();
        }
        if self.gap > 0 && self.to.try_send(Response::Dropped(self.gap)).is_ok() {
            self.gap = 0;
        }
        !matches!(self.to.try_send(Response::Record(record.clone())), Err(TrySendError::Closed(_)))
    }
}
