//! The transfer coding `chunked` (RFC 9112, section 7.1), taken apart.

use bytes::{Buf, Bytes, BytesMut};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// Bytes of all sizes, extensions and trailers of one content that are no digits; more are for attacks only.
const MOST_WORDS: usize = 16 << 10;
/// Fields behind the content.
const MOST_TRAILERS: usize = 100;

/// What comes next of a content.
#[derive(Debug)]
pub(super) enum Piece {
    Data(Bytes),
    /// Fields behind the content; then nothing.
    Trailers(HeaderMap),
    End,
}

/// Content that is not what the coding allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size,
    Extension,
    /// The line feed behind a size.
    SizeEnd,
    Data,
    DataCr,
    DataLf,
    Trailers,
}

/// Where the reader of a content is.
#[derive(Debug)]
pub(super) struct Chunked {
    state: State,
    /// Of the chunk at hand: digits of its size, and bytes to come.
    digits: u8,
    left: u64,
    words: usize,
    trailers: Vec<u8>,
}

impl Chunked {
    pub(super) const fn new() -> Self {
        Self { state: State::Size, digits: 0, left: 0, words: 0, trailers: Vec::new() }
    }

    /// Takes the next piece from the beginning of `input`; `None`: more has to come.
    ///
    /// # Errors
    /// If it is malformed.
    pub(super) fn next(&mut self, input: &mut BytesMut) -> Result<Option<Piece>, Malformed> {
        while let Some(&byte) = input.first() {
            if self.state == State::Data {
                let count = usize::try_from(self.left).map_or(input.len(), |left| left.min(input.len()));
                self.left -= count as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                }
                return Ok(Some(Piece::Data(input.split_to(count).freeze())));
            }
            input.advance(1);
            if self.state == State::Trailers {
                if let Some(piece) = self.trailer(byte)? {
                    return Ok(Some(piece));
                }
                continue;
            }
            self.state = self.step(byte)?;
        }
        Ok(None)
    }

    fn step(&mut self, byte: u8) -> Result<State, Malformed> {
        Ok(match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if self.digits < 16 => {
                let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
                self.left = self.left << 4 | u64::from(digit);
                self.digits += 1;
                State::Size
            }
            (State::Size, b'\r') if self.digits > 0 => State::SizeEnd,
            (State::Size, b';') if self.digits > 0 => self.word(State::Extension)?,
            (State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, b'\t' | b' '..=b'~' | 0x80..) => self.word(State::Extension)?,
            (State::SizeEnd, b'\n') => {
                self.digits = 0;
                if self.left == 0 { State::Trailers } else { State::Data }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            _ => return Err(Malformed),
        })
    }

    fn word(&mut self, then: State) -> Result<State, Malformed> {
        self.words += 1;
        if self.words > MOST_WORDS { Err(Malformed) } else { Ok(then) }
    }

    fn trailer(&mut self, byte: u8) -> Result<Option<Piece>, Malformed> {
        self.word(State::Trailers)?;
        if byte == b'\n' && self.trailers.last() != Some(&b'\r') {
            return Err(Malformed);
        }
        self.trailers.push(byte);
        if self.trailers == b"\r\n" {
            return Ok(Some(Piece::End));
        }
        if !self.trailers.ends_with(b"\r\n\r\n") {
            return Ok(None);
        }
        let mut fields = [httparse::EMPTY_HEADER; MOST_TRAILERS];
        let Ok(httparse::Status::Complete((_, fields))) =
            httparse::parse_headers(&self.trailers, &mut fields)
        else {
            return Err(Malformed);
        };
        let mut trailers = HeaderMap::with_capacity(fields.len());
        for field in fields {
            let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Malformed)?;
            trailers.append(name, HeaderValue::from_bytes(field.value).map_err(|_| Malformed)?);
        }
        Ok(Some(Piece::Trailers(trailers)))
    }
}
