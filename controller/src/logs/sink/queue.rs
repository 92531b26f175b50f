//! What waits for a sink, bounded in bytes.

use super::common::Common;
use crate::logs::batch::Batch;
use jackfield_shared::log::{Level, Record};
use jackfield_shared::status::LogSink;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes that wait.
const MAX_BYTES: usize = 16 << 20;
/// A sink for which more bytes wait is behind.
const BEHIND: usize = MAX_BYTES / 2;
/// It has caught up when fewer wait.
const CAUGHT_UP: usize = BEHIND - (1 << 20);
/// Most bytes that are taken at once.
const AT_ONCE: usize = 256 << 10;
/// How long to wait before a sink that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// A sink that has taken nothing for so long is not waited for when it is to end.
const QUIET: Duration = Duration::from_secs(2);

/// What is taken from the queue.
#[derive(Debug)]
pub(super) enum Taken {
    /// Records to be written.
    Records(VecDeque<Arc<Batch>>),
    /// Text for standard output.
    Results(String),
}

#[derive(Debug)]
enum Item {
    Records(Arc<Batch>),
    Results(String),
}

/// The queue between the hub and the thread of a sink.
#[derive(Debug)]
pub(super) struct Queue {
    name: String,
    common: Common,
    state: Mutex<State>,
    more: Condvar,
    /// Notified at the end of the thread.
    end: Condvar,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    bytes: usize,
    /// Records that were taken and are not written yet.
    taken: u64,
    /// Records dropped since the last one that was not.
    gap: u64,
    dropped: u64,
    trouble: Option<String>,
    is_behind: bool,
    was_given_up: bool,
    closed: bool,
    /// Counts what the thread has taken: whether it goes on.
    steps: u64,
    /// Whether the thread has ended.
    ended: bool,
}

impl Queue {
    /// An empty queue to the sink of this name.
    pub(super) fn new(name: String, common: Common) -> Self {
        Self { name, common, state: Mutex::default(), more: Condvar::new(), end: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts in records; those that don't fit are dropped, and a note stands for them.
    pub(super) fn log<'a>(&self, batches: impl Iterator<Item = &'a Arc<Batch>>) {
        let mut state = self.state();
        for batch in batches {
            let size = batch.size();
            if state.bytes + size > MAX_BYTES {
                state.gap += batch.count() as u64;
                state.dropped += batch.count() as u64;
                continue;
            }
            if state.gap > 0 {
                let text = format!("{} log records are missing here: writing them was too slow", state.gap);
                state.gap = 0;
                state.items.push_back(Item::Records(Arc::new(Record::now(Level::Warn, text).into())));
            }
            state.bytes += size;
            state.items.push_back(Item::Records(Arc::clone(batch)));
        }
        if state.bytes > BEHIND {
            state.is_behind = true;
        }
        drop(state);
        self.more.notify_one();
    }

    /// Puts in text for standard output.
    pub(super) fn results(&self, text: String) {
        self.state().items.push_back(Item::Results(text));
        self.more.notify_one();
    }

    /// Nothing more will come.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.more.notify_one();
    }

    /// Whether writers should wait until there is more room.
    pub(super) fn is_behind(&self) -> bool {
        let state = self.state();
        state.is_behind && !state.was_given_up && state.trouble.is_none()
    }

    /// It is not waited for until it has caught up.
    pub(super) fn give_up(&self) {
        let mut state = self.state();
        state.was_given_up = state.is_behind;
    }

    /// How the sink is.
    pub(super) fn status(&self, kind: &str, target: &str) -> LogSink {
        let state = self.state();
        let count = |item: &Item| match item {
            Item::Records(batch) => batch.count() as u64,
            Item::Results(_) => 0,
        };
        let waiting: u64 = state.items.iter().map(count).sum();
        LogSink {
            kind: kind.to_owned(),
            target: target.to_owned(),
            trouble: state.trouble.clone(),
            waiting: waiting + state.taken,
            dropped: state.dropped,
        }
    }

    /// The thread has ended.
    pub(super) fn ends(&self) {
        self.state().ended = true;
        self.end.notify_all();
    }

