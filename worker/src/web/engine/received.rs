//! The content of a client's request, as it comes: within a time limit, and with a word for whoever is to answer about
//! what was wrong with it.

use super::answer::{Answer, failure};
use super::body::next_frame;
use super::wire::Content;
use crate::net::idle::Activity;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming as InHttp2, SizeHint};
use hyper::header::{CONNECTION, HeaderMap, HeaderValue};
use hyper::{Request, StatusCode, Version};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

/// For how long what a client of HTTP/2 still sends is taken when it has been answered, at least, so that it comes to
/// read the answer, and at most.
const GRACE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));
/// How many bytes of it are taken.
const MOST: usize = 1 << 20;

/// What was wrong with the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is malformed, or has broken off.
    Broken,
    /// Nothing came for so long.
    Stalled(Duration),
}

impl Fault {
    /// The answer that says so.
    pub(crate) fn answer(self, asked: &HeaderMap, version: Version) -> Answer {
        let mut answer = match self {
            Self::Broken => {
                let text = "The content of the request is malformed, or has broken off.";
                failure(asked, StatusCode::BAD_REQUEST, text)
            }
            Self::Stalled(limit) => {
                let text = format!("The content of the request did not go on for {} s.", limit.as_secs_f64());
                failure(asked, StatusCode::REQUEST_TIMEOUT, &text)
            }
        };
        if version < Version::HTTP_2 {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

/// The content as it comes: by HTTP/1, or by HTTP/2.
#[derive(Debug)]
pub(in crate::web) enum Incoming {
    One(Content),
    Two(InHttp2),
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::One(content) => Pin::new(content).poll_frame(cx),
            Self::Two(content) => Pin::new(content).poll_frame(cx).map_err(io::Error::other),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::One(content) => content.is_end_stream(),
            Self::Two(content) => content.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::One(content) => content.size_hint(),
            Self::Two(content) => content.size_hint(),
        }
    }
}

/// What becomes of the content, for those who don't read it.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    fault: Cell<Option<Fault>>,
    /// Bytes that have come.
    received: Cell<u64>,
    /// Whether the client is waited for.
    waits: Cell<bool>,
    /// What nobody has read.
    rest: RefCell<Option<InHttp2>>,
    released: Notify,
}

impl Arrival {
    /// What was wrong, if something was.
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault.get()
    }

    /// How many bytes of it were taken so far.
    pub(in crate::web) fn received(&self) -> u64 {
        self.received.get()
    }

    /// Whether who reads it waits for the client.
    fn waits_for_client(&self) -> bool {
        self.waits.get()
    }

    /// Takes, for a while, what the client still sends when it has been answered and nobody reads it any longer. A stream
    /// that is reset while it sends is an error to many clients, who don't look at the answer then.
    pub(in crate::web) async fn discard(self: Rc<Self>) {
        self.released.notified().await;
        let Some(mut rest) = self.rest.take() else { return };
        let begun = Instant::now();
        let reading = async {
            let mut taken = 0;
            while let Some(Ok(frame)) = next_frame(&mut rest).await {
                taken += frame.data_ref().map_or(0, Bytes::len);
                if taken > MOST {
                    return sleep_until(begun + GRACE.0).await;
                }
            }
        };
        let _ = timeout(GRACE.1, reading).await; // what is more is cut off
    }
}

/// Completes when nothing has moved for `limit` (zero: never), but for what the client is waited for, who has limits of
/// their own.
pub(crate) async fn idle_for(activity: &Activity, arrival: Option<&Arrival>, limit: Duration) {
    loop {
        activity.idle_for(limit).await;
        if !arrival.is_some_and(Arrival::waits_for_client) {
            return;
        }
        activity.touch();
    }
}

/// A request, until its content is taken.
pub(crate) type Asked = Request<Option<Received>>;

/// The content of a request.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// There until this is dropped; nothing is the content of a request that has none.
    incoming: Option<Incoming>,
    arrival: Rc<Arrival>,
    /// How long nothing may come; zero: any time.
    limit: Duration,
    /// Rings when nothing has come for too long; there since it was first waited for.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Received {
    /// `limit` is how long the client may send nothing of it; zero: any time.
    pub(in crate::web) fn new(incoming: Incoming, limit: Duration) -> Self {
        Self { incoming: Some(incoming), arrival: Rc::default(), limit, alarm: None }
    }

    /// What becomes of it.
    pub(crate) fn arrival(&self) -> Rc<Arrival> {
        Rc::clone(&self.arrival)
    }

    /// The next bytes; `None` after the last.
    ///
    /// # Errors
    /// What was wrong with it.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        while let Some(frame) = next_frame(self).await {
            let frame = frame.map_err(|_| self.arrival.fault().unwrap_or(Fault::Broken))?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        if self.limit.is_zero() {
            self.arrival.waits.set(true);
            return false;
        }
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(self.limit)));
        if !self.arrival.waits.replace(true) {
            alarm.as_mut().reset(Instant::now() + self.limit);
        }
        alarm.as_mut().poll(cx).is_ready()
    }

    fn fail(&self, fault: Fault) -> io::Error {
        self.arrival.fault.set(Some(fault));
        let kind = match fault {
            Fault::Broken => io::ErrorKind::InvalidData,
            Fault::Stalled(_) => io::ErrorKind::TimedOut,
        };
        io::Error::new(kind, "the content of the client's request is malformed, or does not go on")
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        let poll = Pin::new(incoming).poll_frame(cx);
        if poll.is_pending() && self.is_late(cx) {
            let fault = Fault::Stalled(self.limit);
            return Poll::Ready(Some(Err(self.fail(fault))));
        }
        let frame = ready!(poll);
        self.arrival.waits.set(false);
        if let Some(bytes) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            self.arrival.received.set(self.arrival.received.get() + bytes.len() as u64);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|_| self.fail(Fault::Broken))))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        // What nobody reads of HTTP/1 is the connection's.
        let unread = match self.incoming.take() {
            Some(Incoming::Two(content)) if !content.is_end_stream() => Some(content),
            _ => None,
        };
        self.arrival.rest.replace(unread.filter(|_| self.arrival.fault.get().is_none()));
        self.arrival.released.notify_one();
    }
}
