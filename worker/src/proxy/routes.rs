//! Which sessions go over which connections.

use super::Setting;
use super::connection::Connection;
use super::relay::relay;
use crate::wamp::{self, Embedded, Failure, Passage, Question, ROUTER, Reply, Router};
use jackfield_shared::config::{Proxy, Worker};
use jackfield_shared::status::ConnectionCounters;
use jackfield_shared::tls::Files;
use jackfield_wamp::session::{Answer, Joined};
use jackfield_wamp::{Dict, Payload, Value};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::timeout;

/// Questions to authenticators by one session that wait for their answers, at most.
const MOST_QUESTIONS: usize = 1000;

/// The routes of a proxy worker.
pub(crate) struct Routes {
    router: RefCell<Weak<Router>>,
    connections: BTreeMap<String, Rc<Connection>>,
    /// By realm and role.
    routes: BTreeMap<String, BTreeMap<String, Route>>,
    /// What every client is told of this process, besides what its router says.
    told: Dict,
    /// Sessions that authenticators are asked by, by realm and role.
    askers: RefCell<HashMap<(String, String), Rc<Embedded>>>,
}

/// Where sessions of one role go.
struct Route {
    connections: Vec<Rc<Connection>>,
    next: Cell<usize>,
}

impl Route {
    /// The connections, first the one whose turn it is.
    fn in_turn(&self) -> Vec<Rc<Connection>> {
        let count = self.connections.len();
        let first = self.next.get() % count.max(1);
        self.next.set(first + 1);
        (0..count).map(|index| Rc::clone(&self.connections[(first + index) % count])).collect()
    }
}

impl Routes {
    pub(super) fn new(worker: &Worker, proxy: &Proxy, setting: Setting<'_>) -> Result<Self, String> {
        let mut connections = BTreeMap::new();
        for (name, config) in &proxy.connections {
            let connection =
                Connection::new(name, config, setting).map_err(|e| format!("connection \"{name}\": {e}"))?;
            connections.insert(name.clone(), Rc::new(connection));
        }
        let route = |names: &Vec<String>| Route {
            connections: names.iter().filter_map(|name| connections.get(name).cloned()).collect(),
            next: Cell::new(0),
        };
        let by_role = |(realm, roles): (&String, &BTreeMap<String, Vec<String>>)| {
            let roles = roles.iter().map(|(role, names)| (role.clone(), route(names)));
            (realm.clone(), roles.collect())
        };
        let routes = proxy.routes.iter().map(by_role).collect();
        let told = Dict::new()
            .with("x_cb_proxy_node", setting.node.id.as_str())
            .with("x_cb_proxy_worker", worker.id.as_str())
            .with("x_cb_proxy_pid", u64::from(std::process::id()));
        let (router, askers) = (RefCell::default(), RefCell::default());
        Ok(Self { router, connections, routes, told, askers })
    }

    /// Tells what becomes of sessions to this router.
    pub(super) fn attach(&self, router: &Rc<Router>) {
        *self.router.borrow_mut() = Rc::downgrade(router);
    }

    /// The connections for a session of this role, first the one whose turn it is; none: there is no route.
    pub(super) fn connections(&self, realm: &str, role: &str) -> Option<Vec<Rc<Connection>>> {
        self.routes.get(realm)?.get(role).map(Route::in_turn)
    }

    /// What a client is told of this process.
    pub(super) fn told(&self, joined: &Joined) -> Dict {
        let peer = joined.joining.transport.get("peer").cloned().unwrap_or(Value::Null);
        self.told.clone().with("x_cb_proxy_peer", peer)
    }

    /// Makes new connections with the files of TLS as they are now; the error says which are no good.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        self.connections.values().try_for_each(|connection| connection.renew(files))
    }

    /// What was counted so far, for each connection.
    pub(crate) fn counters(&self) -> Vec<ConnectionCounters> {
        self.connections.values().map(|connection| connection.counters()).collect()
    }

    /// The session of a role by which an authenticator is asked, and how long that may take.
    fn asker(&self, realm: &str, role: &str) -> Result<(Rc<Embedded>, Duration), String> {
        let route = self.routes.get(realm).and_then(|roles| roles.get(role));
        let route = route.ok_or_else(|| {
            format!("no route is there by which an authenticator could be asked, of role \"{role}\" of realm \"{realm}\"")
        })?;
        let limit = route.connections.iter().map(|connection| connection.timeout).max().unwrap_or_default();
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

impl wamp::Routes for Rc<Routes> {
    fn begin(&self, passage: Rc<Passage>, joined: Joined) {
        if let Some(router) = self.router.borrow().upgrade() {
            spawn_local(relay(Rc::clone(self), router, passage, joined));
        }
    }

    fn ask(&self, question: Question) {
        let routes = Rc::clone(self);
        spawn_local(async move {
            let client = question.client;
            let answer = answer(&routes, question).await;
            let router = routes.router.borrow().upgrade();
            if let Some(router) = router {
                router.answered(client, answer);
            }
        });
    }
}

async fn answer(routes: &Routes, question: Question) -> Answer {
    let Question { realm, role, procedure, payload, .. } = question;
    let failed = |uri: &str, text: String| (uri.to_owned(), Payload::one(text));
    let role = role.as_deref().unwrap_or(ROUTER);
    let (asker, limit) =
        routes.asker(&realm, role).map_err(|e| failed("wamp.error.authentication_failed", e))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_connections_has_none() {
        let route = Route { connections: Vec::new(), next: Cell::new(7) };
        assert!(route.in_turn().is_empty());
    }
}
