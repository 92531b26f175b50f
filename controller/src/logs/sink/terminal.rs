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
    /// How many records it is.
    pending: usize,
}

impl Terminal {
    /// The terminal as the configuration wants it.
    pub(super) fn new(sink: &TerminalSink) -> Self {
        let color = match sink.color {
            Color::Auto => AutoStream::choice(&io::stderr()) != ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        };
        Self { format: sink.format.into(), color, text: Vec::new(), written: 0, pending: 0 }
    }
}

impl Writer for Terminal {
    fn write(&mut self, records: &mut VecDeque<Arc<Record>>) -> io::Result<()> {
        self.pending += records.len();
        for record in records.drain(..) {
            self.format.render(&record, self.color, &mut self.text);
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
        (self.written, self.pending) = (0, 0);
        Ok(())
    }

    fn pending(&self) -> usize {
        self.pending
    }

    fn results(&mut self, text: &str) {
        // A terminal that is gone takes nothing; the node goes on without it.
        let mut stdout = anstream::stdout();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
}
