//! Standard error, and standard output for results.

use super::text::Text;
use super::writer::Writer;
use crate::logs::batch::Batch;
use anstream::{AutoStream, ColorChoice};
use jackfield_shared::config::{Color, TerminalSink};
use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::Arc;

/// The terminal, or whatever standard error is.
pub(super) struct Terminal(Text);

impl Terminal {
    /// The terminal as the configuration wants it.
    pub(super) fn new(sink: &TerminalSink) -> Self {
        let color = match sink.color {
            Color::Auto => AutoStream::choice(&io::stderr()) != ColorChoice::Never,
            Color::Always => true,
            Color::Never => false,
        };
        Self(Text::new(sink.format.into(), color))
    }
}

impl Writer for Terminal {
    fn write(&mut self, records: &mut VecDeque<Arc<Batch>>) -> io::Result<()> {
        loop {
            self.0.write(io::stderr(), |_| {})?;
            if records.is_empty() {
                return Ok(());
            }
            self.0.render(records, |_| false);
        }
    }

    fn pending(&self) -> usize {
        self.0.pending()
    }

    fn unwritten(&mut self) -> VecDeque<Arc<Batch>> {
        self.0.unwritten()
    }

    fn results(&mut self, text: &str) {
        // A terminal that is gone takes nothing; the node goes on without it.
        let mut stdout = anstream::stdout();
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
}
