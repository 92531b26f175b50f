//! The last words of a process.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// How many of the last lines on standard error are kept for the record of the exit.
const KEPT_LINES: usize = 10;
/// Most characters of each of them.
const KEPT_CHARACTERS: usize = 1024;

/// The last lines that a process has written on standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct LastLines(Rc<RefCell<VecDeque<String>>>);

impl LastLines {
    /// Keeps these lines, if they are the last ones.
    pub(super) fn keep<'a>(&self, lines: impl DoubleEndedIterator<Item = &'a str>) {
        let lines: Vec<_> = lines.rev().take(KEPT_LINES).collect();
        let mut kept = self.0.borrow_mut();
        for line in lines.into_iter().rev() {
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(line.chars().take(KEPT_CHARACTERS).collect());
        }
    }

    /// The lines.
    pub(super) fn all(&self) -> Vec<String> {
        self.0.borrow().iter().cloned().collect()
    }
}
