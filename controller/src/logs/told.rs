//! Lines by which a program says what it logs: the character RS, then an object of JSON with a level and a text, which may
//! have several lines (RFC 7464, as one record a line).

use jackfield_shared::log::Level;
use serde::Deserialize;

const SEPARATOR: char = '\u{1e}';

#[derive(Deserialize)]
struct Told {
    level: Level,
    message: String,
}

/// Whether some of the lines of a text may say more than themselves.
pub(crate) fn says_levels(text: &str) -> bool {
    text.contains(SEPARATOR)
}

/// What a line says: its own level and text if it is such an object, else itself at `level`.
pub(crate) fn told(level: Level, line: String) -> (Level, String) {
    let Some(object) = line.strip_prefix(SEPARATOR) else { return (level, line) };
    match serde_json::from_str(object) {
        Ok(Told { level, message }) => (level, message),
        Err(_) => (level, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_says_its_level_is_one_record() {
        for (line, level, text) in [
            ("plain", Level::Warn, "plain"),
            (
                "{\"level\": \"error\", \"message\": \"x\"}",
                Level::Warn,
                "{\"level\": \"error\", \"message\": \"x\"}",
            ),
            ("\u{1e}{\"level\": \"error\", \"message\": \"a\\nb\"}", Level::Error, "a\nb"),
            (
                "\u{1e}{\"level\": \"loud\", \"message\": \"a\"}",
                Level::Warn,
                "\u{1e}{\"level\": \"loud\", \"message\": \"a\"}",
            ),
            ("\u{1e}", Level::Warn, "\u{1e}"),
        ] {
            assert_eq!(told(Level::Warn, line.into()), (level, text.into()));
        }
    }
}
