//! From bytes to messages, without I/O.
//!
//! A message that arrives whole is handed on where it lies in the caller's buffer, unmasked in place; only
//! what is cut off by the end of the input is kept here. An idle connection owns no buffer.

use super::deflate::{self, Decompressor, Direction};
use super::frame::{MAX_CONTROL, MAX_HEADER, Opcode, header_len, is_valid_close_code, unmask};
use super::utf8::Validator;
use std::ops::ControlFlow::{self, Break, Continue};

/// The bit that says of a message that it is compressed (RFC 7692 section 6).
const RSV1: u8 = 0x40;

/// Limits and rules for what a peer may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Most bytes in one frame's payload; 0: no limit.
    pub(super) max_frame: u64,
    /// Most bytes in a message; 0: no limit.
    pub(super) max_message: u64,
    /// Refuse frames without a mask (RFC 6455 section 5.1).
    pub(super) require_mask: bool,
    /// Refuse text that isn't UTF-8 (RFC 6455 section 8.1).
    pub(super) validate_utf8: bool,
    /// Refuse frames with a mask (the same).
    pub(super) refuse_mask: bool,
    /// Take masks off; otherwise payloads are taken as they are.
    pub(super) apply_mask: bool,
}

/// Something that has arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    Text(&'a [u8]),
    Binary(&'a [u8]),
    Ping(&'a [u8]),
    Pong(&'a [u8]),
    Close(Option<(u16, &'a str)>),
}

/// What the peer did wrong: the code and reason for our Close frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Violation {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

const PROTOCOL_ERROR: u16 = 1002;
const INVALID_DATA: u16 = 1007;
const TOO_BIG: u16 = 1009;

fn violation<T>(code: u16, reason: &'static str) -> Result<T, Violation> {
    Err(Violation { code, reason })
}

/// What follows a part of the input.
enum Flow {
    /// The rest of it, if the sink has room.
    More(ControlFlow<()>),
    /// Nothing: the peer has closed.
    Closed,
}

const GO_ON: Flow = Flow::More(Continue(()));

#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    compressed: bool,
    mask: Option<[u8; 4]>,
    len: u64,
    at: u64,
}

/// The receiving side of one connection.
#[derive(Debug)]
pub(super) struct Decoder {
    rules: Rules,
    header: [u8; MAX_HEADER],
    header_at: u8,
    frame: Option<Frame>,
    /// Text or Binary while a message is being received.
    message: Option<Opcode>,
    /// Whether that message is compressed.
    compressed: bool,
    decompressor: Option<Decompressor>,
    kept: Vec<u8>,
    control: Vec<u8>,
    utf8: Validator,
    /// How many messages have ended, and control frames outside of messages.
    ended: u64,
}

impl Decoder {
    /// `compression` is what was agreed on for what the peer sends.
    pub(super) fn new(rules: Rules, compression: Option<Direction>) -> Self {
        Self {
            rules,
            header: [0; MAX_HEADER],
            header_at: 0,
            frame: None,
            message: None,
            compressed: false,
            decompressor: compression.map(Decompressor::new),
            kept: Vec::new(),
            control: Vec::new(),
            utf8: Validator::default(),
            ended: 0,
        }
    }

    /// The number of the message, or frame, that has begun and not ended.
    pub(super) fn unfinished(&self) -> Option<u64> {
        let begun = self.message.is_some() || self.frame.is_some() || self.header_at > 0;
        begun.then_some(self.ended)
    }

    /// How many bytes of memory are kept for it.
    pub(super) fn memory(&self) -> usize {
        self.kept.capacity() + self.control.capacity()
    }

    /// Takes of `input` what `sink` lets it take, and hands each event to that in order; how many bytes are left. A Close
    /// and a violation are the end: what follows them is dropped and nothing may be fed after them.
    pub(super) fn feed(
        &mut self,
        mut input: &mut [u8],
        sink: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<usize, Violation> {
        loop {
            let Some(frame) = &mut self.frame else {
                if input.is_empty() {
                    return Ok(0);
                }
                let used = self.take_header(input)?;
                input = &mut input[used..];
                continue;
            };
            let left = frame.len - frame.at;
            if input.is_empty() && left > 0 {
                return Ok(0);
            }
            let here = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
            let (chunk, rest) = input.split_at_mut(here);
            input = rest;
            if let Some(mask) = frame.mask.filter(|_| self.rules.apply_mask) {
                unmask(chunk, mask, frame.at);
            }
            frame.at += here as u64;
            let whole = here as u64 == frame.len;
            let done = frame.at == frame.len;
            let (opcode, fin) = (frame.opcode, frame.fin);
            if done {
                self.frame = None;
            }
            let flow = if opcode.is_control() {
                self.control(opcode, chunk, whole, done, sink)?
            } else {
                self.data(chunk, done && fin, sink)?
            };
            match flow {
                Flow::More(Continue(())) => {}
                Flow::More(Break(())) => return Ok(input.len()),
                Flow::Closed => return Ok(0),
            }
        }
    }

    fn take_header(&mut self, input: &[u8]) -> Result<usize, Violation> {
        let mut used = 0;
        loop {
            let at = usize::from(self.header_at);
            let need = if at < 2 { 2 } else { header_len(self.header[1]) };
            let more = (need - at).min(input.len() - used);
            self.header[at..at + more].copy_from_slice(&input[used..used + more]);
            used += more;
            self.header_at += more as u8;
            if at + more < need {
                return Ok(used);
            }
            if need > 2 || header_len(self.header[1]) == 2 {
                break;
            }
        }
        self.header_at = 0;
        let frame = self.parse_header()?;
        if !frame.opcode.is_control() && frame.opcode != Opcode::Continuation {
            self.message = Some(frame.opcode);
            self.compressed = frame.compressed;
        }
        self.frame = Some(frame);
        Ok(used)
    }

    fn parse_header(&self) -> Result<Frame, Violation> {
        let [first, second, rest @ ..] = &self.header;
        let fin = first & 0x80 != 0;
        let compressed = first & RSV1 != 0;
        if first & 0x30 != 0 || (compressed && self.decompressor.is_none()) {
            return violation(PROTOCOL_ERROR, "reserved bits set without an extension");
        }
        let Some(opcode) = Opcode::from_bits(first & 0x0F) else {
            return violation(PROTOCOL_ERROR, "reserved opcode");
        };
        if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return violation(PROTOCOL_ERROR, "only a message's first frame says that it is compressed");
        }
        let (len, mask_at) = match second & 0x7F {
            126 => (u64::from(u16::from_be_bytes([rest[0], rest[1]])), 2),
            127 => {
                let mut bytes = [0; 8];
                bytes.copy_from_slice(&rest[..8]);
                (u64::from_be_bytes(bytes), 8)
            }
            short => (u64::from(short), 0),
        };
        let mask = (second & 0x80 != 0)
            .then(|| [rest[mask_at], rest[mask_at + 1], rest[mask_at + 2], rest[mask_at + 3]]);
        if mask.is_none() && self.rules.require_mask {
            return violation(PROTOCOL_ERROR, "a client's frames must be masked");
        }
        if mask.is_some() && self.rules.refuse_mask {
            return violation(PROTOCOL_ERROR, "a server's frames must not be masked");
        }
        if len >> 63 != 0 {
            return violation(PROTOCOL_ERROR, "the most significant bit of the length is set");
        }
        if opcode.is_control() {
            if !fin {
                return violation(PROTOCOL_ERROR, "a control frame must not be fragmented");
            }
            if len > MAX_CONTROL as u64 {
                return violation(PROTOCOL_ERROR, "a control frame has at most 125 bytes");
            }
        } else {
            match (opcode, self.message) {
                (Opcode::Continuation, None) => {
                    return violation(PROTOCOL_ERROR, "nothing to continue");
                }
                (Opcode::Text | Opcode::Binary, Some(_)) => {
                    return violation(PROTOCOL_ERROR, "a new message inside a fragmented one");
                }
                _ => {}
            }
            if self.rules.max_frame != 0 && len > self.rules.max_frame {
                return violation(TOO_BIG, "frame exceeds max_frame_size");
            }
            // What a compressed message grows to is seen when it does.
            let grows = compressed || (opcode == Opcode::Continuation && self.compressed);
            if !grows && self.rules.max_message != 0 && self.kept.len() as u64 + len > self.rules.max_message
            {
                return violation(TOO_BIG, "message exceeds max_message_size");
            }
        }
        Ok(Frame { opcode, fin, compressed, mask, len, at: 0 })
    }

    /// Payload of a control frame.
    fn control(
        &mut self,
        opcode: Opcode,
        chunk: &[u8],
        whole: bool,
        done: bool,
        sink: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Flow, Violation> {
        let payload = if whole {
            chunk
        } else {
            self.control.extend_from_slice(chunk);
            if !done {
                return Ok(GO_ON);
            }
            &self.control
        };
        let flow = match opcode {
            Opcode::Ping => sink(Event::Ping(payload)),
            Opcode::Pong => sink(Event::Pong(payload)),
            _ => {
                let _ = sink(Event::Close(parse_close(payload)?));
                return Ok(Flow::Closed);
            }
        };
        self.control.clear();
        if self.message.is_none() {
            self.ended += 1;
        }
        Ok(Flow::More(flow))
    }

    /// Payload of a data frame.
    fn data(
        &mut self,
        chunk: &[u8],
        last: bool,
        sink: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Flow, Violation> {
        let text = self.message == Some(Opcode::Text);
        if self.compressed {
            return self.compressed_data(chunk, last, sink);
        }
        if text && self.rules.validate_utf8 && (!self.utf8.push(chunk) || last && !self.utf8.finish()) {
            return violation(INVALID_DATA, "text that is not UTF-8");
        }
        if !last {
            self.kept.extend_from_slice(chunk);
            return Ok(GO_ON);
        }
        self.message = None;
        self.ended += 1;
        let event = |payload| if text { Event::Text(payload) } else { Event::Binary(payload) };
        if self.kept.is_empty() {
            return Ok(Flow::More(sink(event(chunk))));
        }
        let mut kept = std::mem::take(&mut self.kept);
        kept.extend_from_slice(chunk);
        Ok(Flow::More(sink(event(&kept))))
    }
}

impl Decoder {
    /// Payload of a data frame of a compressed message.
    fn compressed_data(
        &mut self,
        chunk: &[u8],
        last: bool,
        sink: &mut impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Flow, Violation> {
        let Some(decompressor) = &mut self.decompressor else { return Ok(GO_ON) };
        let before = self.kept.len();
        match decompressor.push(chunk, last, self.rules.max_message, &mut self.kept) {
            Ok(()) => {}
            Err(deflate::Error::Malformed) => {
                return violation(INVALID_DATA, "a compressed message that can't be decompressed");
            }
            Err(deflate::Error::TooBig) => return violation(TOO_BIG, "message exceeds max_message_size"),
        }
        let text = self.message == Some(Opcode::Text);
        if text
            && self.rules.validate_utf8
            && (!self.utf8.push(&self.kept[before..]) || last && !self.utf8.finish())
        {
            return violation(INVALID_DATA, "text that is not UTF-8");
        }
        if !last {
            return Ok(GO_ON);
        }
        self.message = None;
        self.ended += 1;
        let message = std::mem::take(&mut self.kept);
        Ok(Flow::More(sink(if text { Event::Text(&message) } else { Event::Binary(&message) })))
    }
}

fn parse_close(payload: &[u8]) -> Result<Option<(u16, &str)>, Violation> {
    match payload {
        [] => Ok(None),
        [_] => violation(PROTOCOL_ERROR, "a close code has two bytes"),
        [a, b, reason @ ..] => {
            let code = u16::from_be_bytes([*a, *b]);
            if !is_valid_close_code(code) {
                return violation(PROTOCOL_ERROR, "a close code that must not be sent");
            }
            match std::str::from_utf8(reason) {
                Ok(reason) => Ok(Some((code, reason))),
                Err(_) => violation(INVALID_DATA, "a close reason that is not UTF-8"),
            }
        }
    }
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
