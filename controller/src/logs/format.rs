//! A record as text: aligned columns for people, or a line of JSON for programs.

use super::batch::Batch;
use super::time::rfc3339;
use clap::ValueEnum;
use jackfield_shared::config::LogFormat;
use jackfield_shared::log::{Level, Record};
use owo_colors::OwoColorize as _;
use std::borrow::Cow;
use std::cell::RefCell;
use std::io::Write as _;

/// How records are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people: time, level, source, text.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Pretty => Self::Pretty,
            LogFormat::Json => Self::Json,
        }
    }
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Pretty => Self::Pretty,
            Format::Json => Self::Json,
        }
    }
}

impl Format {
    /// Appends the record as lines, each ended by a newline; levels have colours if it is wanted.
    pub(crate) fn render(self, record: &Record, color: bool, to: &mut Vec<u8>) {
        match self {
            Self::Pretty => pretty(record, color, to),
            Self::Json => {
                // Strings and numbers are always written.
                let _ = serde_json::to_writer(&mut *to, record);
                to.push(b'\n');
            }
        }
    }

    /// Appends those of the records that fit: it is over when `is_full` says so of the length; how many were appended. There
    /// is always one.
    pub(super) fn render_while(
        self,
        batch: &Batch,
        color: bool,
        is_full: impl Fn(usize) -> bool,
        to: &mut Vec<u8>,
    ) -> usize {
        let mut count = 0;
        if self == Self::Json {
            for record in batch.records() {
                self.render(&record, color, to);
                count += 1;
                if is_full(to.len()) {
                    break;
                }
            }
            return count;
        }
        HEAD.with_borrow_mut(|head| {
            head.become_of(batch.shared(), color);
            // A record's own lines stand below each other, those of a batch are records.
            let is_plain = batch.is_of_lines()
                && batch
                    .shared()
                    .message
                    .bytes()
                    .fold(true, |plain, byte| plain & (is_harmless_byte(byte) | (byte == b'\n')));
            for text in batch.texts() {
                to.extend_from_slice(&head.text);
                if is_plain {
                    to.extend_from_slice(text.as_bytes());
                    to.push(b'\n');
                } else {
                    head.lines(text, to);
                }
                count += 1;
                if is_full(to.len()) {
                    break;
                }
            }
            count
        })
    }

