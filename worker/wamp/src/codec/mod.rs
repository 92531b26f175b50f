//! Messages from and to bytes.
//!
//! Only the head of a message is decoded. The bounds of its arguments are found by skimming over them, in linear time
//! and to a limited depth, and the bytes go on as they are (see [`Payload`](crate::Payload)).

mod batch;
mod cbor;
mod json;
mod message;
mod msgpack;
mod transcode;

pub use batch::{Batch, Unbatched, append as append_to_batch};
pub use message::{decode, encode};
pub use transcode::decode_value;

use crate::{Serializer, Value};
use std::fmt;
use std::ops::Range;

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

/// Reads one serialized value after the other.
pub(crate) trait Read<'a>: Sized {
    /// A reader of `bytes`; fails where they can't be read at all (JSON that is not UTF-8).
    fn new(bytes: &'a [u8]) -> Result<Self, Error>;

    /// Enters the list that comes next.
    fn begin(&mut self) -> Result<(), Error>;

    /// Whether the entered list has one more element, which then comes next.
    fn more(&mut self) -> Result<bool, Error>;

    /// Checks that nothing follows the list.
    fn end(&mut self) -> Result<(), Error>;

    /// Decodes the next value.
    fn value(&mut self) -> Result<Value, Error>;

    /// Finds the bounds of the next value, without decoding it.
    fn skim(&mut self) -> Result<(Range<usize>, Shape), Error>;

    /// Whether `raw`, a list or map that was skimmed, has nothing in it.
    fn is_empty(raw: &[u8]) -> bool;
}

/// What a value is, as far as skimming over it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Null,
    List,
    Map,
    Text,
    Bytes,
    Other,
}

/// Appends one serialized value after the other.
pub(crate) trait Write {
    /// Begins a list of `count` elements.
    fn list(&mut self, count: usize, out: &mut Vec<u8>);

    /// Stands before each element of the list that was begun.
    fn element(&mut self, out: &mut Vec<u8>);

    /// Ends the list.
    fn end(&mut self, out: &mut Vec<u8>);

    /// Appends a value.
    fn value(&mut self, value: &Value, out: &mut Vec<u8>);

    /// Appends a text.
    fn text(&mut self, text: &str, out: &mut Vec<u8>);

    /// Appends an integer.
    fn uint(&mut self, number: u64, out: &mut Vec<u8>);
}

/// Appends one value.
pub fn encode_value(serializer: Serializer, value: &Value, out: &mut Vec<u8>) {
    match serializer {
        Serializer::Json => json::Writer::default().value(value, out),
        Serializer::Msgpack => msgpack::Writer.value(value, out),
        Serializer::Cbor => cbor::Writer.value(value, out),
    }
}

/// A value as a text of JSON.
#[must_use]
pub fn json_text(value: &Value) -> String {
    let mut text = Vec::new();
    json::Writer::default().value(value, &mut text);
    String::from_utf8(text).unwrap_or_default()
}
