//! The content of a backend's answer, carried on as it comes.

use super::pool::{Pool, Sender};
use crate::backends::InUse;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep};

/// The content of a backend's answer. Its connection serves others once it has been read to its end.
#[derive(Debug)]
pub(crate) struct Proxied {
    content: Incoming,
    /// What came of it before the answer was passed on.
    first: Option<Frame<Bytes>>,
    lease: Option<(Rc<Pool>, Sender)>,
    _in_use: InUse,
    timeout: Duration,
    /// Rings when the backend has said nothing for too long; there since it was first waited for.
    alarm: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Proxied {
    pub(super) fn new(
        content: Incoming,
        pool: &Rc<Pool>,
        sender: Sender,
        in_use: InUse,
        timeout: Duration,
    ) -> Self {
        let lease = Some((Rc::clone(pool), sender));
        let mut proxied =
            Self { content, first: None, lease, _in_use: in_use, timeout, alarm: None, waiting: false };
        if proxied.content.is_end_stream() {
            proxied.ended();
        }
        proxied
    }

    /// Takes what has come with the head already: an answer that is broken from the beginning is none.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) async fn begin(&mut self) -> io::Result<()> {
        let mut poll = poll_fn(|cx| Poll::Ready(Pin::new(&mut *self).poll_frame(cx))).await;
        if poll.is_pending() {
            // The connection, a task of its own, looks at the content only now that somebody wants it.
            yield_now().await;
            poll = poll_fn(|cx| Poll::Ready(Pin::new(&mut *self).poll_frame(cx))).await;
        }
        if let Poll::Ready(Some(frame)) = poll {
            self.first = Some(frame?);
        }
        Ok(())
    }

    fn ended(&mut self) {
        if let Some((pool, sender)) = self.lease.take() {
            pool.keep(sender);
        }
    }

    /// Whether the backend has been silent for too long.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        if self.timeout.is_zero() {
            return false;
        }
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(self.timeout)));
        if !std::mem::replace(&mut self.waiting, true) {
            alarm.as_mut().reset(Instant::now() + self.timeout);
        }
        alarm.as_mut().poll(cx).is_ready()
    }
}

impl Body for Proxied {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let poll = Pin::new(&mut self.content).poll_frame(cx);
        match &poll {
            Poll::Pending => {
                if self.is_late(cx) {
                    let text =
                        format!("the backend sent nothing for {} s (`timeout`)", self.timeout.as_secs_f64());
                    return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::TimedOut, text))));
                }
            }
            Poll::Ready(Some(Err(_))) => drop(self.lease.take()),
            Poll::Ready(Some(Ok(_)) | None) => {
                self.waiting = false;
                if self.content.is_end_stream() || matches!(poll, Poll::Ready(None)) {
                    self.ended();
                }
            }
        }
        poll.map_err(io::Error::other)
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Looked at for answers whose length is known, of which nothing is taken before.
        self.content.size_hint()
    }
}