    /// The record as lines with colours: for a stream that removes them where they are not wanted.
    pub(crate) fn text(self, record: &Record) -> String {
        let mut text = Vec::new();
        self.render(record, true, &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

/// Where a record comes from: `worker001[0]` or `controller`.
pub(crate) fn source(record: &Record) -> String {
    match (&record.worker, record.process) {
        (Some(worker), Some(process)) => format!("{worker}[{process}]"),
        (Some(worker), None) => worker.clone(),
        (None, _) => "controller".into(),
    }
}

const SOURCE_WIDTH: usize = 14;

fn pretty(record: &Record, color: bool, to: &mut Vec<u8>) {
    HEAD.with_borrow_mut(|head| {
        head.become_of(record, color);
        to.extend_from_slice(&head.text);
        head.lines(&record.message, to);
    });
}

/// What stands before a record's text. Who writes much writes many lines within a millisecond: they have the same.
#[derive(Default)]
struct Head {
    milliseconds: u64,
    level: Option<Level>,
    worker: Option<String>,
    process: Option<u16>,
    color: bool,
    text: Vec<u8>,
    /// How wide it is: continuation lines stand below the text, so that a record is seen to be one.
    indent: usize,
}

thread_local! {
    static HEAD: RefCell<Head> = RefCell::default();
}

impl Head {
    fn fits(&self, record: &Record, color: bool) -> bool {
        (self.milliseconds, self.level, self.process, self.color)
            == (record.time_us / 1000, Some(record.level), record.process, color)
            && self.worker == record.worker
    }

    fn become_of(&mut self, record: &Record, color: bool) {
        if !self.fits(record, color) {
            *self = Self::of(record, color);
        }
    }

    /// Appends the lines of one record, of which the first stands behind the head.
    fn lines(&self, text: &str, to: &mut Vec<u8>) {
        for (n, line) in text.trim_end_matches('\n').split('\n').enumerate() {
            if n > 0 {
                to.resize(to.len() + self.indent, b' ');
            }
            to.extend_from_slice(escape(line).as_bytes());
            to.push(b'\n');
        }
    }

    fn of(record: &Record, color: bool) -> Self {
        let source = source(record);
        let source = escape(&source);
        let time = rfc3339(record.time_us);
        let level = format!("{:<5}", record.level);
        let mut text = Vec::new();
        // Writing to memory does not fail.
        let _ = if color {
            write!(text, "{} {} {source:<SOURCE_WIDTH$} ", time.dimmed(), paint(record.level, &level))
        } else {
            write!(text, "{time} {level} {source:<SOURCE_WIDTH$} ")
        };
        Self {
            milliseconds: record.time_us / 1000,
            level: Some(record.level),
            worker: record.worker.clone(),
            process: record.process,
            color,
            text,
            indent: time.len() + 1 + level.len() + 1 + source.chars().count().max(SOURCE_WIDTH) + 1,
        }
    }
}

fn paint(level: Level, text: &str) -> String {
    match level {
        Level::Error => text.red().bold().to_string(),
        Level::Warn => text.yellow().to_string(),
        Level::Info => text.green().to_string(),
        Level::Debug => text.blue().to_string(),
        Level::Trace => text.dimmed().to_string(),
    }
}

/// Whether it is printable ASCII or a tab.
fn is_harmless_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

/// Control characters as escapes: what a worker or its client wrote must not steer the terminal.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if text.bytes().all(is_harmless_byte) {
        return text.into();
    }
    let is_harmless = |c: char| !c.is_control() || c == '\t';
    if text.chars().all(is_harmless) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_harmless(c) {
            escaped.push(c);
        } else {
            escaped.extend(c.escape_default());
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(message: &str) -> Record {
        Record {
            time_us: 1_709_251_199_999_000,
            level: Level::Warn,
            worker: Some("worker001".into()),
            process: Some(2),
            pid: 7,
            message: message.into(),
        }
    }

    fn plain(record: &Record) -> String {
        let mut text = Vec::new();
        Format::Pretty.render(record, false, &mut text);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(anstream::adapter::strip_str(&Format::Pretty.text(record)).to_string(), text);
        text
    }

    #[test]
    fn lines_of_a_record_stand_below_each_other() {
        assert_eq!(
            plain(&record("first\nsecond\n")),
            "2024-02-29T23:59:59.999Z warn  worker001[2]   first\n\
             \u{20}                                             second\n"
        );
    }

    #[test]
    fn control_characters_are_shown_and_not_obeyed() {
        let text = plain(&record("a\x1b[2Jb\rc\u{9b}d\te"));
        assert!(text.ends_with("a\\u{1b}[2Jb\\rc\\u{9b}d\te\n"), "{text:?}");
    }

    #[test]
    fn json_is_the_record_on_one_line() {
        let record = record("a\nb");
        let line = Format::Json.text(&record);
        assert_eq!(line.matches('\n').count(), 1);
        assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
    }

    #[test]
    fn the_controller_is_a_source_too() {
        let record = Record { worker: None, process: None, ..record("x") };
        assert!(plain(&record).contains(" controller     x\n"));
    }

    #[test]
    fn lines_that_came_at_once_are_written_like_records() {
        for text in ["a", "a\nb\n\n", "a\tb\nc\x1bd\ne", "ä\nö\x7f", ""] {
            let lines = Batch::of_lines(record(text), text.split('\n').count());
            for format in [Format::Pretty, Format::Json] {
                for color in [false, true] {
                    let (mut once, mut each) = (Vec::new(), Vec::new());
                    assert_eq!(format.render_while(&lines, color, |_| false, &mut once), lines.count());
                    lines.records().for_each(|record| format.render(&record, color, &mut each));
                    assert_eq!(String::from_utf8(once).unwrap(), String::from_utf8(each).unwrap());
                }
            }
        }
        let whole = Batch::from(record("a\nb"));
        let mut once = Vec::new();
        assert_eq!(Format::Pretty.render_while(&whole, false, |_| true, &mut once), 1);
        assert_eq!(String::from_utf8(once).unwrap(), plain(&record("a\nb")));
    }
}
