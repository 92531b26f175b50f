//! Reading and writing without a buffer per connection: bytes are read into one buffer that the whole process
//! shares and are written on at once. Only what the receiver doesn't take yet is kept.

use std::cell::{RefCell, RefMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The process's buffer: filled and emptied within one poll of one task, never held while waiting.
#[derive(Debug)]
pub(crate) struct Scratch(RefCell<Box<[u8]>>);

impl Scratch {
    /// Its size in bytes. Fewer, longer system calls cost less; more than the caches hold costs more.
    pub(crate) const SIZE: usize = 256 << 10;

    pub(crate) fn new() -> Self {
        // Comes from the kernel zeroed, and takes memory only as far as it is ever used.
        Self(RefCell::new(vec![0; Self::SIZE].into_boxed_slice()))
    }

    pub(crate) fn borrow(&self) -> RefMut<'_, Box<[u8]>> {
        self.0.borrow_mut()
    }
}

/// What has been written is kept up to so many bytes before the rest is moved to the front.
const COMPACT: usize = 64 << 10;

/// Reads what is there into `into`; 0 bytes mean the end.
pub(crate) fn poll_read<R: AsyncRead + Unpin>(
    cx: &mut Context<'_>,
    from: &mut R,
    into: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buf = ReadBuf::new(into);
    ready!(Pin::new(from).poll_read(cx, &mut buf))?;
    Poll::Ready(Ok(buf.filled().len()))
}

/// What a receiver has not taken yet; owns no memory while that is nothing.
#[derive(Debug)]
pub(crate) struct Backlog {
    bytes: Vec<u8>,
    written: usize,
    /// The receiver has taken everything, and passes it on later (as TLS does).
    flushing: bool,
}

impl From<Vec<u8>> for Backlog {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, written: 0, flushing: false }
    }
}

impl Backlog {
    pub(crate) const EMPTY: Self = Self { bytes: Vec::new(), written: 0, flushing: false };

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.flushing
    }

    /// How many bytes wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// How many bytes of memory it has.
    pub(crate) fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Where more can be appended, to be written by [`Self::poll_flush`].
    pub(crate) fn tail(&mut self) -> &mut Vec<u8> {
        // A receiver that is always a little behind would let it grow without end.
        if self.written >= COMPACT && self.written >= self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        &mut self.bytes
    }

    /// Writes what is kept; ready when that is all on its way.
    pub(crate) fn poll_flush<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
    ) -> Poll<io::Result<()>> {
        while self.written < self.bytes.len() {
            self.written += ready!(poll_write(cx, to, &self.bytes[self.written..]))?;
        }
        if !self.bytes.is_empty() {
            *self = Self { flushing: true, ..Self::EMPTY };
        }
        if self.flushing {
            ready!(Pin::new(to).poll_flush(cx))?;
            self.flushing = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes `bytes` on, after everything kept before was flushed; ready when they are all written. While
    /// pending, the rest is kept: go on with [`Self::poll_flush`].
    pub(crate) fn poll_pass<W: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut W,
        bytes: &[u8],
    ) -> Poll<io::Result<()>> {
        let mut written = 0;
        while written < bytes.len() {
            match poll_write(cx, to, &bytes[written..]) {
                Poll::Ready(count) => written += count?,
                Poll::Pending => {
                    self.bytes.extend_from_slice(&bytes[written..]);
                    return Poll::Pending;
                }
            }
        }
        self.flushing = true;
        ready!(Pin::new(to).poll_flush(cx))?;
        self.flushing = false;
        Poll::Ready(Ok(()))
    }
}

fn poll_write<W: AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    to: &mut W,
    bytes: &[u8],
) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(to).poll_write(cx, bytes))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        count => Poll::Ready(Ok(count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Takes everything at once, and passes it on when it is flushed for the second time.
    #[derive(Default)]
    struct Late {
        flushes: usize,
    }

    impl AsyncWrite for Late {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.flushes += 1;
            if self.flushes < 2 { Poll::Pending } else { Poll::Ready(Ok(())) }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn what_a_receiver_has_taken_is_flushed_even_if_more_was_asked_for_meanwhile() {
        let cx = &mut Context::from_waker(Waker::noop());
        let (mut to, mut backlog) = (Late::default(), Backlog::from(vec![1; 2 * COMPACT]));
        assert!(backlog.poll_flush(cx, &mut to).is_pending());
        assert!(backlog.tail().is_empty());
        assert!(!backlog.is_empty());
        assert!(backlog.poll_flush(cx, &mut to).is_ready());
        assert_eq!(to.flushes, 2);
        assert!(backlog.is_empty());
    }
}
