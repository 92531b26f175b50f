//! From messages to bytes, without I/O.

use super::deflate::Compressor;
use super::extension::Agreement;
use super::frame::{MAX_CONTROL, Opcode, unmask};
use super::side::Side;
use jackfield_shared::config::WebsocketOptions;
use std::hash::{BuildHasher, RandomState};

const FIN: u8 = 0x80;
/// The message is compressed (RFC 7692 section 6).
const RSV1: u8 = 0x40;

/// The sending side of one connection.
#[derive(Debug)]
pub(super) struct Encoder {
    /// Whether frames are sent masked.
    mask: bool,
    /// Whether that changes the payload.
    apply_mask: bool,
    /// Most bytes of a frame's payload; 0: any number.
    fragment: usize,
    compressor: Option<Compressor>,
}

impl Encoder {
    /// The encoder of our side. A client always masks.
    pub(super) fn new(side: Side, options: &WebsocketOptions, compression: Option<Agreement>) -> Self {
        let direction = |agreed: Agreement| match side {
            Side::Server => agreed.to_client,
            Side::Client => agreed.from_client,
        };
        let compressor = |agreed: Agreement| Compressor::new(direction(agreed), agreed.memory_level);
        Self {
            mask: side == Side::Client || options.mask_server_frames,
            apply_mask: options.apply_mask,
            fragment: options.auto_fragment_size.try_into().unwrap_or(0),
            compressor: compression.map(compressor),
        }
    }

    /// Appends a whole message, Text or Binary.
    pub(super) fn message(&mut self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        let Some(compressor) = &mut self.compressor else { return self.fragments(opcode, 0, payload, out) };
        let compressed = compressor.compress(payload);
        self.fragments(opcode, RSV1, &compressed, out);
    }

    fn fragments(&self, opcode: Opcode, reserved: u8, payload: &[u8], out: &mut Vec<u8>) {
        if self.fragment == 0 || payload.len() <= self.fragment {
            return self.frame(FIN | reserved | opcode.bits(), payload, out);
        }
        let mut first = reserved | opcode.bits();
        let mut parts = payload.chunks(self.fragment).peekable();
        while let Some(part) = parts.next() {
            let fin = if parts.peek().is_none() { FIN } else { 0 };
            self.frame(fin | first, part, out);
            first = Opcode::Continuation.bits();
        }
    }

    /// Appends a Ping or Pong; it has 125 bytes at most.
    pub(super) fn control(&self, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
        self.frame(FIN | opcode.bits(), &payload[..payload.len().min(MAX_CONTROL)], out);
    }

    /// Appends a Close (RFC 6455 section 5.5.1); a reason over 123 bytes is cut at a character.
    pub(super) fn close(&self, code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
        let mut payload = Vec::with_capacity(MAX_CONTROL);
        if let Some(code) = code {
            payload.extend_from_slice(&code.to_be_bytes());
            let end = reason.floor_char_boundary(MAX_CONTROL - 2);
            payload.extend_from_slice(&reason.as_bytes()[..end]);
        }
        self.frame(FIN | Opcode::Close.bits(), &payload, out);
    }

    fn frame(&self, first: u8, payload: &[u8], out: &mut Vec<u8>) {
        let masked = if self.mask { 0x80 } else { 0 };
        match payload.len() {
            short @ 0..=125 => out.extend_from_slice(&[first, masked | short as u8]),
            medium @ 126..=0xFFFF => {
                out.extend_from_slice(&[first, masked | 126]);
                out.extend_from_slice(&(medium as u16).to_be_bytes());
            }
            long => {
                out.extend_from_slice(&[first, masked | 127]);
                out.extend_from_slice(&(long as u64).to_be_bytes());
            }
        }
        if !self.mask {
            return out.extend_from_slice(payload);
        }
        let [a, b, c, d, ..] = RandomState::new().hash_one(payload.len()).to_ne_bytes();
        out.extend_from_slice(&[a, b, c, d]);
        let start = out.len();
        out.extend_from_slice(payload);
        if self.apply_mask {
            unmask(&mut out[start..], [a, b, c, d], 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::header_len;
    use super::*;

    fn encoder(change: impl FnOnce(&mut WebsocketOptions)) -> Encoder {
        let mut options = WebsocketOptions::default();
        change(&mut options);
        Encoder::new(Side::Server, &options, None)
    }

    #[test]
    fn lengths_take_the_shortest_form() {
        for (len, head) in [
            (125, vec![0x82, 125]),
            (126, vec![0x82, 126, 0, 126]),
            (65_536, vec![0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            encoder(|_| {}).message(Opcode::Binary, &vec![0; len], &mut out);
            assert_eq!(out[..head.len()], head);
            assert_eq!(out.len(), head.len() + len);
            assert_eq!(header_len(out[1]), head.len());
        }
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let mut out = Vec::new();
        encoder(|_| {}).close(Some(1000), &"é".repeat(100), &mut out);
        assert_eq!(out.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&out[4..]).is_ok());
    }

    #[test]
    fn long_messages_are_fragmented_and_frames_masked_where_asked_for() {
        let mut out = Vec::new();
        encoder(|options| options.auto_fragment_size = 3).message(Opcode::Text, b"12345678", &mut out);
        assert_eq!(out, b"\x01\x03123\x00\x03456\x80\x0278");
        out.clear();
        encoder(|options| options.auto_fragment_size = -1).message(Opcode::Text, b"12345678", &mut out);
        assert_eq!(out, b"\x81\x0812345678");
        out.clear();
        encoder(|options| options.mask_server_frames = true).message(Opcode::Text, b"12345", &mut out);
        assert_eq!((out[..2].to_vec(), out.len()), (vec![0x81, 0x85], 11));
        let mask = [out[2], out[3], out[4], out[5]];
        unmask(&mut out[6..], mask, 0);
        assert_eq!(&out[6..], b"12345");
    }
}
