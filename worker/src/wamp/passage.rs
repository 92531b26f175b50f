//! Sessions that another router has: this process lets their clients in, and passes on what is said.

use super::outbox::{Outbox, Queued};
use jackfield_wamp::realm::IdMap;
use jackfield_wamp::session::Joined;
use jackfield_wamp::{Id, Outgoing, Payload};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::Context;
use tokio::sync::Notify;

/// Where the sessions of this process's clients go, and its questions to authenticators.
pub(crate) trait Routes {
    /// Begins a session like the one that a client was let in with. What becomes of it is told to the router of this process.
    fn begin(&self, passage: Rc<Passage>, joined: Joined);

    /// Asks an authenticator about a client; the answer is told to the router of this process.
    fn ask(&self, question: Question);
}

/// A question to an authenticator.
#[derive(Debug)]
pub(crate) struct Question {
    /// About whom.
    pub(crate) client: Id,
    pub(crate) realm: String,
    /// As whom it is asked.
    pub(crate) role: Option<String>,
    pub(crate) procedure: String,
    pub(crate) payload: Payload,
}

/// The session of one client, on its way to and from the router that has it.
#[derive(Debug)]
pub(crate) struct Passage {
    /// The client, as this process knows it.
    pub(super) client: Id,
    /// What waits for the client.
    to_client: Rc<Outbox>,
    /// What waits for the router that has the session, once there is one.
    to_router: RefCell<Option<Rc<Outbox>>>,
    gone: Cell<bool>,
    left: Notify,
}

impl Passage {
    pub(super) fn new(client: Id, to_client: Rc<Outbox>) -> Rc<Self> {
        Rc::new(Self {
            client,
            to_client,
            to_router: RefCell::new(None),
            gone: Cell::new(false),
            left: Notify::new(),
        })
    }

    /// The client has left, or is gone: the session is to be ended.
    pub(super) fn leave(&self) {
        self.gone.set(true);
        self.left.notify_one();
        // A connection that waits for room is to go on.
        if let Some(outbox) = self.to_router.borrow_mut().take() {
            outbox.wake_for_room();
        }
    }

    /// Completes when the client has left.
    pub(crate) async fn left(&self) {
        while !self.gone.get() {
            self.left.notified().await;
        }
    }

    /// Completes when there is room for more messages to the client.
    pub(crate) async fn room(&self) {
        self.to_client.room().await;
    }

    /// The router that has the session takes messages from now on.
    pub(super) fn open(&self, to_router: Rc<Outbox>) {
        *self.to_router.borrow_mut() = Some(to_router);
    }

    /// Whether messages of the client can be taken now; if not, `cx` is woken when they can.
    pub(super) fn takes(&self, cx: &Context<'_>) -> bool {
        self.to_router.borrow().as_ref().is_none_or(|outbox| outbox.has_room(cx))
    }

    /// Sends a message of the client to the router; absent: there is no session yet.
    pub(super) fn send(&self, message: &Rc<Outgoing>) -> Option<Queued> {
        self.to_router.borrow().as_ref().map(|outbox| outbox.push(message))
    }
}

/// The sessions that other routers have.
pub(super) struct Passages {
    routes: Rc<dyn Routes>,
    by_client: IdMap<Rc<Passage>>,
}

impl Passages {
    /// None, by an empty table.
    pub(super) fn new(routes: Rc<dyn Routes>, by_client: IdMap<Rc<Passage>>) -> Self {
        Self { routes, by_client }
    }

    /// The session of a client.
    pub(super) fn get(&self, client: Id) -> Option<&Rc<Passage>> {
        self.by_client.get(&client)
    }

    /// Whether it is the session that its client has now.
    pub(super) fn has(&self, passage: &Rc<Passage>) -> bool {
        self.get(passage.client).is_some_and(|known| Rc::ptr_eq(known, passage))
    }

    /// Begins the session of a client that was let in.
    pub(super) fn begin(&mut self, to_client: Rc<Outbox>, joined: Joined) {
        let client = joined.joining.session;
        let passage = Passage::new(client, to_client);
        self.by_client.insert(client, Rc::clone(&passage));
        self.routes.begin(passage, joined);
    }

    /// The client has left.
    pub(super) fn leave(&mut self, client: Id) {
        if let Some(passage) = self.by_client.remove(&client) {
            passage.leave();
        }
    }

    /// Asks an authenticator.
    pub(super) fn ask(&self, question: Question) {
        self.routes.ask(question);
    }
}
