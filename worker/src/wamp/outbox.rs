//! Messages that wait for one client.

use crate::messages::Ending;
use jackfield_shared::config::{Queue, QueuePolicy};
use jackfield_wamp::{Message, Outgoing, Serializer};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Bytes after which whoever can wait with more does.
const HIGH_WATER: usize = 256 << 10;

/// Messages that wait for one client, of limited size. Receivers of one event share its bytes.
#[derive(Debug)]
pub(crate) struct Outbox {
    serializer: Serializer,
    /// The longest message that the client takes, in bytes.
    longest: usize,
    queue: Queue,
    /// Messages that wait, at most.
    most: Cell<usize>,
    waiting: RefCell<VecDeque<Rc<Outgoing>>>,
    bytes: Cell<usize>,
    waker: RefCell<Option<Waker>>,
    /// Whoever puts messages in, and waits for room.
    giver: RefCell<Option<Waker>>,
    ending: RefCell<Option<Ending>>,
    /// Bytes of what the client has sent and nobody has looked at yet, about.
    held: Cell<usize>,
    /// Events that were dropped because the client did not take them.
    dropped: Cell<u64>,
    /// Whether the client is in a realm.
    in_realm: Cell<bool>,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    /// It will be sent, if the connection lasts.
    Yes,
    /// It is longer than what the client takes.
    TooLong,
    /// The client has not taken what was sent before: the connection is to be closed.
    Full,
    /// It was an event, and was dropped and counted.
    Dropped,
}

impl Outbox {
    pub(crate) fn new(serializer: Serializer, longest: usize, queue: Queue) -> Rc<Self> {
        Rc::new(Self {
            serializer,
            longest,
            queue,
            most: Cell::new(usize::MAX),
            waiting: RefCell::default(),
            bytes: Cell::new(0),
            waker: RefCell::new(None),
            giver: RefCell::new(None),
            ending: RefCell::new(None),
            held: Cell::new(0),
            dropped: Cell::new(0),
            in_realm: Cell::new(false),
        })
    }

    /// Lets so many messages wait at most; one more ends the connection.
    pub(super) fn limit_messages(&self, most: usize) {
        self.most.set(most);
    }

    /// Whether the client is in a realm.
    pub(super) fn is_in_realm(&self) -> bool {
        self.in_realm.get()
    }

    pub(super) fn set_in_realm(&self, in_realm: bool) {
        self.in_realm.set(in_realm);
    }

    /// Queues a message.
    pub(crate) fn push(&self, message: &Rc<Outgoing>) -> Queued {
        if self.ending.borrow().is_some() {
            return Queued::Yes;
        }
        let length = message.encoded(self.serializer).len();
        if length > self.longest {
            return Queued::TooLong;
        }
        let most = usize::try_from(self.queue.max_size).unwrap_or(usize::MAX);
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() >= self.most.get() {
            return Queued::Full;
        }
        // One message is always taken, however long it is.
        if self.bytes.get() + length > most && !waiting.is_empty() {
            if self.queue.policy == QueuePolicy::Close {
                return Queued::Full;
            }
            let is_event = |message: &Rc<Outgoing>| matches!(message.message(), Message::Event { .. });
            let mut kept = VecDeque::with_capacity(waiting.len());
            for old in waiting.drain(..) {
                if self.bytes.get() + length > most && is_event(&old) {
                    self.bytes.set(self.bytes.get() - old.encoded(self.serializer).len());
                    self.dropped.set(self.dropped.get() + 1);
                } else {
                    kept.push_back(old);
                }
            }
            *waiting = kept;
            if self.bytes.get() + length > most && !waiting.is_empty() {
                if is_event(message) {
                    self.dropped.set(self.dropped.get() + 1);
                    return Queued::Dropped;
                }
                return Queued::Full;
            }
        }
        self.bytes.set(self.bytes.get() + length);
        waiting.push_back(Rc::clone(message));
        drop(waiting);
        self.wake();
        Queued::Yes
    }

    /// Whether there is room for more, where whoever has it can wait; if not, `cx` is woken when there is.
    pub(crate) fn has_room(&self, cx: &Context<'_>) -> bool {
        let has_room = self.bytes.get() < self.high_water() || self.is_ending();
        if !has_room {
            *self.giver.borrow_mut() = Some(cx.waker().clone());
        }
        has_room
    }

    /// Completes when there is room for more.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| if self.has_room(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Wakes whoever waits for room.
    pub(super) fn wake_for_room(&self) {
        if let Some(giver) = self.giver.borrow_mut().take() {
            giver.wake();
        }
    }

    /// Bytes that may wait without slowing anybody down: well below what fills the queue.
    fn high_water(&self) -> usize {
        HIGH_WATER.min(usize::try_from(self.queue.max_size).unwrap_or(usize::MAX) / 2)
    }

