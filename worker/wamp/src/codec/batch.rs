//! Several messages in one WebSocket message (subprotocols `wamp.2.NAME.batched`; WAMP specification, "WebSocket
//! Transport").

use super::Error;
use crate::Serializer;
use bytes::Bytes;

/// Stands behind each message of JSON: what Autobahn|Python writes, the one client that is known to batch.
const SEPARATOR: u8 = 0x18;
/// What the specification says instead. No text of JSON has either byte in it, so both are taken.
const SPECIFIED: u8 = 0x1E;

/// Where a batch is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// JSON: a byte stands behind each message.
    Separated,
    /// Others: the length in four bytes stands in front of each message.
    Counted,
}

impl Batch {
    /// The one for a serializer.
    #[must_use]
    pub const fn of(serializer: Serializer) -> Self {
        if serializer.is_text() { Self::Separated } else { Self::Counted }
    }
}

/// Appends a message to a batch.
pub fn append(batch: Batch, message: &[u8], out: &mut Vec<u8>) {
    match batch {
        Batch::Separated => {
            out.extend_from_slice(message);
            out.push(SEPARATOR);
        }
        Batch::Counted => {
            out.extend_from_slice(&(message.len() as u32).to_be_bytes());
            out.extend_from_slice(message);
        }
    }
}

/// The messages of a batch, in order; ends after the first that is cut off.
#[derive(Debug)]
pub struct Unbatched {
    batch: Batch,
    rest: Bytes,
}

impl Unbatched {
    /// Those in `bytes`.
    #[must_use]
    pub const fn new(batch: Batch, bytes: Bytes) -> Self {
        Self { batch, rest: bytes }
    }
}

impl Iterator for Unbatched {
    type Item = Result<Bytes, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let cut_off = |problem| Error::Malformed { format: "batch", at: 0, problem };
        match self.batch {
            Batch::Separated => match memchr::memchr2(SEPARATOR, SPECIFIED, &self.rest) {
                Some(end) => {
                    let message = self.rest.split_to(end);
                    let _ = self.rest.split_to(1);
                    Some(Ok(message))
                }
                // The last one is also taken without.
                None => Some(Ok(std::mem::take(&mut self.rest))),
            },
            Batch::Counted => {
                let length =
                    self.rest.split_first_chunk().map(|(length, _)| u32::from_be_bytes(*length) as usize);
                let whole = length.filter(|length| self.rest.len() - 4 >= *length);
                let Some(length) = whole else {
                    self.rest = Bytes::new();
                    return Some(Err(cut_off("a message of the batch is cut off")));
                };
                let _ = self.rest.split_to(4);
                Some(Ok(self.rest.split_to(length)))
            }
        }
    }
}
