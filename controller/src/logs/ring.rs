//! The newest records in memory, for `jackfield logs`.

use jackfield_shared::log::Record;
use std::collections::VecDeque;
use std::sync::Arc;

/// Most records that are kept.
pub(crate) const MAX_RECORDS: usize = 4096;
/// Most octets of them that are kept.
const MAX_OCTETS: usize = 4 << 20;

/// A queue that forgets its oldest entries. The defaults are [`MAX_RECORDS`] and 4 MiB.
#[derive(Debug)]
pub(crate) struct Ring {
    records: VecDeque<Arc<Record>>,
    octets: usize,
    max_records: usize,
    max_octets: usize,
}

impl Default for Ring {
    fn default() -> Self {
        Self { records: VecDeque::new(), octets: 0, max_records: MAX_RECORDS, max_octets: MAX_OCTETS }
    }
}

impl Ring {
    /// Adds the newest record. One that is larger than everything that may be kept is forgotten at once.
    pub(crate) fn push(&mut self, record: Arc<Record>) {
        self.octets += size(&record);
        self.records.push_back(record);
        while self.records.len() > self.max_records || self.octets > self.max_octets {
            let Some(oldest) = self.records.pop_front() else { break };
            self.octets -= size(&oldest);
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

        ring.max_octets = 3 * (size_of::<Record>() + 10);
        ring.push(Arc::new(Record::now(Level::Info, "e".repeat(size_of::<Record>() + 20))));
        assert_eq!(texts(&ring).len(), 2);
        assert!(ring.octets <= ring.max_octets);

        ring.push(Arc::new(Record::now(Level::Info, "f".repeat(ring.max_octets))));
        assert_eq!((ring.records.len(), ring.octets), (0, 0));
    }
}
