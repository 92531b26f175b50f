//! What is to be done at which time. Entries are never taken back: whoever handles one that is due looks
//! whether it still has a meaning.

use std::collections::BTreeMap;
use std::time::Instant;

/// Things to do, the earliest first; those of the same instant in the order they were put in.
#[derive(Debug)]
pub(crate) struct Deadlines<T> {
    things: BTreeMap<(Instant, u64), T>,
    next: u64,
}

impl<T> Default for Deadlines<T> {
    fn default() -> Self {
        Self { things: BTreeMap::new(), next: 0 }
    }
}

impl<T> Deadlines<T> {
    /// Puts in what is to be done at this time.
    pub(crate) fn push(&mut self, at: Instant, thing: T) {
        self.things.insert((at, self.next), thing);
        self.next += 1;
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.things.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes out the next one that is due by now.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let first = self.things.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_earliest_comes_first_and_none_too_early() {
        let (mut queue, now) = (Deadlines::default(), Instant::now());
        let at = |s| now + Duration::from_secs(s);
        for (s, thing) in [(3, "c"), (1, "a"), (2, "b"), (1, "a2")] {
            queue.push(at(s), thing);
        }
        assert_eq!(queue.next(), Some(at(1)));
        assert_eq!(queue.pop_due(now), None);
        assert_eq!(queue.pop_due(at(2)), Some("a"));
        assert_eq!(queue.pop_due(at(2)), Some("a2"));
        assert_eq!(queue.pop_due(at(2)), Some("b"));
        assert_eq!(queue.pop_due(at(2)), None);
        assert_eq!(queue.pop_due(at(9)), Some("c"));
        assert_eq!(queue.next(), None);
    }
}