    /// Ends the connection once everything that waits is sent; nothing is queued from now on.
    pub(crate) fn end(&self, code: u16, reason: impl Into<String>) {
        self.ending.borrow_mut().get_or_insert(Ending { code, reason: reason.into() });
        self.wake();
        self.wake_for_room();
    }

    /// How the connection is to be ended, once nothing waits.
    pub(crate) fn ending(&self) -> Option<Ending> {
        if self.waiting.borrow().is_empty() { self.ending.borrow().clone() } else { None }
    }

    /// Whether the connection is to end, at the latest when all is written.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.borrow().is_some()
    }

    /// The next message, which then does not wait any longer.
    pub(crate) fn pop(&self) -> Option<Rc<Outgoing>> {
        let mut waiting = self.waiting.borrow_mut();
        let message = waiting.pop_front()?;
        self.bytes.set(self.bytes.get() - message.encoded(self.serializer).len());
        if self.bytes.get() <= self.high_water() / 2 {
            self.wake_for_room();
        }
        if waiting.is_empty() {
            // An idle session owns no queue.
            *waiting = VecDeque::new();
        }
        Some(message)
    }

    /// Whether messages wait.
    pub(super) fn waits(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    /// Has `cx` woken when something comes.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// What its messages are written in.
    pub(crate) const fn serializer(&self) -> Serializer {
        self.serializer
    }

    /// Bytes that wait.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Counts a message of the client's that waits to be looked at.
    pub(super) fn hold(&self, bytes: usize) {
        self.held.set(self.held.get() + bytes);
    }

    /// Bytes of what waits to be looked at.
    pub(super) const fn held(&self) -> usize {
        self.held.get()
    }

    /// Such a message is looked at.
    pub(super) fn release(&self, bytes: usize) {
        self.held.set(self.held.get().saturating_sub(bytes));
    }

    /// Bytes that are kept for the client, either way.
    pub(crate) const fn memory(&self) -> usize {
        self.bytes.get() + self.held.get()
    }

    /// Events that were dropped so far.
    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped.get()
    }

    /// The same; they are counted anew from here on.
    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.take()
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_wamp::{Dict, Payload};

    fn event(text: &str) -> Rc<Outgoing> {
        let (details, payload) = (Dict::new(), Payload::one(text));
        Rc::new(Outgoing::new(Message::Event { subscription: 1, publication: 2, details, payload }))
    }

    fn reply(request: u64) -> Rc<Outgoing> {
        Rc::new(Outgoing::new(Message::Subscribed { request, subscription: 1 }))
    }

    fn outbox(max_size: u64, policy: QueuePolicy) -> Rc<Outbox> {
        Outbox::new(Serializer::Json, 200, Queue { max_size, policy })
    }

    #[test]
    fn the_oldest_events_make_room_and_are_counted() {
        let outbox = outbox(60, QueuePolicy::DropEvents);
        for text in ["one", "two", "three"] {
            assert_eq!(outbox.push(&event(text)), Queued::Yes);
        }
        assert_eq!(outbox.push(&reply(1)), Queued::Yes);
        assert_eq!(outbox.push(&event("four")), Queued::Yes);
        let mut left = Vec::new();
        while let Some(message) = outbox.pop() {
            left.push(String::from_utf8(message.encoded(Serializer::Json).to_vec()).unwrap());
        }
        assert_eq!(left, ["[36,1,2,{},[\"three\"]]", "[33,1,1]", "[36,1,2,{},[\"four\"]]"]);
        assert_eq!((outbox.dropped(), outbox.bytes()), (2, 0));
    }

    #[test]
    fn replies_are_never_dropped() {
        let outbox = outbox(20, QueuePolicy::DropEvents);
        assert_eq!(outbox.push(&reply(1)), Queued::Yes);
        assert_eq!(outbox.push(&reply(2)), Queued::Yes);
        assert_eq!(outbox.push(&event("x")), Queued::Dropped);
        assert_eq!(outbox.push(&reply(3)), Queued::Full);
        assert_eq!(outbox.push(&event(&"x".repeat(300))), Queued::TooLong);
    }

    #[test]
    fn a_full_queue_ends_the_connection_where_that_is_the_policy() {
        let outbox = outbox(20, QueuePolicy::Close);
        assert_eq!(outbox.push(&event("x")), Queued::Yes);
        assert_eq!(outbox.push(&event("x")), Queued::Full);
        outbox.end(1008, "slow");
        assert_eq!(outbox.ending(), None);
        outbox.pop();
        assert_eq!(outbox.ending().map(|ending| ending.code), Some(1008));
    }
}
