//! Keeps what peers can cause from filling the log: of each place in the program that warns, so many records pass in a
//! while, and the others are counted.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tracing::Metadata;
use tracing::callsite::Identifier;

/// Of our own places: they say different things, and some of the same need to be seen together.
const OWN: (u32, Duration) = (20, Duration::from_secs(1));
/// Of other crates, which warn of every connection that is not as they like it.
const FOREIGN: (u32, Duration) = (1, Duration::from_secs(10));

/// What passed of one place.
#[derive(Debug)]
struct Passed {
    since: Instant,
    count: u32,
    held_back: u64,
}

/// All places that have warned.
#[derive(Debug, Default)]
pub(super) struct Flood(Mutex<HashMap<Identifier, Passed>>);

impl Flood {
    /// `None` if a record of this place is to be held back, else how many were since the last one that passed.
    pub(super) fn pass(&self, metadata: &Metadata<'_>, own: bool, now: Instant) -> Option<u64> {
        let (most, period) = if own { OWN } else { FOREIGN };
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let new = Passed { since: now, count: 0, held_back: 0 };
        let place = places.entry(metadata.callsite()).or_insert(new);
        if now.duration_since(place.since) >= period {
            (place.since, place.count) = (now, 0);
        }
        if place.count >= most {
            place.held_back += 1;
            return None;
        }
        place.count += 1;
        Some(std::mem::take(&mut place.held_back))
    }
}
