//! What is about to be written to a connection of HTTP/1: heads and short pieces in one buffer, a long piece beside it, so
//! that an answer is one write.

use super::encode;
use super::sendfile::poll_send_more;
use super::wire::Wire;
use bytes::{Buf, Bytes};
use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// Bytes of a piece that are copied behind those before it; a longer one is written from where it lies.
const COPIED: usize = 16 << 10;
/// Bytes that are gathered before they are written.
const GATHERED: usize = 64 << 10;
/// Bytes of the largest buffer that is used again.
const KEPT: usize = 128 << 10;

thread_local! {
    /// The buffer that the next answer uses: one for all connections that nobody lets wait.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What waits to be written.
#[derive(Debug)]
pub(super) struct Out {
    bytes: Vec<u8>,
    at: usize,
    long: Bytes,
    /// What follows the long piece.
    tail: &'static [u8],
    is_flushed: bool,
    moved: bool,
}

impl Out {
    pub(super) fn new() -> Self {
        let bytes = SPARE.take();
        Self { bytes, at: 0, long: Bytes::new(), tail: &[], is_flushed: true, moved: false }
    }

    /// Lets another answer have the buffer.
    pub(super) fn give_back(mut self) {
        if self.bytes.capacity() <= KEPT {
            self.bytes.clear();
            SPARE.set(self.bytes);
        }
    }

    /// Where more is written.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Whether another piece may be added.
    pub(super) fn has_room(&self) -> bool {
        self.long.is_empty() && self.tail.is_empty() && self.bytes.len() - self.at < GATHERED
    }

    /// Whether all was written.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len() && self.long.is_empty() && self.tail.is_empty()
    }

    /// Adds a piece, as a chunk or as it is.
    pub(super) fn push(&mut self, piece: Bytes, chunked: bool) {
        if piece.is_empty() {
            return;
        }
        if chunked {
            encode::chunk(&mut self.bytes, piece.len());
        }
        let tail: &'static [u8] = if chunked { b"\r\n" } else { b"" };
        if piece.len() <= COPIED {
            self.bytes.extend_from_slice(&piece);
            self.bytes.extend_from_slice(tail);
        } else {
            (self.long, self.tail) = (piece, tail);
        }
    }

    /// Whether something was written since this was asked last.
    pub(super) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Writes all of it. `more`: something follows at once that belongs into the same packet, on a stream that is plain.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, wire: &mut Wire, more: bool) -> Poll<io::Result<()>> {
        ready!(wire.poll_word(cx))?;
        let stream = wire.stream()?;
        while !self.is_empty() {
            let first = &self.bytes[self.at..];
            let count = if self.long.is_empty() && self.tail.is_empty() {
                if more {
                    ready!(poll_send_more(cx, stream, first))?
                } else {
                    ready!(Pin::new(&mut *stream).poll_write(cx, first))?
                }
            } else {
                let pieces = [IoSlice::new(first), IoSlice::new(&self.long), IoSlice::new(self.tail)];
                let from = usize::from(first.is_empty());
                ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &pieces[from..]))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            (self.moved, self.is_flushed) = (true, false);
            self.advance(count);
        }
        if !self.is_flushed {
            ready!(Pin::new(stream).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, count: usize) {
        let of_bytes = count.min(self.bytes.len() - self.at);
        self.at += of_bytes;
        if self.at == self.bytes.len() {
            self.bytes.clear();
            self.at = 0;
        }
        let of_long = (count - of_bytes).min(self.long.len());
        self.long.advance(of_long);
        self.tail = &self.tail[(count - of_bytes - of_long).min(self.tail.len())..];
    }
}
