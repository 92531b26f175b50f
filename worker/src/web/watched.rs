//! The connection below hyper: tells the clock when octets arrive, and is found again when the connection goes
//! on as another protocol.

use super::clock::Clock;
use super::sendfile::Outlet;
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that is read from by hyper.
#[derive(Debug)]
pub(super) struct Watched {
    stream: Prefixed<Stream>,
    clock: Arc<Clock>,
    /// Where files may be sent by the kernel.
    outlet: Option<Outlet>,
}

impl Watched {
    pub(super) const fn new(stream: Prefixed<Stream>, clock: Arc<Clock>, outlet: Option<Outlet>) -> Self {
        Self { stream, clock, outlet }
    }

    pub(super) fn into_inner(self) -> Prefixed<Stream> {
        self.stream
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.clock.received();
        }
        poll
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { stream, outlet, .. } = &mut *self;
        let poll = match outlet {
            Some(outlet) => outlet.poll_write(cx, stream, bufs),
            None => Pin::new(stream).poll_write_vectored(cx, bufs),
        };
        self.clock.sent(poll.is_ready());
        poll
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
