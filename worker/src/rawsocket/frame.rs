//! RawSocket's framing: one byte of type, three of length (big endian), the payload.

use std::fmt;

/// Bytes of a frame before its payload.
const HEADER: usize = 4;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A WAMP message.
    Message = 0,
    /// To be answered by a pong with the same payload.
    Ping = 1,
    /// The answer to a ping.
    Pong = 2,
}

/// Why a connection has to be failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FrameError {
    /// The type, or a reserved bit beside it, has no meaning.
    Type(u8),
    /// The payload is longer than what was agreed on.
    TooLong { length: usize, most: usize },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(byte) => write!(f, "RawSocket: a frame of the reserved type {byte:#04x}"),
            Self::TooLong { length, most } => {
                write!(f, "RawSocket: a frame of {length} bytes, at most {most} are allowed")
            }
        }
    }
}

impl std::error::Error for FrameError {}

/// Appends a frame. `most` is what the receiver takes.
pub(crate) fn encode(kind: Kind, payload: &[u8], most: usize, into: &mut Vec<u8>) -> Result<(), FrameError> {
    let length = payload.len();
    // A peer that takes 16 MiB can't be sent them: the length has 24 bits.
    let [0, a, b, c] = (length.min(u32::MAX as usize) as u32).to_be_bytes() else {
        return Err(FrameError::TooLong { length, most });
    };
    if length > most {
        return Err(FrameError::TooLong { length, most });
    }
    into.reserve(HEADER + length);
    into.extend_from_slice(&[kind as u8, a, b, c]);
    into.extend_from_slice(payload);
    Ok(())
}

/// Cuts a stream of bytes into frames; owns no memory between two frames.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// The longest payload taken.
    most: usize,
    /// The beginning of a frame.
    partial: Vec<u8>,
    /// How many frames were complete.
    ended: u64,
}

impl Decoder {
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, partial: Vec::new(), ended: 0 }
    }

    /// The number of the frame that has begun and not ended.
    pub(crate) fn unfinished(&self) -> Option<u64> {
        (!self.partial.is_empty()).then_some(self.ended)
    }

    /// How many bytes of memory are kept for it.
    pub(crate) fn memory(&self) -> usize {
        self.partial.capacity()
    }

    /// Takes what was received and gives `each` the frames that are complete with it.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(Kind, &[u8]) -> Result<(), FrameError>,
    ) -> Result<(), FrameError> {
        let mut ended = 0;
        let mut each = |kind, payload: &[u8]| {
            ended += 1;
            each(kind, payload)
        };
        if self.partial.is_empty() {
            let used = self.frames(bytes, &mut each)?;
            self.partial.extend_from_slice(&bytes[used..]);
        } else {
            self.partial.extend_from_slice(bytes);
            let used = self.frames(&self.partial, &mut each)?;
            self.partial.drain(..used);
        }
        self.ended += ended;
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
        Ok(())
    }

    /// The bytes that complete frames at the start of `bytes` take.
    fn frames(
        &self,
        bytes: &[u8],
        each: &mut impl FnMut(Kind, &[u8]) -> Result<(), FrameError>,
    ) -> Result<usize, FrameError> {
        let mut rest = bytes;
        while let Some((&[kind, a, b, c], payload)) = rest.split_first_chunk::<HEADER>() {
            let kind = match kind {
                0 => Kind::Message,
                1 => Kind::Ping,
                2 => Kind::Pong,
                other => return Err(FrameError::Type(other)),
            };
            let length = u32::from_be_bytes([0, a, b, c]) as usize;
            if length > self.most {
                return Err(FrameError::TooLong { length, most: self.most });
            }
            let Some((payload, after)) = payload.split_at_checked(length) else {
                break;
            };
            each(kind, payload)?;
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        encode(kind, payload, 1 << 24, &mut bytes).unwrap();
        bytes
    }

    fn decode(most: usize, pieces: &[&[u8]]) -> Result<Vec<(Kind, Vec<u8>)>, FrameError> {
        let mut decoder = Decoder::new(most);
        let mut got = Vec::new();
        for piece in pieces {
            decoder.feed(piece, |kind, payload| {
                got.push((kind, payload.to_vec()));
                Ok(())
            })?;
        }
        assert_eq!(decoder.memory() == 0, decoder.unfinished().is_none());
        Ok(got)
    }

    #[test]
    fn frames_are_found_wherever_the_bytes_are_cut() {
        let frames =
            [(Kind::Message, &b"hello"[..]), (Kind::Ping, b""), (Kind::Pong, b"x"), (Kind::Message, b"!")];
        let bytes: Vec<u8> = frames.iter().flat_map(|(kind, payload)| frame(*kind, payload)).collect();
        let expected: Vec<_> = frames.iter().map(|(kind, payload)| (*kind, payload.to_vec())).collect();
        assert_eq!(decode(5, &[&bytes]).unwrap(), expected);
        for cut in 0..bytes.len() {
            assert_eq!(decode(5, &[&bytes[..cut], &bytes[cut..]]).unwrap(), expected, "cut at {cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decode(5, &single).unwrap(), expected);
    }

    #[test]
    fn a_frame_has_a_known_type_and_no_reserved_bits() {
        for kind in [3, 7, 0x08, 0x80, 0xFF] {
            assert_eq!(decode(5, &[&[kind, 0, 0, 0]]), Err(FrameError::Type(kind)));
        }
    }

    #[test]
    fn a_frame_that_is_too_long_fails_at_its_header() {
        assert_eq!(decode(5, &[&[0, 0, 0, 6]]), Err(FrameError::TooLong { length: 6, most: 5 }));
        let mut bytes = Vec::new();
        assert_eq!(
            encode(Kind::Message, b"123456", 5, &mut bytes),
            Err(FrameError::TooLong { length: 6, most: 5 })
        );
        let longest = 1 << 24;
        assert!(encode(Kind::Message, &vec![0; longest], longest, &mut bytes).is_err());
        assert!(bytes.is_empty());
        assert!(encode(Kind::Message, &vec![0; longest - 1], longest, &mut bytes).is_ok());
    }
}
