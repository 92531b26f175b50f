//! Which records somebody wants to see.

use jackfield_shared::log::{Level, Record};
use serde::{Deserialize, Serialize};

/// A condition that every shown record meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Filter {
    /// Only records of these workers; empty: of all, and of the controller.
    #[serde(default)]
    pub workers: Vec<String>,
    /// Only records that matter at least so much.
    pub level: Level,
    /// Only records of this time and later: microseconds since the Unix epoch.
    #[serde(default)]
    pub since_us: u64,
}

impl Filter {
    /// Whether the record is to be shown.
    pub(crate) fn matches(&self, record: &Record) -> bool {
        record.level <= self.level
            && record.time_us >= self.since_us
            && (self.workers.is_empty()
                || record.worker.as_ref().is_some_and(|worker| self.workers.contains(worker)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_counts() {
        let all = Filter { workers: vec![], level: Level::Trace, since_us: 0 };
        let record = Record { worker: Some("a".into()), ..Record::now(Level::Info, "x") };
        let of_controller = Record::now(Level::Info, "x");
        assert!(all.matches(&record) && all.matches(&of_controller));
        let only_a = Filter { workers: vec!["a".into()], ..all.clone() };
        assert!(only_a.matches(&record) && !only_a.matches(&of_controller));
        assert!(!Filter { workers: vec!["b".into()], ..all.clone() }.matches(&record));
        assert!(!Filter { level: Level::Warn, ..all.clone() }.matches(&record));
        assert!(Filter { since_us: record.time_us, ..all.clone() }.matches(&record));
        assert!(!Filter { since_us: record.time_us + 1, ..all }.matches(&record));
    }
}
