//! Why bytes are no message.

use std::fmt;

/// Lists and maps within each other, at most. A deeper message is refused, whoever sends it.
pub const MAX_DEPTH: usize = 256;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are not what the serializer writes.
    #[error("not valid {format} at byte {at}: {problem}")]
    Malformed {
        /// The serializer, for people.
        format: &'static str,
        /// Offset of the first byte that does not fit.
        at: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Lists and maps are nested deeper than [`MAX_DEPTH`].
    #[error("lists and dictionaries are nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// The list is not a message.
    #[error("{0}")]
    Message(Unfit),
}

/// What is wrong with the list of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub(crate) String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error {
    pub(crate) fn unfit(text: impl Into<String>) -> Self {
        Self::Message(Unfit(text.into()))
    }
}
