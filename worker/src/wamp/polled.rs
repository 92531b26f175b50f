//! A client that asks for its messages.

use super::outbox::Outbox;
use super::peer::OPENING;
use super::router::Router;
use bytes::Bytes;
use jackfield_shared::drain::{Drain, LAST_WORD};
use jackfield_wamp::codec::{Batch, Unbatched, append_to_batch};
use jackfield_wamp::{Id, Serializer};
use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tracing::debug;

/// A batch of messages grows no further once it has so many bytes.
const BATCH: usize = 1 << 20;

/// A client.
pub(crate) struct Polled {
    id: Id,
    router: Rc<Router>,
    pub(super) outbox: Rc<Outbox>,
    batch: Option<Batch>,
    /// Its last request was here until then.
    last: Cell<Instant>,
    /// It was in a realm, or had just come, until then.
    in_realm: Cell<Instant>,
    /// Its requests that wait.
    waiting: Cell<usize>,
    /// Another request waits in place of the one before.
    superseded: Notify,
    pub(super) over: Cell<bool>,
    /// Keeps the process from ending before it.
    drain: Drain,
}

impl Polled {
    pub(super) fn new(
        id: Id,
        router: Rc<Router>,
        outbox: Rc<Outbox>,
        batch: Option<Batch>,
        drain: Drain,
    ) -> Self {
        let now = Instant::now();
        Self {
            id,
            router,
            outbox,
            batch,
            last: Cell::new(now),
            in_realm: Cell::new(now),
            waiting: Cell::new(0),
            superseded: Notify::new(),
            over: Cell::new(false),
            drain,
        }
    }

    /// What its messages are written in.
    pub(super) fn serializer(&self) -> Serializer {
        self.outbox.serializer()
    }

    /// Takes what the client sends.
    pub(super) fn send(&self, bytes: Bytes) {
        self.last.set(Instant::now());
        match self.batch {
            None => self.router.receive(self.id, &bytes),
            Some(_) if bytes.is_empty() => self.router.violated(self.id, "a batch without a message"),
            Some(batch) => {
                for message in Unbatched::new(batch, bytes) {
                    match message {
                        Ok(message) => self.router.receive(self.id, &message),
                        Err(e) => self.router.violated(self.id, &e.to_string()),
                    }
                }
            }
        }
    }

    pub(super) async fn receive(&self, limit: Option<Duration>) -> Option<Bytes> {
        // One request waits at a time: a client that asks anew does not read the answer of the one before.
        self.superseded.notify_waiters();
        let _waits = Waits::new(self);
        let messages = poll_fn(|cx| {
            self.outbox.register(cx);
            if let Some(messages) = self.next() {
                return Poll::Ready(Some(messages));
            }
            if self.outbox.ending().is_some() {
                self.over.set(true);
            }
            if self.over.get() { Poll::Ready(None) } else { Poll::Pending }
        });
        let late = async {
            match limit {
                Some(limit) => sleep(limit).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.superseded.notified() => None,
            messages = messages => messages,
            () = late => None,
        }
    }

    fn next(&self) -> Option<Bytes> {
        let serializer = self.outbox.serializer();
        let first = self.outbox.pop()?;
        let Some(batch) = self.batch else { return Some(first.encoded(serializer).clone()) };
        let mut batched = Vec::new();
        append_to_batch(batch, first.encoded(serializer), &mut batched);
        while batched.len() < BATCH
            && let Some(next) = self.outbox.pop()
        {
            append_to_batch(batch, next.encoded(serializer), &mut batched);
        }
        Some(batched.into())
    }

    pub(super) fn stays(&self, limit: Option<Duration>) -> bool {
        if self.outbox.is_in_realm() {
            self.in_realm.set(Instant::now());
        }
        let idle = self.waiting.get() == 0 && limit.is_some_and(|limit| self.last.get().elapsed() >= limit);
        // The process does not end before it: its last messages are kept for a client that is just between two requests.
        let is_late = self.drain.has_begun()
            && self.outbox.is_ending()
            && self.waiting.get() == 0
            && self.last.get().elapsed() >= LAST_WORD;
        if is_late {
            return false;
        }
        if idle || self.in_realm.get().elapsed() >= OPENING {
            debug!("WAMP session {}: the client does not ask for its messages, or joins no realm", self.id);
            return false;
        }
        !self.over.get()
    }

    /// Ends it, and the requests that wait.
    pub(super) fn end(&self) {
        self.over.set(true);
        self.superseded.notify_waiters();
        self.router.disconnected(self.id);
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.router.disconnected(self.id);
    }
}

/// A request that waits.
struct Waits<'a>(&'a Polled);

impl<'a> Waits<'a> {
    fn new(polled: &'a Polled) -> Self {
        polled.waiting.set(polled.waiting.get() + 1);
        Self(polled)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
        self.0.last.set(Instant::now());
    }
}
