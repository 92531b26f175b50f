//! Records as text that is being written, and may be written in part only.

use crate::logs::batch::Batch;
use crate::logs::format::Format;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// How much text is written at once: the kernel takes a large piece for less than many small ones.
const CHUNK: usize = 256 << 10;

/// The text, how much of it is written, and which records it is.
pub(super) struct Text {
    format: Format,
    color: bool,
    text: Vec<u8>,
    written: usize,
    /// The records, and where in the text they end.
    pending: VecDeque<(usize, Arc<Batch>)>,
}

impl Text {
    /// None yet.
    pub(super) fn new(format: Format, color: bool) -> Self {
        Self { format, color, text: Vec::new(), written: 0, pending: VecDeque::new() }
    }

    /// Whether everything is written.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Takes out as many records as are written at once, and of which `is_full` says no for the length of the text before them.
    pub(super) fn render(&mut self, records: &mut VecDeque<Arc<Batch>>, is_full: impl Fn(u64) -> bool) {
        while self.text.len() < CHUNK && !is_full(self.text.len() as u64) {
            let Some(batch) = records.pop_front() else { break };
            let full = |length: usize| is_full(length as u64);
            let count = self.format.render_while(&batch, self.color, full, &mut self.text);
            let batch = match batch.after(count) {
                None => batch,
                Some(rest) => {
                    records.push_front(Arc::new(rest));
                    batch.first(count).map_or(batch, Arc::new)
                }
            };
            self.pending.push_back((self.text.len(), batch));
        }
    }

    /// Writes all of it; `wrote` is told of each part.
    ///
    /// # Errors
    /// When some can't be written: it goes on from there.
    pub(super) fn write(&mut self, mut to: impl io::Write, mut wrote: impl FnMut(usize)) -> io::Result<()> {
        while self.written < self.text.len() {
            match to.write(&self.text[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.written += count;
                    wrote(count);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.forget();
        Ok(())
    }

    /// What was written only in part is written again, whole.
    pub(super) fn begin_again(&mut self) {
        self.written = 0;
    }

    /// How many records are not known to be written.
    pub(super) fn pending(&self) -> usize {
        self.pending.iter().map(|(_, batch)| batch.count()).sum()
    }

    /// Takes out the records that are not written, or not wholly.
    pub(super) fn unwritten(&mut self) -> VecDeque<Arc<Batch>> {
        let mut begin = 0;
        let mut left = VecDeque::new();
        for (end, batch) in std::mem::take(&mut self.pending) {
            if end > self.written {
                let written = self.written.saturating_sub(begin);
                let mut scratch = Vec::new();
                // As many as have left their whole text.
                let done = match written {
                    0 => 0,
                    _ => {
                        let count = self.format.render_while(
                            &batch,
                            self.color,
                            |length| length > written,
                            &mut scratch,
                        );
                        count.saturating_sub(1)
                    }
                };
                left.extend(batch.after(done).map(Arc::new));
            }
            begin = end;
        }
        self.forget();
        left
    }

    fn forget(&mut self) {
        self.text.clear();
        self.pending.clear();
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::log::{Level, Record};

    /// Takes so many bytes and no more.
    struct Full(usize);

    impl io::Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = bytes.len().min(self.0).min(7);
            self.0 -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn batches() -> VecDeque<Arc<Batch>> {
        let record = |text: &str| Record { time_us: 0, ..Record::now(Level::Info, text) };
        let lines = |text: &str| Batch::of_lines(record(text), text.split('\n').count());
        [lines("a\nbb\n\nccc"), record("d\nd").into(), lines("e")].map(Arc::new).into()
    }

    fn texts<'a>(batches: impl IntoIterator<Item = &'a Arc<Batch>>) -> Vec<String> {
        batches.into_iter().flat_map(|batch| batch.texts()).map(str::to_owned).collect()
    }

    #[test]
    fn wherever_writing_ends_the_records_that_are_not_wholly_written_are_left() {
        let whole = {
            let mut text = Text::new(Format::Pretty, false);
            text.render(&mut batches(), |_| false);
            text.text
        };
        let all = texts(&batches());
        // A record ends with its last line: those of the second one stand below each other.
        let ends: Vec<_> = [1, 2, 3, 4, 6, 7]
            .map(|lines| {
                whole.split_inclusive(|byte| *byte == b'\n').take(lines).map(<[u8]>::len).sum::<usize>()
            })
            .into();
        for room in 0..whole.len() {
            let mut text = Text::new(Format::Pretty, false);
            text.render(&mut batches(), |_| false);
            text.write(Full(room), |_| {}).unwrap_err();
            assert_eq!(text.pending(), 6);
            let written = ends.iter().filter(|end| **end <= room).count();
            assert_eq!(texts(&text.unwritten()), all[written..], "{room} bytes");
            assert!(text.is_empty() && text.pending() == 0);
        }
    }

    #[test]
    fn what_does_not_fit_is_left_to_come_next() {
        let mut left = batches();
        let mut text = Text::new(Format::Pretty, false);
        text.render(&mut left, |length| length > 0);
        assert_eq!((text.pending(), texts(&left).len()), (1, 5));
        assert_eq!(texts(&text.unwritten()), ["a"]);
        text.render(&mut left, |_| false);
        assert_eq!(text.pending(), 5);
    }
}
