//! The newest records in memory, for `jackfield logs`.

use super::batch::Batch;
use jackfield_shared::log::Record;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most records that are kept.
pub(crate) const MAX_RECORDS: usize = 4096;
/// Most bytes of them that are kept.
const MAX_BYTES: usize = 4 << 20;

/// A queue that forgets its oldest entries. The defaults are [`MAX_RECORDS`] and 4 MiB.
#[derive(Debug)]
pub(crate) struct Ring {
    batches: VecDeque<Arc<Batch>>,
    records: usize,
    bytes: usize,
    max_records: usize,
    max_bytes: usize,
}

impl Default for Ring {
    fn default() -> Self {
        Self {
            batches: VecDeque::new(),
            records: 0,
            bytes: 0,
            max_records: MAX_RECORDS,
            max_bytes: MAX_BYTES,
        }
    }
}

impl Ring {
    /// Adds the newest records. What is larger than everything that may be kept is forgotten at once.
    pub(crate) fn push(&mut self, batch: Arc<Batch>) {
        self.bytes += batch.size();
        self.records += batch.count();
        self.batches.push_back(batch);
        while let Some(oldest) = self.batches.front() {
            let is_needed = self.records < self.max_records + oldest.count();
            if is_needed && self.bytes <= self.max_bytes {
                break;
            }
            self.bytes -= oldest.size();
            self.records -= oldest.count();
            self.batches.pop_front();
        }
    }

    /// The newest records, newest first.
    pub(crate) fn newest(&self) -> impl Iterator<Item = Cow<'_, Record>> {
        self.batches.iter().rev().flat_map(|batch| batch.records().rev()).take(self.max_records)
    }

    /// All there is, oldest first, for a sink.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &Arc<Batch>> {
        self.batches.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::log::Level;

    fn texts(ring: &Ring) -> Vec<String> {
        ring.newest().map(|record| record.message.clone()).collect()
    }

    fn record(text: impl Into<String>) -> Arc<Batch> {
        Arc::new(Record::now(Level::Info, text).into())
    }

    #[test]
    fn the_oldest_are_forgotten_by_number_and_by_size() {
        let mut ring = Ring { max_records: 3, ..Ring::default() };
        for text in ["a", "b", "c", "d"] {
            ring.push(record(text));
        }
        assert_eq!(texts(&ring), ["d", "c", "b"]);

        ring.max_bytes = 3 * (size_of::<Record>() + 10);
        ring.push(record("e".repeat(size_of::<Record>() + 20)));
        assert_eq!(texts(&ring).len(), 2);
        assert!(ring.bytes <= ring.max_bytes);

        ring.push(record("f".repeat(ring.max_bytes)));
        assert_eq!((ring.batches.len(), ring.records, ring.bytes), (0, 0, 0));
    }

    #[test]
    fn lines_that_came_at_once_are_kept_as_long_as_one_of_them_is_among_the_newest() {
        let mut ring = Ring { max_records: 3, ..Ring::default() };
        ring.push(Arc::new(Batch::of_lines(Record::now(Level::Info, "a\nb\nc\nd"), 4)));
        assert_eq!(texts(&ring), ["d", "c", "b"]);
        ring.push(record("e"));
        assert_eq!(texts(&ring), ["e", "d", "c"]);
        ring.push(Arc::new(Batch::of_lines(Record::now(Level::Info, "f\ng"), 2)));
        assert_eq!(texts(&ring), ["g", "f", "e"]);
        assert_eq!((ring.batches.len(), ring.records), (2, 3));
    }
}
