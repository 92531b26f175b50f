//! What follows the heads of a request and its answer, carried on as it comes.

use super::pool::{Pool, Sender};
use crate::backends::InUse;
use crate::net::idle::Activity;
use crate::web::answer::Asked;
use crate::web::received::{Arrival, Fault, Received};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep};

/// The content of a client's request, until a backend takes it.
#[derive(Debug)]
pub(super) struct Upload {
    content: Option<Received>,
    /// What becomes of it, if there is some.
    pub(super) arrival: Option<Rc<Arrival>>,
    /// When some of it last moved.
    pub(super) activity: Rc<Activity>,
    is_empty: bool,
    /// How many octets may follow; what is said to be longer is refused before.
    left: Rc<Cell<Option<u64>>>,
}

impl Upload {
    /// Takes the content out of the request; it may have `limit` octets (0: any number).
    pub(super) fn of(request: &mut Asked, limit: u64) -> Self {
        let content = request.body_mut().take();
        let is_empty = content.as_ref().is_none_or(Body::is_end_stream);
        let left = Rc::new(Cell::new(Some(if limit == 0 { u64::MAX } else { limit })));
        let content = content.filter(|_| !is_empty);
        let arrival = content.as_ref().map(Received::arrival);
        Self { content, arrival, activity: Rc::new(Activity::new()), is_empty, left }
    }

    /// What was wrong with it, if something was.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.arrival.as_ref()?.fault()
    }

    /// Whether there was more of it than may be.
    pub(super) fn is_too_long(&self) -> bool {
        self.left.get().is_none()
    }

    /// Whether the request has no content.
    pub(super) const fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// What is sent.
    pub(super) fn begin(&mut self) -> Uploading {
        let (activity, left) = (Rc::clone(&self.activity), Rc::clone(&self.left));
        Uploading { content: self.content.take(), activity, left }
    }

    /// Takes back what was not sent.
    pub(super) fn restore(&mut self, unsent: Uploading) {
        self.content = unsent.content;
    }
}

/// The content of a request on its way to a backend.
#[derive(Debug)]
pub(super) struct Uploading {
    content: Option<Received>,
    activity: Rc<Activity>,
    left: Rc<Cell<Option<u64>>>,
}

impl Body for Uploading {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(content) = &mut self.content else { return Poll::Ready(None) };
        let poll = Pin::new(content).poll_frame(cx);
        if poll.is_ready() {
            self.activity.touch();
        }
        if let Poll::Ready(Some(Ok(frame))) = &poll {
            let more = frame.data_ref().map_or(0, |octets| octets.len() as u64);
            self.left.set(self.left.get().and_then(|left| left.checked_sub(more)));
            if self.left.get().is_none() {
                let text = "the request is longer than max_body_size";
                return Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::FileTooLarge, text))));
            }
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.content.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.content.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

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
