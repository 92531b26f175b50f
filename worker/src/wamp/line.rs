//! A client whose messages are made here, out of what it says in another protocol.

use super::outbox::Outbox;
use super::router::Router;
use jackfield_wamp::{Id, Message, Outgoing};
use std::rc::Rc;
use std::task::Context;

/// A client whose messages are made here, out of what it says in another protocol. Dropped, it is gone.
pub(crate) struct Line {
    id: Id,
    router: Rc<Router>,
    outbox: Rc<Outbox>,
}

impl Line {
    pub(super) const fn new(id: Id, router: Rc<Router>, outbox: Rc<Outbox>) -> Self {
        Self { id, router, outbox }
    }

    /// Hands a message to the router.
    pub(crate) fn deliver(&self, message: Message) {
        self.router.deliver(self.id, message);
    }

    /// The next message of the router.
    pub(crate) fn pop(&self) -> Option<Rc<Outgoing>> {
        self.outbox.pop()
    }

    /// Has `cx` woken when there is more.
    pub(crate) fn register(&self, cx: &Context<'_>) {
        self.outbox.register(cx);
    }

    /// Whether messages wait.
    pub(crate) fn waits(&self) -> bool {
        self.outbox.waits()
    }

    /// Whether the router has ended the connection, and nothing waits any longer.
    pub(crate) fn has_ended(&self) -> bool {
        !self.outbox.waits() && self.outbox.ending().is_some()
    }

    /// Bytes that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.outbox.bytes()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.router.disconnected(self.id);
    }
}
