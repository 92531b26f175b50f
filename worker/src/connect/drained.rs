//! Servers that somebody has taken out by hand (`jackfield backend drain`).

use std::cell::RefCell;
use std::collections::BTreeSet;

/// The addresses of servers to which nobody new is carried.
#[derive(Debug, Default)]
pub(crate) struct Drained(RefCell<BTreeSet<String>>);

impl Drained {
    /// These.
    pub(crate) fn new(addresses: &[String]) -> Self {
        Self(RefCell::new(addresses.iter().cloned().collect()))
    }

    /// These and no others from now on.
    pub(crate) fn set(&self, addresses: Vec<String>) {
        self.0.replace(addresses.into_iter().collect());
    }

    /// Whether the server at this address is one of them.
    pub(crate) fn contains(&self, address: &str) -> bool {
        self.0.borrow().contains(address)
    }
}
