//! Several parts of a file in one answer: `multipart/byteranges` (RFC 9110, section 14.6).

use super::found::Content;
use crate::web::engine::body::Pieces;
use crate::web::engine::file::FileBody;
use bytes::Bytes;
use std::collections::VecDeque;
use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Something that is sent after another.
#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    Part(FileBody),
}

/// The parts and what stands between them.
#[derive(Debug)]
pub(crate) struct Parts(VecDeque<Piece>);

impl Piece {
    fn of(file: &Content, start: u64, end: u64) -> Self {
        match file {
            Content::Open(file) => Self::Part(FileBody::new(Arc::clone(file), start, end)),
            Content::Kept(bytes) => Self::Bytes(bytes.slice(start as usize..end as usize)),
        }
    }
}

impl Parts {
    /// Parts of a file of `size` bytes and a media type; they are separated by `boundary`.
    pub(super) fn new(file: &Content, ranges: &[(u64, u64)], size: u64, kind: &str, boundary: &str) -> Self {
        let mut pieces = VecDeque::new();
        for (start, end) in ranges {
            let mut text = format!("\r\n--{boundary}\r\n");
            // Writing to a String can't fail.
            let _ = write!(
                text,
                "Content-Type: {kind}\r\nContent-Range: bytes {start}-{}/{size}\r\n\r\n",
                end - 1
            );
            pieces.push_back(Piece::Bytes(text.into()));
            pieces.push_back(Piece::of(file, *start, *end));
        }
        pieces.push_back(Piece::Bytes(format!("\r\n--{boundary}--\r\n").into()));
        Self(pieces)
    }

    /// A part of a file with something before and after it.
    pub(in crate::web) fn around(before: Bytes, part: FileBody, after: Bytes) -> Self {
        Self([Piece::Bytes(before), Piece::Part(part), Piece::Bytes(after)].into())
    }
}

impl Pieces for Parts {
    fn remaining(&self) -> u64 {
        let length = |piece: &Piece| match piece {
            Piece::Bytes(text) => text.len() as u64,
            Piece::Part(part) => part.remaining(),
        };
        self.0.iter().map(length).sum()
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            let chunk = match self.0.front_mut() {
                None => return Poll::Ready(None),
                Some(Piece::Bytes(text)) => Poll::Ready(Some(Ok(std::mem::take(text)))),
                Some(Piece::Part(part)) => part.poll_chunk(cx),
            };
            match chunk {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(bytes))) if !bytes.is_empty() => {
                    if matches!(self.0.front(), Some(Piece::Bytes(_))) {
                        self.0.pop_front();
                    }
                    return Poll::Ready(Some(Ok(bytes)));
                }
                Poll::Ready(Some(Err(e))) => {
                    self.0.clear();
                    return Poll::Ready(Some(Err(e)));
                }
                Poll::Ready(_) => drop(self.0.pop_front()),
            }
        }
    }
}
