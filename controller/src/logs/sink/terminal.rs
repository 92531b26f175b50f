//! Standard error, and standard output for results.

use super::writer::Writer;
use crate::logs::format::Format;
use anstream::{AutoStream, ColorChoice};
use jackfield_shared::config::{Color, TerminalSink};
use jackfield_shared::log::Record;
use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

/// The terminal, or whatever standard error is.
pub(super) struct Terminal {
    format: Format,
    color: bool,
    /// What is being written, and how much of it is.
    text: Vec<u8>,
    written: usize,
    /// The records that it is, and where in the text each ends.
    pending: VecDeque<(usize, Arc<Record>)>,
}

impl Terminal {
    /// The terminal as the configuration wants it.
    pub(super) fn new(sink: &TerminalSink) -> Self {
        let color = match sink.color {
            Color::Auto => AutoStream::choice(&io::stderr()) != ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        };
        Self { format: sink.format.into(), color, text: Vec::new(), written: 0, pending: VecDeque::new() }
    }
}

impl Writer for Terminal {
    fn write(&mut self, records: &mut VecDeque<Arc<Record>>) -> io::Result<()> {
        for record in records.drain(..) {
            self.format.render(&record, self.color, &mut self.text);
            self.pending.push_back((self.text.len(), record));
        }
        let mut stderr = io::stderr();
        while self.written < self.text.len() {
            match stderr.write(&self.text[self.written..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        self.text.clear();
        self.pending.clear();
        self.written = 0;
        Ok(())
    }

    fn pending(&self) -> usize {
        self.pending.len()
    }

    fn unwritten(&mut self) -> VecDeque<Arc<Record>> {
        let written = std::mem::take(&mut self.written);
        self.text.clear();
        let left = self.pending.drain(..).filter(|(end, _)| *end > written);
        left.map(|(_, record)| record).collect()
    }

    fn results(&mut self, text: &str) {
        // A terminal that is gone takes nothing; the node goes on without it.
        let mut stdout = anstream::stdout();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
}
