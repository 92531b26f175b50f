//! How far a restart of workers is.

use crate::id::{ProcessId, WorkerKey};
use std::collections::VecDeque;

/// A slot of a worker.
pub(crate) type Place = (WorkerKey, usize);

/// Slots to go through, and how far the first of them is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rolling {
    pub(crate) queue: VecDeque<Place>,
    pub(crate) step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// The next slot's turn.
    Next,
    /// The successor must become ready; then its predecessor, if there is one, drains.
    Starting { place: Place, successor: ProcessId, predecessor: Option<ProcessId> },
    /// The process that there is must end before its successor starts.
    MakingRoom(Place),
    /// The predecessor must end.
    Draining { place: Place, predecessor: ProcessId },
}

impl Rolling {
    pub(crate) fn new(places: impl IntoIterator<Item = Place>) -> Self {
        Self { queue: places.into_iter().collect(), step: Step::Next }
    }

    /// Whether it waits for a process of this worker to end, so that the next one can start.
    pub(crate) fn makes_room(&self, worker: WorkerKey) -> bool {
        matches!(self.step, Step::MakingRoom((making, _)) if making == worker)
    }

    /// Whether it has something to do with this worker.
    pub(crate) fn concerns(&self, wanted: WorkerKey) -> bool {
        let now = match self.step {
            Step::Next => None,
            Step::Starting { place, .. } | Step::MakingRoom(place) | Step::Draining { place, .. } => {
                Some(place.0)
            }
        };
        self.queue.iter().map(|(worker, _)| *worker).chain(now).any(|worker| worker == wanted)
    }
}
