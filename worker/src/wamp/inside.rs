//! A session within the process, as messages.

use super::outbox::Outbox;
use super::router::{Connecting, Router};
use jackfield_shared::config::Queue;
use jackfield_wamp::auth::{Anonymous, Connection, Methods, Source};
use jackfield_wamp::{Dict, Id, Message, Outgoing, Serializer, Value};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

/// Why there is no session, or no answer of the realm.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The realm does not let the session in.
    #[error("the service can't join its realm: {0}")]
    Refused(String),
    /// The session was ended before there was an answer.
    #[error("the service's session was ended before there was an answer")]
    Gone,
    /// As many requests wait as may.
    #[error("too many requests wait for their answers")]
    Busy,
}

/// Who joins which realm.
pub(crate) struct Who {
    pub(crate) realm: String,
    pub(crate) role: String,
    pub(crate) authid: String,
    /// Of HELLO; they have the roles.
    pub(crate) details: Dict,
}

/// A session within the process, as messages. It leaves when it is dropped.
pub(crate) struct Inside {
    router: Rc<Router>,
    /// Its id.
    pub(crate) id: Id,
    outbox: Rc<Outbox>,
}

impl Inside {
    /// Joins by HELLO, as every client does. The answer is there at once, unless another router has the session, which takes
    /// as long as its connection may.
    pub(crate) async fn join(router: &Rc<Router>, who: Who) -> Result<Self, Failure> {
        let Who { realm, role, authid, details } = who;
        let anonymous = Anonymous { realm: Some(realm.clone()), role, authid: Some(authid) };
        let methods = Methods { anonymous: Some(Source::Static(anonymous)), ..Methods::default() };
        let transport = Dict::new()
            .with("channel_type", "memory")
            .with("channel_framing", "native")
            .with("peer", "process")
            .with("is_secure", false);
        let connection = Connection {
            serializer: Serializer::Json,
            transport,
            node: router.told().clone(),
            cookie: None,
            cookie_value: None,
            certificate: None,
            channel: None,
        };
        let outbox = Outbox::new(Serializer::Json, usize::MAX, Queue::default());
        let id = router.connected(Connecting {
            connection,
            outbox: Rc::clone(&outbox),
            methods: Rc::new(methods),
            cookie: None,
            guard: None,
        });
        let joining = Self { router: Rc::clone(router), id, outbox };
        joining.send(Message::Hello { realm: Some(realm), details });
        let answer = joining.next().await;
        match answer.as_ref().map(|answer| answer.message()) {
            Some(Message::Welcome { .. }) => Ok(joining),
            Some(Message::Abort { reason, details, .. }) => {
                let text = details.get("message").and_then(Value::as_str).unwrap_or_default();
                Err(Failure::Refused(format!("{text} ({reason})")))
            }
            // The process ends.
            _ => Err(Failure::Gone),
        }
    }

    /// Sends a message.
    pub(crate) fn send(&self, message: Message) {
        self.router.deliver(self.id, message);
    }

    /// The next message; none: the session has ended.
    pub(crate) async fn next(&self) -> Option<Rc<Outgoing>> {
        poll_fn(|cx| {
            self.outbox.register(cx);
            match self.outbox.pop() {
                None if self.outbox.ending().is_none() => Poll::Pending,
                message => Poll::Ready(message),
            }
        })
        .await
    }

    /// Completes when the router takes further messages.
    pub(crate) async fn room(&self) {
        poll_fn(|cx| if self.router.takes(self.id, cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Lets it take no further messages.
    pub(super) fn end(&self) {
        self.outbox.end(1000, "");
    }

    /// Leaves the realm.
    pub(super) fn leave(&self) {
        self.router.disconnected(self.id);
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.leave();
    }
}
