//! A connection of HTTP/1: what has come and was not understood yet, and the content of the request at hand. Whoever reads
//! that content, wherever it has taken it, reads from the connection itself.

use super::chunked::{Chunked, Piece};
use super::head::Framing;
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use bytes::{Buf, Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at once, by all connections of the process into one buffer.
const READ: usize = 64 << 10;
/// Bytes of a content that are thrown away so that the connection can go on.
const UNREAD: usize = 256 << 10;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// What of a content is still to come.
#[derive(Debug)]
enum Coming {
    /// Nothing.
    None,
    Length(u64),
    Chunked(Chunked),
    /// Nobody knows: it was malformed, or has broken off.
    Broken,
}

/// A connection, its input and the content of the request at hand.
#[derive(Debug)]
pub(in crate::web) struct Wire {
    /// There until it goes on as another protocol.
    stream: Option<Stream>,
    pub(super) input: BytesMut,
    content: Coming,
    /// What is left of the word that the client waits for, and whether it waits.
    word: &'static [u8],
    waits_for_word: bool,
    /// Whether somebody has the content.
    is_taken: bool,
    /// The number of the request at hand: who still has the content of one before it, has nothing.
    number: u64,
    /// Who serves the connection, to be woken when the content has come to its end, or is given up.
    owner: Option<Waker>,
    /// Who waits for more of the content.
    reader: Option<Waker>,
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the content is malformed, or has broken off")
}

impl Wire {
    pub(super) fn new(stream: Prefixed<Stream>) -> Rc<RefCell<Self>> {
        let (ahead, stream) = stream.into_parts();
        Rc::new(RefCell::new(Self {
            stream: Some(stream),
            input: BytesMut::from(&ahead[..]),
            content: Coming::None,
            word: &[],
            waits_for_word: false,
            is_taken: false,
            number: 0,
            owner: None,
            reader: None,
        }))
    }

    /// The stream, unless it goes on as another protocol.
    pub(super) fn stream(&mut self) -> io::Result<&mut Stream> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Takes the connection, with what has come behind the head, to go on as another protocol.
    pub(super) fn take(&mut self) -> Option<Prefixed<Stream>> {
        let input = std::mem::take(&mut self.input).freeze();
        Some(Prefixed::new(input, self.stream.take()?))
    }

    /// Reads what there is behind the input; 0: the client has ended.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(0)) };
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
            let read = buffer.filled();
            if self.input.is_empty() {
                // As large as it has to be: a connection may wait with it for long.
                self.input = BytesMut::from(read);
            } else {
                self.input.extend_from_slice(read);
            }
            Poll::Ready(Ok(read.len()))
        })
    }

    /// Completes if the client has ended while it is to be answered, and reads ahead for that, once.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.content {
            Coming::None if self.input.is_empty() => match ready!(self.poll_fill(cx)) {
                Ok(0) | Err(_) => Poll::Ready(()),
                Ok(_) => Poll::Pending,
            },
            Coming::None | Coming::Broken => Poll::Pending,
            // Who reads the content sees its end.
            Coming::Length(_) | Coming::Chunked(_) => {
                if self.owner.as_ref().is_none_or(|owner| !owner.will_wake(cx.waker())) {
                    self.owner = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }

    fn poll_content(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match self.next_piece() {
                Ok(Some(Piece::Data(bytes))) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Ok(Some(Piece::Trailers(fields))) => return Poll::Ready(Some(Ok(Frame::trailers(fields)))),
                Ok(Some(Piece::End)) => return Poll::Ready(None),
                Ok(None) => {}
                Err(e) => return Poll::Ready(Some(Err(e))),
            }
            if self.waits_for_word {
                self.waits_for_word = false;
                // It has begun to send without.
                self.word = if self.input.is_empty() { CONTINUE } else { &[] };
            }
            if let Poll::Ready(Err(e)) = self.poll_word(cx) {
                self.break_off();
                return Poll::Ready(Some(Err(e)));
            }
            let poll = self.poll_fill(cx);
            if poll.is_pending() {
                self.reader = Some(cx.waker().clone());
            }
            match ready!(poll) {
                Ok(count) if count > 0 => {}
                _ => {
                    self.break_off();
                    return Poll::Ready(Some(Err(broken())));
                }
            }
        }
    }

    /// The next piece of the content from what has come; `None`: more has to come.
    fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        let piece = match &mut self.content {
            Coming::None => return Ok(Some(Piece::End)),
            Coming::Broken => return Err(broken()),
            Coming::Length(_) if self.input.is_empty() => return Ok(None),
            Coming::Length(left) => {
                let count =
                    usize::try_from(*left).map_or(self.input.len(), |left| left.min(self.input.len()));
                *left -= count as u64;
                let is_end = *left == 0;
                let bytes = self.input.split_to(count).freeze();
                if is_end {
                    self.end(Coming::None);
                }
                return Ok(Some(Piece::Data(bytes)));
            }
            Coming::Chunked(chunked) => chunked.next(&mut self.input),
        };
        match piece {
            Ok(Some(piece)) => {
                if !matches!(piece, Piece::Data(_)) {
                    self.end(Coming::None);
                }
                Ok(Some(piece))
            }
            Ok(None) => Ok(None),
            Err(_) => {
                self.break_off();
                Err(broken())
            }
        }
    }

    fn end(&mut self, content: Coming) {
        self.content = content;
        if let Some(owner) = self.owner.take() {
            owner.wake();
        }
    }

    /// Gives the content up: nothing behind it can be understood.
    pub(super) fn break_off(&mut self) {
        self.end(Coming::Broken);
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Closes the connection, unless it goes on as another protocol: somebody may still have the content.
    pub(super) fn shut(&mut self) {
        self.break_off();
        self.stream = None;
    }

    /// Sends what is left of the word that the client waits for.
    pub(super) fn poll_word(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.word.is_empty() {
            let word = self.word;
            match ready!(Pin::new(self.stream()?).poll_write(cx, word))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.word.advance(count),
            }
            if self.word.is_empty() {
                return Pin::new(self.stream()?).poll_flush(cx);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// No word is sent any more, once an answer is.
    pub(super) fn answer_begins(&mut self) {
        self.waits_for_word = false;
    }

    /// Whether all of the content has come, or what nobody reads of it could be thrown away at once.
    pub(super) fn is_read(&mut self, cx: &mut Context<'_>) -> bool {
        let mut left = UNREAD;
        while !self.is_taken && !matches!(self.content, Coming::None) {
            match self.next_piece() {
                Ok(Some(_)) => {}
                Ok(None) => match self.poll_fill(cx) {
                    Poll::Ready(Ok(count)) if count > 0 && left > 0 => left = left.saturating_sub(count),
                    _ => return false,
                },
                Err(_) => return false,
            }
        }
        matches!(self.content, Coming::None)
    }

    /// Whether nobody has the content any longer, or all of it has come.
    pub(super) fn is_settled(&self) -> bool {
        !self.is_taken || matches!(self.content, Coming::None | Coming::Broken)
    }

    /// Whether the client may still be sending what was announced.
    pub(super) fn may_send_more(&self) -> bool {
        !matches!(self.content, Coming::None) || !self.input.is_empty()
    }
}

/// The content of a request. It is over when this is dropped.
#[derive(Debug)]
pub(in crate::web) struct Content {
    wire: Rc<RefCell<Wire>>,
    number: u64,
}

impl Content {
    /// That of the request at hand; the client may wait for a word before it sends it.
    pub(super) fn new(wire: &Rc<RefCell<Wire>>, framing: Framing, waits_for_word: bool) -> Option<Self> {
        let content = match framing {
            Framing::Length(0) => return None,
            Framing::Length(length) => Coming::Length(length),
            Framing::Chunked => Coming::Chunked(Chunked::new()),
        };
        let mut this = wire.borrow_mut();
        this.content = content;
        this.waits_for_word = waits_for_word;
        this.is_taken = true;
        this.number += 1;
        Some(Self { wire: Rc::clone(wire), number: this.number })
    }

    fn is_over(&self) -> bool {
        let wire = self.wire.borrow();
        wire.number != self.number || matches!(wire.content, Coming::None)
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        let mut wire = self.wire.borrow_mut();
        if wire.number != self.number {
            return;
        }
        wire.is_taken = false;
        if let Some(owner) = wire.owner.take() {
            owner.wake();
        }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_over() {
            return Poll::Ready(None);
        }
        self.wire.borrow_mut().poll_content(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        match self.wire.borrow().content {
            _ if self.is_over() => SizeHint::with_exact(0),
            Coming::None => SizeHint::with_exact(0),
            Coming::Length(left) => SizeHint::with_exact(left),
            Coming::Chunked(_) | Coming::Broken => SizeHint::default(),
        }
    }
}
