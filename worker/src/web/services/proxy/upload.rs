//! The content of a client's request, on its way to a backend.

use crate::net::idle::Activity;
use crate::web::engine::received::{Arrival, Asked, Fault, Received};
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// The content of a client's request, until a backend takes it.
#[derive(Debug)]
pub(super) struct Upload {
    content: Option<Received>,
    /// What becomes of it, if there is some.
    pub(super) arrival: Option<Rc<Arrival>>,
    /// When some of it last moved.
    pub(super) activity: Rc<Activity>,
    is_empty: bool,
    /// How many bytes may follow; what is said to be longer is refused before.
    left: Rc<Cell<Option<u64>>>,
}

impl Upload {
    /// Takes the content out of the request; it may have `limit` bytes (0: any number).
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

impl Uploading {
    /// No content.
    pub(super) fn none() -> Self {
        Self { content: None, activity: Rc::new(Activity::new()), left: Rc::new(Cell::new(Some(0))) }
    }
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
            let more = frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
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