    /// Whether the thread has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.state().ended
    }

    /// Waits for the end of the thread, for as long as that goes on; whether it has ended.
    pub(super) fn await_end(&self, until: Instant) -> bool {
        let mut state = self.state();
        let (mut steps, mut quiet) = (state.steps, Instant::now() + QUIET);
        while !state.ended {
            let now = Instant::now();
            if state.steps != steps {
                (steps, quiet) = (state.steps, now + QUIET);
            }
            let left = until.min(quiet).saturating_duration_since(now);
            if left.is_zero() {
                return false;
            }
            state = self.end.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Puts in records before all others, in order.
    pub(super) fn put_first(&self, batches: impl DoubleEndedIterator<Item = Arc<Batch>>) {
        let mut state = self.state();
        for batch in batches.rev() {
            state.bytes += batch.size();
            state.items.push_front(Item::Records(batch));
        }
    }

    /// Puts back what was taken and could not be written.
    pub(super) fn put_back(&self, batches: impl DoubleEndedIterator<Item = Arc<Batch>>) {
        self.put_first(batches);
        self.state().taken = 0;
    }

    /// Takes out all records that wait.
    pub(super) fn take_left(&self) -> Vec<Arc<Batch>> {
        let mut state = self.state();
        state.bytes = 0;
        let batch = |item| match item {
            Item::Records(batch) => Some(batch),
            Item::Results(_) => None,
        };
        state.items.drain(..).filter_map(batch).collect()
    }

    /// Waits for something to do; `None` when nothing more will come.
    pub(super) fn take(&self) -> Option<Taken> {
        let mut state = self.state();
        state.taken = 0;
        state.steps += 1;
        while state.items.is_empty() {
            if state.closed {
                return None;
            }
            state = self.more.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut batches, mut bytes) = (VecDeque::new(), 0);
        let mut taken = 0;
        while bytes < AT_ONCE {
            match state.items.pop_front() {
                Some(Item::Records(batch)) => {
                    bytes += batch.size();
                    taken += batch.count() as u64;
                    batches.push_back(batch);
                }
                Some(other) if !batches.is_empty() => {
                    state.items.push_front(other);
                    break;
                }
                Some(Item::Results(text)) => return Some(Taken::Results(text)),
                None => break,
            }
        }
        // A note about missing records has no size of its own.
        state.bytes = state.bytes.saturating_sub(bytes);
        state.taken = taken;
        if state.is_behind && state.bytes < CAUGHT_UP {
            (state.is_behind, state.was_given_up) = (false, false);
            self.common.room.notify_waiters();
        }
        Some(Taken::Records(batches))
    }

    /// So many of the records taken are still to be written.
    pub(super) fn left_over(&self, count: usize) {
        self.state().taken = count as u64;
    }

    /// The sink works; says so if it did not.
    pub(super) fn works(&self) {
        if self.state().trouble.take().is_some() {
            self.tell(Level::Info, "works again");
        }
    }

    /// The sink does not work; says why, once for each reason. Returns whether to give up because everything is
    /// about to end; waits a while before it returns.
    pub(super) fn fails(&self, reason: &str) -> bool {
        let mut state = self.state();
        if state.trouble.as_deref() != Some(reason) {
            state.trouble = Some(reason.to_owned());
            self.tell(Level::Error, &format!("{reason}; records wait, and are dropped when too many do"));
            self.common.room.notify_waiters();
        }
        let closed = |state: &mut State| !state.closed;
        let waited = self.more.wait_timeout_while(state, RETRY, closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    /// Logs something about the sink.
    pub(super) fn tell(&self, level: Level, text: &str) {
        // The hub is gone only when everything ends.
        let _ = self.common.news.send(Record::now(level, format!("log sink {}: {text}", self.name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::{Notify, mpsc};

    fn queue(records: u32) -> Arc<Queue> {
        let common = Common { news: mpsc::unbounded_channel().0, room: Arc::new(Notify::new()) };
        let queue = Queue::new("test".into(), common);
        // As much as is taken at once.
        let record = || Arc::new(Record::now(Level::Info, "x".repeat(AT_ONCE)).into());
        queue.log((0..records).map(|_| record()).collect::<Vec<_>>().iter());
        queue.close();
        Arc::new(queue)
    }

    #[test]
    fn the_end_of_a_sink_that_goes_on_is_waited_for_and_not_that_of_one_that_stands_still() {
        let slow = queue(6);
        let sink = Arc::clone(&slow);
        let writing = std::thread::spawn(move || {
            // A slow disk: all of it takes longer than one may stand still.
            while sink.take().is_some() {
                std::thread::sleep(QUIET / 4);
            }
            sink.ends();
        });
        let begin = Instant::now();
        assert!(slow.await_end(begin + QUIET * 20));
        assert!(begin.elapsed() > QUIET);
        assert_eq!(slow.status("", "").waiting, 0);
        writing.join().unwrap();

        let stuck = queue(3);
        assert!(stuck.take().is_some());
        let begin = Instant::now();
        assert!(!stuck.await_end(begin + QUIET * 20));
        assert!(begin.elapsed() < QUIET * 10);
        assert!(!queue(1).await_end(Instant::now()), "there is a limit for all of it");
        assert_eq!(stuck.take_left().len(), 2);
    }

    #[test]
    fn what_could_not_be_written_comes_before_everything_else() {
        let queue = queue(0);
        let records: Vec<_> =
            ["a", "b", "c"].map(|text| Arc::new(Batch::from(Record::now(Level::Info, text)))).to_vec();
        queue.log(records[2..].iter());
        queue.put_back(records[..2].iter().cloned());
        let texts: Vec<_> = queue.take_left().iter().map(|batch| batch.shared().message.clone()).collect();
        assert_eq!(texts, ["a", "b", "c"]);
    }
}
