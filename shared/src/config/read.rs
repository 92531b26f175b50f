//! A file of a configuration as text.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path as FsPath;
use std::time::Duration;

use super::source::Span;

/// How often a file is read that is being written to, at most, and how long is waited in between.
const STILL: u32 = 100;
const STEP: Duration = Duration::from_millis(10);

/// Why a file is no text.
pub(super) struct Unreadable {
    /// The part of it that is text.
    pub(super) text: String,
    /// Where that ends.
    pub(super) span: Span,
    /// What is wrong.
    pub(super) message: String,
}

/// The text of a file.
pub(super) fn read(path: &FsPath) -> Result<String, Unreadable> {
    let bytes = read_still(path).map_err(|error| Unreadable {
        text: String::new(),
        span: Span::new(1, 1),
        message: format!("cannot be read: {error}"),
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes().get(..valid).unwrap_or_default()).into_owned();
        let line = text.matches('\n').count() + 1;
        let column = text.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let message = "found bytes that are no UTF-8, which a configuration is written in".into();
        Unreadable { text, span: Span::new(number(line), number(column)), message }
    })
}

/// The content of a file that nobody writes to: what is written in place while it is read would be half a file.
fn read_still(path: &FsPath) -> std::io::Result<Vec<u8>> {
    let stamp = || {
        let there = std::fs::metadata(path)?;
        std::io::Result::Ok((there.dev(), there.ino(), there.size(), there.mtime(), there.mtime_nsec()))
    };
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut before = stamp()?;
    for _ in 0..STILL {
        let bytes = std::fs::read(path)?;
        let after = stamp()?;
        // What /proc shows has no size.
        if before == after && (after.2 == bytes.len() as u64 || after.2 == 0) {
            return Ok(bytes);
        }
        before = after;
        std::thread::sleep(STEP);
    }
    Err(std::io::Error::other("it is being written to all the time"))
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
