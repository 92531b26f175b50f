//! The content of a compressed file of an archive, decompressed while it is sent.

use super::index::Member;
use crate::web::engine::body::Pieces;
use crate::web::engine::file::FileBody;
use bytes::Bytes;
use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};
use zlib_rs::crc32::crc32;
use zlib_rs::{Inflate, InflateFlush, Status};

/// Bytes made at once.
const CHUNK: usize = 64 << 10;

/// What is left to send. A file that becomes longer than its archive says, or another, breaks off.
pub(crate) struct Inflating {
    compressed: FileBody,
    unread: Bytes,
    state: Box<Inflate>,
    left: u64,
    crc: u32,
    expected: u32,
}

impl Inflating {
    /// Of these bytes of the archive.
    pub(super) fn new(compressed: FileBody, member: &Member) -> Self {
        let state = Box::new(Inflate::new(false, 15));
        let (left, expected) = (member.size, member.crc);
        Self { compressed, unread: Bytes::new(), state, left, crc: 0, expected }
    }

    fn broken(&mut self, error: io::Error) -> Poll<Option<io::Result<Bytes>>> {
        self.left = 0;
        Poll::Ready(Some(Err(error)))
    }

    /// Decompresses what can be now; nothing, if that needs more.
    fn step(&mut self) -> Result<Bytes, &'static str> {
        let is_all = self.unread.is_empty() && self.compressed.remaining() == 0;
        let mut made = vec![0; CHUNK];
        let (before_in, before_out) = (self.state.total_in(), self.state.total_out());
        let status = self
            .state
            .decompress(&self.unread, &mut made, InflateFlush::NoFlush)
            .map_err(|_| "the archive is damaged: this file can't be decompressed")?;
        drop(self.unread.split_to((self.state.total_in() - before_in) as usize));
        made.truncate((self.state.total_out() - before_out) as usize);
        self.crc = crc32(self.crc, &made);
        self.left =
            self.left.checked_sub(made.len() as u64).ok_or("the file is longer than its archive says")?;
        let ended = status == Status::StreamEnd || (is_all && made.is_empty());
        if ended && self.left > 0 {
            return Err("the file is shorter than its archive says");
        }
        if self.left == 0 && self.crc != self.expected {
            return Err("the archive is damaged: this file is not what it was (CRC)");
        }
        Ok(made.into())
    }
}

impl Pieces for Inflating {
    fn remaining(&self) -> u64 {
        self.left
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        loop {
            if self.unread.is_empty() {
                match ready!(self.compressed.poll_chunk(cx)) {
                    Some(Ok(bytes)) => self.unread = bytes,
                    Some(Err(e)) => return self.broken(e),
                    None => {}
                }
            }
            match self.step() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Poll::Ready(Some(Ok(bytes))),
                Err(text) => return self.broken(io::Error::new(io::ErrorKind::InvalidData, text)),
            }
        }
    }
}

impl fmt::Debug for Inflating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflating").field("left", &self.left).finish_non_exhaustive()
    }
}
