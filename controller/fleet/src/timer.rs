//! Timers. Entries are never taken back: whoever handles one that is due looks whether it still has a meaning.

use crate::id::{ProcessId, WorkerKey};
use std::collections::BTreeMap;
use std::time::Instant;

/// What is to be done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Ends a process that is not ready.
    StartLimit(ProcessId),
    /// Asks a process whether it is alive.
    Heartbeat(ProcessId),
    /// Starts a process, if the state of the slot has not changed since (the number of its changes tells).
    Restart { worker: WorkerKey, slot: usize, changes: u64 },
    /// Sends SIGTERM to a process that has not drained.
    Terminate(ProcessId),
    /// Sends SIGKILL to a process, for this reason.
    Kill(ProcessId, &'static str),
    /// Tells a process again which edges there are.
    Edges(ProcessId),
    /// Looks who accepts from which socket.
    Assign,
    /// Looks how far a change of the node is.
    Look,
}

/// Timers, the earliest first; those of the same instant in the order they were set.
#[derive(Clone, Debug)]
pub struct Timers<T> {
    all: BTreeMap<(Instant, u64), T>,
    next: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self { all: BTreeMap::new(), next: 0 }
    }
}

impl<T> Timers<T> {
    /// Sets a timer.
    pub fn set(&mut self, at: Instant, timer: T) {
        self.all.insert((at, self.next), timer);
        self.next += 1;
    }

    /// When the next one is due.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.all.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes out the next one that is due by now, with the time for which it was set.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, T)> {
        let first = self.all.first_entry().filter(|entry| entry.key().0 <= now)?;
        let ((at, _), timer) = first.remove_entry();
        Some((at, timer))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test needs some instant to begin with")]
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_comes_first_and_none_too_early() {
        let (mut timers, now) = (Timers::default(), Instant::now());
        let at = |s| now + Duration::from_secs(s);
        let one = |id| Timer::Heartbeat(ProcessId(id));
        for (s, timer) in [(3, one(3)), (1, one(1)), (2, one(2)), (1, one(4))] {
            timers.set(at(s), timer);
        }
        assert_eq!(timers.next(), Some(at(1)));
        assert_eq!(timers.pop_due(now), None);
        assert_eq!(timers.pop_due(at(2)), Some((at(1), one(1))));
        assert_eq!(timers.pop_due(at(2)), Some((at(1), one(4))));
        assert_eq!(timers.pop_due(at(2)), Some((at(2), one(2))));
        assert_eq!(timers.pop_due(at(2)), None);
        assert_eq!(timers.pop_due(at(9)), Some((at(3), one(3))));
        assert_eq!(timers.next(), None);
    }
}
