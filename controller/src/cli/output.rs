//! Results go to standard output, in colour only on a terminal; everything else goes to standard error.

use super::failure::Failure;
use std::io::{self, IsTerminal as _, Write as _};

/// Prints a result.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

/// Prints a result as JSON.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(io::Error::from)?;
    print(&(text + "\n"))
}

/// Says that it is done, wherever that goes.
pub(super) fn succeeded(text: &str) -> Result<(), Failure> {
    print(&format!("{text}\n"))
}

/// Tells what goes on, where somebody looks.
pub(super) fn progress(text: &str) {
    let mut stderr = anstream::stderr();
    if io::stderr().is_terminal() {
        let _ = writeln!(stderr, "{text}");
    }
}

/// Reads how many of something are wanted.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number".into())
}

/// Says something that is no result.
pub(super) fn remark(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}
