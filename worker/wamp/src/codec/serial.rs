//! What a serializer can do.

use super::error::Error;
use crate::Value;
use std::ops::Range;

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
