//! One bound for what all connections of the process keep for their peers: messages that are not complete, and what
//! is not taken yet.

use std::cell::Cell;
use std::rc::Rc;

/// What a connection may keep whatever the others do, in bytes: so small messages pass while others fill the memory.
const ALWAYS: u64 = 64 << 10;

/// The bytes that are kept in this process, and how many may be.
#[derive(Debug)]
pub(crate) struct Budget {
    most: u64,
    kept: Cell<u64>,
}

impl Budget {
    /// For `most` bytes.
    pub(crate) fn new(most: u64) -> Rc<Self> {
        Rc::new(Self { most, kept: Cell::new(0) })
    }

    /// The share of one connection; nothing yet.
    pub(crate) fn share(self: &Rc<Self>) -> Share {
        Share { budget: Rc::clone(self), kept: 0 }
    }
}

/// What one connection keeps; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Rc<Budget>,
    kept: u64,
}

impl Share {
    /// Says how many bytes the connection keeps now. False if that is more than there may be: the connection has to end.
    pub(crate) fn set(&mut self, bytes: usize) -> bool {
        let (before, now) = (self.kept, bytes as u64);
        if before == now {
            return true;
        }
        self.kept = now;
        let Budget { most, kept } = &*self.budget;
        kept.set(kept.get() - before + now);
        now <= before || now <= ALWAYS || kept.get() <= *most
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.kept.set(self.budget.kept.get() - self.kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_more_than_is_left_is_told_and_small_needs_are_met() {
        let budget = Budget::new(1_000_000);
        let (mut first, mut second) = (budget.share(), budget.share());
        assert!(first.set(900_000));
        assert!(!second.set(200_000));
        assert!(second.set(150_000), "it keeps less now");
        assert!(second.set(50_000));
        assert!(first.set(950_000) && !first.set(950_001));
        drop(first);
        assert!(second.set(1_000_000));
        drop(second);
        assert_eq!(budget.kept.get(), 0);
    }
}
