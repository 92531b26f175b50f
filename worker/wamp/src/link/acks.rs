//! What of an edge is settled: all that it has caused is written to whom it concerns.

use crate::planted::planted;
use std::collections::VecDeque;

/// What came from one edge and is not settled.
#[derive(Debug, Default)]
pub(super) struct Unsettled(VecDeque<One>);

#[derive(Debug)]
struct One {
    number: u64,
    order: u64,
    /// It waits for an authorizer.
    held: bool,
    /// So many times edges are to forget sessions that it has ended.
    forgets: u32,
    /// Edges, and up to which byte of what is for them has to be written.
    waits: Vec<(u64, u64)>,
}

impl Unsettled {
    /// Something came.
    pub(super) fn push(&mut self, number: u64, order: u64) {
        self.0.push_back(One { number, order, held: false, forgets: 0, waits: Vec::new() });
    }

    /// Everything up to this number has come, though not all of it had to be done again.
    pub(super) fn skip_to(&mut self, number: u64, order: u64) {
        if self.0.back().is_none_or(|last| last.number < number) {
            self.push(number, order);
        }
    }

    /// What it has caused is to be written up to these bytes. `held`: there is more to come.
    pub(super) fn caused(&mut self, number: u64, held: bool, waits: &[(u64, u64)]) {
        if let Some(one) = self.of(number) {
            one.held = held;
            one.waits.extend_from_slice(waits);
        }
    }

    /// It has ended sessions; what edges keep of them is yet to be forgotten.
    pub(super) fn forgets(&mut self, number: u64) {
        if let Some(one) = self.of(number) {
            one.forgets += 1;
        }
    }

    /// That is under way, up to these bytes.
    pub(super) fn forgotten(&mut self, number: u64, waits: &[(u64, u64)]) {
        if let Some(one) = self.of(number) {
            one.forgets -= 1;
            one.waits.extend_from_slice(waits);
        }
    }

    fn of(&mut self, number: u64) -> Option<&mut One> {
        let at = self.0.binary_search_by_key(&number, |one| one.number).ok()?;
        self.0.get_mut(at)
    }

    /// It is not held any longer: its session has gone.
    pub(super) fn release(&mut self, number: u64) {
        self.caused(number, false, &[]);
    }

    /// Takes out what is settled: numbers and their places in the order, both rising. `is_written` tells whether what is
    /// for an edge is written up to a byte.
    pub(super) fn settle(&mut self, is_written: impl Fn(u64, u64) -> bool) -> Vec<(u64, u64)> {
        let mut settled = Vec::new();
        while let Some(one) = self.0.front() {
            let is_written = one.waits.iter().all(|(edge, until)| is_written(*edge, *until));
            let forgets = planted!(EarlyEnd, false, one.forgets > 0);
            if one.held || forgets || !planted!(EarlyAcknowledgement, true, is_written) {
                break;
            }
            settled.push((one.number, one.order));
            self.0.pop_front();
        }
        settled
    }
}
