//! What goes through the log as one: a record, or lines that one source has said at once, each of which is a record.

use jackfield_shared::log::{Level, Record};
use std::borrow::Cow;

/// A record, or several that differ in nothing but their text, which is one line each. A program that writes much is read
/// in large pieces, and they stay whole as far as the sinks: no allocation, and no place in a queue, for each line.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The record; or all of them, with their texts separated by line ends.
    shared: Record,
    /// How many lines are records of their own; absent: it is one record, whatever its text.
    lines: Option<usize>,
}

impl From<Record> for Batch {
    fn from(record: Record) -> Self {
        Self { shared: record, lines: None }
    }
}

impl Batch {
    /// Each of the lines of the record's text, which are so many, as a record.
    pub(crate) fn of_lines(record: Record, count: usize) -> Self {
        Self { shared: record, lines: Some(count) }
    }

    /// How many records it is.
    pub(crate) fn count(&self) -> usize {
        self.lines.unwrap_or(1)
    }

    /// Whether each of its lines is a record.
    pub(super) fn is_of_lines(&self) -> bool {
        self.lines.is_some()
    }

    /// Their level.
    pub(crate) fn level(&self) -> Level {
        self.shared.level
    }

    /// The worker that they come from; absent: the controller.
    pub(crate) fn worker(&self) -> Option<&str> {
        self.shared.worker.as_deref()
    }

    /// All that they have in common; its text is theirs together.
    pub(super) fn shared(&self) -> &Record {
        &self.shared
    }

    /// Bytes of memory that its records take one by one, which is about what a sink makes of them: a bound of bytes that
    /// wait is one of the time until they are written, too.
    pub(super) fn size(&self) -> usize {
        self.count() * size_of::<Record>() + self.shared.message.len()
    }

    /// The texts of the records.
    pub(super) fn texts(&self) -> impl DoubleEndedIterator<Item = &str> {
        let (whole, lines) = match self.lines {
            None => (Some(&*self.shared.message), None),
            Some(_) => (None, Some(self.shared.message.split('\n'))),
        };
        whole.into_iter().chain(lines.into_iter().flatten())
    }

    /// The records.
    pub(super) fn records(&self) -> impl DoubleEndedIterator<Item = Cow<'_, Record>> {
        let shared = &self.shared;
        self.texts().map(move |text| match self.lines {
            None => Cow::Borrowed(shared),
            Some(_) => {
                Cow::Owned(Record { worker: shared.worker.clone(), message: text.to_owned(), ..*shared })
            }
        })
    }

    /// The first so many, if that is not all.
    pub(super) fn first(&self, count: usize) -> Option<Self> {
        let left = self.after(count)?;
        let shared = &self.shared;
        let message = &shared.message[..shared.message.len() - left.shared.message.len()];
        let message = message.strip_suffix('\n').unwrap_or(message).to_owned();
        Some(Self::of_lines(Record { worker: shared.worker.clone(), message, ..*shared }, count))
    }

    /// Those after the first so many, if there are some.
    pub(super) fn after(&self, count: usize) -> Option<Self> {
        let left = self.count().checked_sub(count).filter(|left| *left > 0)?;
        if count == 0 {
            return Some(self.clone());
        }
        let gone: usize = self.texts().take(count).map(|text| text.len() + 1).sum();
        let shared = &self.shared;
        let message = shared.message[gone..].to_owned();
        Some(Self::of_lines(Record { worker: shared.worker.clone(), message, ..*shared }, left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(batch: &Batch) -> Vec<String> {
        batch.records().map(|record| record.message.clone()).collect()
    }

    #[test]
    fn lines_are_records_and_a_record_may_have_lines() {
        let lines = Batch::of_lines(Record::now(Level::Info, "a\n\nb\n"), 4);
        assert_eq!(
            (lines.count(), texts(&lines)),
            (4, vec!["a".into(), String::new(), "b".into(), String::new()])
        );
        assert_eq!(texts(&lines.first(1).unwrap()), ["a"]);
        assert_eq!(texts(&lines.first(3).unwrap()), ["a", "", "b"]);
        assert!(lines.first(4).is_none());
        assert_eq!(texts(&lines.after(1).unwrap()), ["", "b", ""]);
        assert_eq!(texts(&lines.after(3).unwrap()), [""]);
        assert!(lines.after(4).is_none() && lines.after(5).is_none());

        let record = Batch::from(Record::now(Level::Info, "a\nb"));
        assert_eq!((record.count(), texts(&record)), (1, vec!["a\nb".into()]));
        assert_eq!(texts(&record.after(0).unwrap()), ["a\nb"]);
        assert!(record.after(1).is_none());
    }
}
