//! The connection below hyper: tells the clock when bytes arrive, is found again when the connection goes on as another
//! protocol, and sees to its end.

use super::clock::Clock;
use super::frames::Frames;
use super::refusal;
use super::sendfile::Outlet;
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use bytes::{Buf, Bytes};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a client may go on sending what was answered before it had sent all, and how much, if it is no request.
const LINGER: Duration = Duration::from_secs(5);
const MOST: usize = 1 << 20;

/// A connection that is read from by hyper.
#[derive(Debug)]
pub(in crate::web) struct Watched {
    stream: Prefixed<Stream>,
    clock: Arc<Clock>,
    /// The client's frames, if it speaks HTTP/2.
    frames: Option<Frames>,
    /// Where files may be sent by the kernel.
    outlet: Option<Outlet>,
    /// Whether a head that has not come at once is a browser's.
    of_browser: bool,
    /// What is left of the answer to what is no request.
    refusal: Bytes,
    /// Rings when what the client still sends is not waited for any longer; there when our direction has ended.
    lingering: Option<Pin<Box<Sleep>>>,
    /// Bytes that came since then.
    unwanted: usize,
}

impl Watched {
    pub(in crate::web) const fn new(
        stream: Prefixed<Stream>,
        clock: Arc<Clock>,
        frames: Option<Frames>,
        outlet: Option<Outlet>,
    ) -> Self {
        let refusal = Bytes::new();
        Self { stream, clock, frames, outlet, of_browser: false, refusal, lingering: None, unwanted: 0 }
    }

    pub(in crate::web) fn into_inner(self) -> Prefixed<Stream> {
        self.stream
    }

    fn poll_refusal(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.refusal.is_empty() {
            let poll = Pin::new(&mut self.stream).poll_write(cx, &self.refusal);
            self.clock.sent(poll.is_ready());
            match ready!(poll)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.refusal.advance(count),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Takes what the client still sends, until it ends or the time is over.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let alarm = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if alarm.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let mut bytes = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut bytes);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf));
            self.unwanted += buf.filled().len();
            let is_enough = self.unwanted > MOST && self.clock.refusal().is_some();
            if read.is_err() || buf.filled().is_empty() || is_enough {
                return Poll::Ready(());
            }
        }
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
        let received = buf.filled().get(before..).unwrap_or_default();
        if !received.is_empty() {
            self.clock.received();
            if let Self { frames: Some(frames), clock, .. } = &mut *self {
                frames.feed(received);
                clock.in_frame(frames.unfinished());
            }
            // Most heads come at once, and are read by hyper; of one that is too long nothing else is known.
            if self.clock.is_in_head() && !received.ends_with(b"\r\n\r\n") {
                self.of_browser |= refusal::is_of_browser(received);
            }
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
        if self.clock.is_broken_off() {
            // What waits in the socket would keep it for many minutes more.
            self.stream.get_ref().reset_when_closed();
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if let [buf] = bufs
            && self.clock.is_unasked()
            && let Some((refusal, answer)) = refusal::instead_of(buf, self.of_browser)
        {
            // Nothing is being answered, so this is not of ours.
            self.clock.refuse(refusal);
            self.refusal = answer;
            return Poll::Ready(Ok(buf.len()));
        }
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
        ready!(self.poll_refusal(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.clock.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            ready!(self.poll_refusal(cx))?;
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        }
        // A socket that is closed with bytes unread resets the connection, and the client may lose the answer.
        if self.clock.may_send_more() {
            ready!(self.poll_linger(cx));
        }
        Poll::Ready(Ok(()))
    }
}
