//! A session within the process: what services publish and call by.

use super::inside::{Failure, Inside, Who};
use super::router::Router;
use jackfield_wamp::{Dict, Id, Message, Outgoing, Payload, Value, kind};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use tokio::sync::{Mutex, oneshot};
use tokio::task::spawn_local;
use tracing::warn;

/// The role of sessions of the router itself, which may do everything where a realm does not have it otherwise.
pub(crate) const ROUTER: &str = "trusted";

/// A session within the process, of a realm and with a role that the configuration names. It joins with its first
/// request, and again if it was ended.
pub(crate) struct Embedded {
    router: Rc<Router>,
    realm: String,
    role: String,
    /// What it is for, which is its authid.
    purpose: &'static str,
    /// Requests that wait for their answers at a time, at most.
    most: usize,
    session: Mutex<Option<Rc<Session>>>,
}

/// An answer of the realm.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The event is published: its id.
    Published(Id),
    /// The call's result.
    Result(Payload),
    /// The URI and arguments of an error.
    Error(String, Payload),
}

/// It from WELCOME to its end.
struct Session {
    inside: Inside,
    waiting: RefCell<HashMap<Id, oneshot::Sender<Rc<Outgoing>>>>,
    last_request: Cell<Id>,
    ended: Cell<bool>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("realm", &self.realm)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl Embedded {
    /// One that has not joined; at most `most` of its requests wait at a time.
    pub(crate) fn new(
        router: Option<&Rc<Router>>,
        realm: &str,
        role: &str,
        purpose: &'static str,
        most: usize,
    ) -> Result<Self, String> {
        let router = router.cloned().ok_or("WAMP is routed by router workers only")?;
        if role != ROUTER
            && let Err(e) = router.knows(realm, role)
        {
            // Crossbar.io starts so, too; nothing is allowed to such a service.
            warn!("the {purpose} service can do nothing: {e}");
        }
        let (realm, role) = (realm.to_owned(), role.to_owned());
        Ok(Self { router, realm, role, purpose, most, session: Mutex::new(None) })
    }

    /// Publishes an event, and waits until that is acknowledged.
    pub(crate) async fn publish(
        &self,
        topic: String,
        options: Dict,
        payload: Payload,
    ) -> Result<Reply, Failure> {
        let options = options.with("acknowledge", true);
        self.ask(|request| Message::Publish { request, options, topic, payload }).await
    }

    /// Calls a procedure. The call is cancelled if nobody waits for its answer any longer.
    pub(crate) async fn call(
        &self,
        procedure: String,
        options: Dict,
        payload: Payload,
    ) -> Result<Reply, Failure> {
        self.ask(|request| Message::Call { request, options, procedure, payload }).await
    }

    async fn ask(&self, message: impl FnOnce(Id) -> Message) -> Result<Reply, Failure> {
        let session = self.joined().await?;
        if session.waiting.borrow().len() >= self.most {
            return Err(Failure::Busy);
        }
        let request = session.last_request.get() + 1;
        session.last_request.set(request);
        let (sender, receiver) = oneshot::channel();
        session.waiting.borrow_mut().insert(request, sender);
        let message = message(request);
        let is_call = matches!(message, Message::Call { .. });
        let waiting = Waiting { session: &session, request, is_call };
        session.inside.send(message);
        let answer = receiver.await.map_err(|_| Failure::Gone)?;
        drop(waiting);
        match answer.message() {
            Message::Published { publication, .. } => Ok(Reply::Published(*publication)),
            Message::Result { payload, .. } => Ok(Reply::Result(payload.clone())),
            Message::Error { error, payload, .. } => Ok(Reply::Error(error.clone(), payload.clone())),
            _ => Err(Failure::Gone),
        }
    }

    async fn joined(&self) -> Result<Rc<Session>, Failure> {
        let mut known = self.session.lock().await;
        if let Some(session) = known.as_ref().filter(|session| !session.ended.get()) {
            return Ok(Rc::clone(session));
        }
        let session = self.join().await?;
        *known = Some(Rc::clone(&session));
        spawn_local(Rc::clone(&session).receive());
        Ok(session)
    }

    async fn join(&self) -> Result<Rc<Session>, Failure> {
        let features = Dict::new().with("call_canceling", true);
        let caller = Dict::new().with("features", Value::from(features));
        let roles =
            Dict::new().with("caller", Value::from(caller)).with("publisher", Value::from(Dict::new()));
        let who = Who {
            realm: self.realm.clone(),
            role: self.role.clone(),
            authid: self.purpose.to_owned(),
            details: Dict::new().with("roles", Value::from(roles)),
        };
        let inside = Inside::join(&self.router, who).await?;
        Ok(Rc::new(Session {
            inside,
            waiting: RefCell::default(),
            last_request: Cell::new(0),
            ended: Cell::new(false),
        }))
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(session) = self.session.get_mut() {
            session.inside.end();
        }
    }
}

impl Session {
    /// Hands out what comes, until the session ends.
    async fn receive(self: Rc<Self>) {
        while !self.ended.get()
            && let Some(message) = self.inside.next().await
        {
            self.take(message);
        }
        self.ended.set(true);
        self.inside.leave();
        // Who waits is told by that.
        self.waiting.borrow_mut().clear();
    }

    fn take(&self, message: Rc<Outgoing>) {
        let request = match message.message() {
            Message::Published { request, .. }
            | Message::Result { request, .. }
            | Message::Error { request_type: kind::PUBLISH | kind::CALL, request, .. } => *request,
            Message::Goodbye { .. } | Message::Abort { .. } => {
                self.ended.set(true);
                return;
            }
            _ => return,
        };
        if let Some(sender) = self.waiting.borrow_mut().remove(&request) {
            // Who has given up meanwhile needs no answer.
            let _ = sender.send(message);
        }
    }
}

/// A request that is under way.
struct Waiting<'a> {
    session: &'a Session,
    request: Id,
    is_call: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let given_up = self.session.waiting.borrow_mut().remove(&self.request).is_some();
        if given_up && self.is_call && !self.session.ended.get() {
            let options = Dict::new().with("mode", "killnowait");
            self.session.inside.send(Message::Cancel { request: self.request, options });
        }
    }
}
