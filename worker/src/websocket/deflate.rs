//! Compression of messages: permessage-deflate (RFC 7692), the bytes. What is agreed on is [`super::extension`]'s.

use std::fmt;
use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

/// What ends a message that was compressed, and is not sent (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];
/// What an output buffer grows by.
const STEP: usize = 16 << 10;

/// What was agreed on for one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Direction {
    /// Each message is compressed on its own.
    pub(super) no_context_takeover: bool,
    /// The window: from 9 to 15 bits.
    pub(super) window_bits: u8,
}

/// Why a message can't be decompressed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Error {
    Malformed,
    TooBig,
}

/// Decompresses what a peer sends. Owns memory from the first compressed message on.
pub(super) struct Decompressor {
    direction: Direction,
    state: Option<Box<Inflate>>,
}

impl Decompressor {
    pub(super) const fn new(direction: Direction) -> Self {
        Self { direction, state: None }
    }

    /// Appends to `out` what a part of a message says; with `last`, its end. `out` grows to `limit` bytes at most
    /// (0: any).
    pub(super) fn push(
        &mut self,
        part: &[u8],
        last: bool,
        limit: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let bits = self.direction.window_bits;
        let state = self.state.get_or_insert_with(|| Box::new(Inflate::new(false, bits)));
        inflate(state, part, limit, out)?;
        if last {
            inflate(state, &TAIL, limit, out)?;
            if self.direction.no_context_takeover {
                // The next message begins anew, so nothing has to be kept for it.
                self.state = None;
            }
        }
        Ok(())
    }
}

fn inflate(state: &mut Inflate, mut part: &[u8], limit: u64, out: &mut Vec<u8>) -> Result<(), Error> {
    loop {
        let filled = out.len();
        // One byte more than allowed shows that there is more.
        let room = if limit == 0 { STEP } else { STEP.min((limit as usize + 1).saturating_sub(filled)) };
        out.resize(filled + room, 0);
        let (before_in, before_out) = (state.total_in(), state.total_out());
        let status = state.decompress(part, &mut out[filled..], InflateFlush::SyncFlush);
        let taken = (state.total_in() - before_in) as usize;
        let made = (state.total_out() - before_out) as usize;
        out.truncate(filled + made);
        part = &part[taken..];
        match status {
            Err(_) => return Err(Error::Malformed),
            Ok(_) if limit != 0 && out.len() as u64 > limit => return Err(Error::TooBig),
            // A final block inside of a message (section 7.2.3.4): what follows begins anew.
            Ok(Status::StreamEnd) => state.reset(false),
            Ok(_) if taken == 0 && made == 0 => return Ok(()),
            Ok(_) => {}
        }
        if part.is_empty() && made < room {
            return Ok(());
        }
    }
}

/// Compresses what is sent. Owns memory from the first message on.
pub(super) struct Compressor {
    direction: Direction,
    memory_level: u8,
    state: Option<Box<Deflate>>,
}

impl Compressor {
    pub(super) const fn new(direction: Direction, memory_level: u8) -> Self {
        Self { direction, memory_level, state: None }
    }

    /// A whole message, compressed.
    pub(super) fn compress(&mut self, message: &[u8]) -> Vec<u8> {
        let config = DeflateConfig {
            window_bits: -i32::from(self.direction.window_bits),
            mem_level: self.memory_level.into(),
            ..DeflateConfig::default()
        };
        let state = self.state.get_or_insert_with(|| Box::new(Deflate::new_with_config(config)));
        let mut out = Vec::with_capacity(message.len() / 2 + 64);
        let mut rest = message;
        loop {
            let filled = out.len();
            out.resize(filled + STEP.min(rest.len() + 64), 0);
            let (before_in, before_out) = (state.total_in(), state.total_out());
            // Can only fail for want of room, and then there is more of it in the next round.
            let _ = state.compress(rest, &mut out[filled..], DeflateFlush::SyncFlush);
            let room = out.len() - filled;
            let made = (state.total_out() - before_out) as usize;
            rest = &rest[(state.total_in() - before_in) as usize..];
            out.truncate(filled + made);
            if rest.is_empty() && made < room {
                break;
            }
        }
        if self.direction.no_context_takeover {
            self.state = None;
        }
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        if out.is_empty() {
            out.push(0); // an empty message is one empty block (section 7.2.3.6)
        }
        out
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.direction.fmt(f)
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.direction.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Direction = Direction { no_context_takeover: false, window_bits: 15 };

    #[test]
    fn messages_survive_however_they_are_cut_and_contexts_are_kept_or_not() {
        let messages: Vec<Vec<u8>> = (0..20_u32)
            .map(|n| (0..n * n * 300).flat_map(|i| ((i / 7) * n % 251).to_le_bytes()).collect())
            .collect();
        for no_context_takeover in [false, true] {
            for window_bits in [9, 12, 15] {
                let direction = Direction { no_context_takeover, window_bits };
                let mut compressor = Compressor::new(direction, 8);
                let mut decompressor = Decompressor::new(direction);
                for message in &messages {
                    let compressed = compressor.compress(message);
                    let (mut out, step) = (Vec::new(), compressed.len().div_ceil(3));
                    let parts: Vec<_> = compressed.chunks(step).collect();
                    for (index, part) in parts.iter().enumerate() {
                        decompressor.push(part, index + 1 == parts.len(), 0, &mut out).unwrap();
                    }
                    assert!(out == *message, "{direction:?}, {} bytes", message.len());
                }
            }
        }
    }

    /// The examples of RFC 7692, section 7.2.3.
    #[test]
    fn the_examples_of_the_rfc() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(Compressor::new(ANY, 8).compress(b"Hello"), hello);
        let mut decompressor = Decompressor::new(ANY);
        let second = [0xf2, 0x00, 0x11, 0x00, 0x00];
        let not_compressed = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        let two_blocks = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
        for message in [&hello[..], &second, &not_compressed, &two_blocks] {
            let mut out = Vec::new();
            decompressor.push(message, true, 0, &mut out).unwrap();
            assert_eq!(out, b"Hello");
        }
        let final_block = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        let mut out = Vec::new();
        Decompressor::new(ANY).push(&final_block, true, 0, &mut out).unwrap();
        assert_eq!(out, b"Hello");
        assert_eq!(Compressor::new(ANY, 8).compress(b""), [0]);
    }

    #[test]
    fn a_bomb_and_nonsense_are_refused() {
        let bomb = Compressor::new(ANY, 8).compress(&vec![0; 10_000_000]);
        assert!(bomb.len() < 20_000);
        let mut out = Vec::new();
        let mut decompressor = Decompressor::new(ANY);
        assert_eq!(decompressor.push(&bomb, true, 1_000_000, &mut out), Err(Error::TooBig));
        assert!(out.capacity() < 3_000_000);
        assert!(Decompressor::new(ANY).push(&bomb, true, 10_000_000, &mut Vec::new()).is_ok());
        let nonsense = Decompressor::new(ANY).push(&[0xFF; 50], true, 0, &mut Vec::new());
        assert_eq!(nonsense, Err(Error::Malformed));
    }
}
