//! The text of an event: its message, then its fields as `name=value`.

use std::fmt::{self, Write};
use tracing::Event;
use tracing::field::{Field, Visit};

/// Longest text of a record, in bytes; the rest is cut off.
const LONGEST: usize = 8 << 10;

/// The text of `event`.
pub(super) fn of(event: &Event<'_>) -> String {
    let mut text = Text::default();
    event.record(&mut text);
    text.message + &text.fields
}

#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

/// Writes until the limit is reached.
struct Limited<'a>(&'a mut String);

impl Write for Limited<'_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let room = LONGEST.saturating_sub(self.0.len());
        if s.len() <= room {
            self.0.push_str(s);
            return Ok(());
        }
        let end = (0..=room).rev().find(|&i| s.is_char_boundary(i)).unwrap_or(0);
        self.0.push_str(&s[..end]);
        self.0.push('…');
        Err(fmt::Error)
    }
}

impl Visit for Text {
    // An error of the writes below means that the text was cut off at the limit.
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = if field.name() == "message" {
            write!(Limited(&mut self.message), "{value:?}")
        } else {
            write!(Limited(&mut self.fields), " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let mut text = String::new();
        assert!(write!(Limited(&mut text), "x{}", "é".repeat(LONGEST)).is_err());
        assert!(text.len() <= LONGEST + '…'.len_utf8());
        assert!(text.ends_with("é…"));
    }
}
