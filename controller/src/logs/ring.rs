//! The newest records in memory, for `jackfield logs`.

use jackfield_shared::log::Record;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most records that are kept.
pub(crate) const MAX_RECORDS: usize = 4096;
/// Most bytes of them that are kept.
const MAX_BYTES: usize = 4 << 20;

/// A queue that forgets its oldest entries. The defaults are [`MAX_RECORDS`] and 4 MiB.
#[derive(Debug)]
pub(crate) struct Ring {
    records: VecDeque<Arc<Record>>,
    bytes: usize,
    max_records: usize,
    max_bytes: usize,
}

impl Default for Ring {
    fn default() -> Self {
        Self { records: VecDeque::new(), bytes: 0, max_records: MAX_RECORDS, max_bytes: MAX_BYTES }
    }
}

impl Ring {
    /// Adds the newest record. One that is larger than everything that may be kept is forgotten at once.
    pub(crate) fn push(&mut self, record: Arc<Record>) {
        self.bytes += size(&record);
        self.records.push_back(record);
        while self.records.len() > self.max_records || self.bytes > self.max_bytes {
            let Some(oldest) = self.records.pop_front() else { break };
            self.bytes -= size(&oldest);
        }
    }

    /// All records, oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<Record>> {
        self.records.iter()
    }
}

fn size(record: &Record) -> usize {
    size_of::<Record>() + record.message.len() + record.worker.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::log::Level;

    fn texts(ring: &Ring) -> Vec<&str> {
        ring.iter().map(|r| r.message.as_str()).collect()
    }

    #[test]
    fn the_oldest_are_forgotten_by_number_and_by_size() {
        let mut ring = Ring { max_records: 3, ..Ring::default() };
        for text in ["a", "b", "c", "d"] {
            ring.push(Arc::new(Record::now(Level::Info, text)));
        }
        assert_eq!(texts(&ring), ["b", "c", "d"]);

        ring.max_bytes = 3 * (size_of::<Record>() + 10);
        ring.push(Arc::new(Record::now(Level::Info, "e".repeat(size_of::<Record>() + 20))));
        assert_eq!(texts(&ring).len(), 2);
        assert!(ring.bytes <= ring.max_bytes);

        ring.push(Arc::new(Record::now(Level::Info, "f".repeat(ring.max_bytes))));
        assert_eq!((ring.records.len(), ring.bytes), (0, 0));
    }
}
