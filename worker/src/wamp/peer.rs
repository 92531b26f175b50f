//! One connection of a WAMP client, as its driver sees it.

use super::outbox::Outbox;
use super::router::Router;
use crate::messages::{Ending, Handler, Kind, Sender};
use bytes::Bytes;
use jackfield_wamp::codec::{Batch, Unbatched, append_to_batch};
use jackfield_wamp::{Id, Serializer};
use std::future::Future;
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// How long a client may be connected without being in a realm, if nothing else is configured.
pub(crate) const OPENING: Duration = Duration::from_secs(30);

/// Close code of what takes too long (RFC 6455 section 7.4.1).
const POLICY_VIOLATION: u16 = 1008;

/// One connection of a WAMP client.
pub(crate) struct Peer {
    id: Id,
    router: Rc<Router>,
    outbox: Rc<Outbox>,
    batch: Option<Batch>,
    /// RawSocket has one kind of messages alone.
    text_as_bytes: bool,
    opening: Duration,
    /// Runs while the client is in no realm.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Peer {
    pub(super) fn new(
        id: Id,
        router: Rc<Router>,
        outbox: Rc<Outbox>,
        batch: Option<Batch>,
        text_as_bytes: bool,
        opening: Duration,
    ) -> Self {
        Self { id, router, outbox, batch, text_as_bytes, opening, timer: None }
    }

    /// Ends the connection of a client that has been in no realm for too long.
    fn look_at_the_clock(&mut self, cx: &mut Context<'_>) {
        if self.outbox.is_in_realm() {
            self.timer = None;
            return;
        }
        let opening = self.opening;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(opening)));
        if timer.as_mut().poll(cx).is_ready() {
            timer.as_mut().reset(Instant::now() + opening);
            self.router.give_up(self.id, POLICY_VIOLATION, "the client was in no realm for too long");
        }
    }
}

const fn kind(serializer: Serializer) -> Kind {
    if serializer.is_text() { Kind::Text } else { Kind::Binary }
}

impl Handler for Peer {
    fn message(&mut self, found: Kind, payload: &[u8], _: &mut dyn Sender) -> ControlFlow<()> {
        let bytes = Bytes::copy_from_slice(payload);
        let fits = found == kind(self.outbox.serializer()) || (self.text_as_bytes && found == Kind::Binary);
        if !fits {
            self.router
                .violated(self.id, "the message has the wrong type, text or binary, for its serializer");
            return Break(());
        }
        match self.batch {
            None => self.router.receive(self.id, &bytes),
            Some(Batch::Separated) if bytes.is_empty() => {
                self.router.violated(self.id, "a batch without a message")
            }
            Some(batch) => {
                for message in Unbatched::new(batch, bytes) {
                    match message {
                        Ok(message) => self.router.receive(self.id, &message),
                        Err(e) => self.router.violated(self.id, &e.to_string()),
                    }
                }
            }
        }
        if self.outbox.ending().is_some() { Break(()) } else { Continue(()) }
    }

    fn takes(&mut self, cx: &mut Context<'_>) -> bool {
        self.router.takes(self.id, cx)
    }

    fn outgoing(&mut self, cx: &mut Context<'_>, sender: &mut dyn Sender) -> ControlFlow<()> {
        self.look_at_the_clock(cx);
        self.outbox.register(cx);
        let serializer = self.outbox.serializer();
        let kind = kind(serializer);
        while let Some(message) = self.outbox.pop() {
            let bytes = message.encoded(serializer);
            match self.batch {
                None => sender.send(kind, bytes)?,
                Some(batch) => {
                    let mut batched = Vec::with_capacity(bytes.len() + 4);
                    append_to_batch(batch, bytes, &mut batched);
                    sender.send(kind, &batched)?;
                }
            }
        }
        Continue(())
    }

    fn ending(&mut self) -> Option<Ending> {
        self.outbox.ending()
    }

    fn memory(&self) -> usize {
        self.outbox.memory()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.router.disconnected(self.id);
    }
}
