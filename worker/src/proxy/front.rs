//! What the router of a proxy worker's process asks for: sessions with routers elsewhere, and answers of authenticators.

use super::relay::relay;
use super::routes::Routes;
use crate::wamp::{self, Embedded, Failure, Passage, Question, ROUTER, Reply, Router};
use jackfield_wamp::session::{Answer, Joined};
use jackfield_wamp::{Dict, Payload};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::timeout;

/// Questions to authenticators by one session that wait for their answers, at most.
const MOST_QUESTIONS: usize = 1000;

/// What the router of a proxy worker's process asks for.
pub(super) struct Front {
    router: RefCell<Weak<Router>>,
    routes: Rc<Routes>,
    /// Sessions that authenticators are asked by, by realm and role.
    askers: RefCell<HashMap<(String, String), Rc<Embedded>>>,
}

impl Front {
    /// Sessions go by these routes.
    pub(super) fn new(routes: Rc<Routes>) -> Rc<Self> {
        Rc::new(Self { router: RefCell::default(), routes, askers: RefCell::default() })
    }

    /// Tells what becomes of sessions to this router.
    pub(super) fn attach(&self, router: &Rc<Router>) {
        *self.router.borrow_mut() = Rc::downgrade(router);
    }

    /// The session of a role by which an authenticator is asked, and how long that may take.
    fn asker(&self, realm: &str, role: &str) -> Result<(Rc<Embedded>, Duration), String> {
        let limit = self.routes.limit(realm, role).ok_or_else(|| {
            format!("no route is there by which an authenticator could be asked, of role \"{role}\" of realm \"{realm}\"")
        })?;
        let key = (realm.to_owned(), role.to_owned());
        if let Some(asker) = self.askers.borrow().get(&key) {
            return Ok((Rc::clone(asker), limit));
        }
        let router = self.router.borrow().upgrade();
        let asker = Embedded::new(router.as_ref(), realm, role, "authenticator", MOST_QUESTIONS)?;
        let asker = Rc::new(asker);
        self.askers.borrow_mut().insert(key, Rc::clone(&asker));
        Ok((asker, limit))
    }
}

impl wamp::Routes for Rc<Front> {
    fn begin(&self, passage: Rc<Passage>, joined: Joined) {
        if let Some(router) = self.router.borrow().upgrade() {
            spawn_local(relay(Rc::clone(&self.routes), router, passage, joined));
        }
    }

    fn ask(&self, question: Question) {
        let front = Rc::clone(self);
        spawn_local(async move {
            let client = question.client;
            let answer = answer(&front, question).await;
            let router = front.router.borrow().upgrade();
            if let Some(router) = router {
                router.answered(client, answer);
            }
        });
    }
}

async fn answer(front: &Front, question: Question) -> Answer {
    let Question { realm, role, procedure, payload, .. } = question;
    let failed = |uri: &str, text: String| (uri.to_owned(), Payload::one(text));
    let role = role.as_deref().unwrap_or(ROUTER);
    let (asker, limit) =
        front.asker(&realm, role).map_err(|e| failed("wamp.error.authentication_failed", e))?;
    match timeout(limit, asker.call(procedure, Dict::new(), payload)).await {
        Ok(Ok(Reply::Result(payload))) => Ok(payload),
        Ok(Ok(Reply::Error(uri, payload))) => Err((uri, payload)),
        Ok(Ok(Reply::Published(_)) | Err(Failure::Gone)) => {
            Err(failed("wamp.error.canceled", "the router is gone".into()))
        }
        Ok(Err(e @ (Failure::Refused(_) | Failure::Busy))) => {
            Err(failed("wamp.error.canceled", e.to_string()))
        }
        Err(_) => {
            let text = format!("the authenticator has not answered within {} s", limit.as_secs_f64());
            Err(failed("wamp.error.timeout", text))
        }
    }
}
