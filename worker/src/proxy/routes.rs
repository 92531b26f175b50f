//! Which sessions go over which connections.

use crate::client::{Credentials, Secret};
use crate::upstream::{Connection, Setting};
use jackfield_shared::config::{Proxy, ProxyConnection, Worker};
use jackfield_shared::status::ConnectionCounters;
use jackfield_shared::tls::Files;
use jackfield_wamp::session::Joined;
use jackfield_wamp::{Dict, Value};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// The routes of a proxy worker.
pub(crate) struct Routes {
    connections: BTreeMap<String, Rc<Connection>>,
    /// By realm and role.
    routes: BTreeMap<String, BTreeMap<String, Route>>,
    /// What every client is told of this process, besides what its router says.
    told: Dict,
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
            let connection = who(config, setting)
                .and_then(|who| Connection::new(name, &config.transport, config.timeout, who, setting));
            let connection = connection.map_err(|e| format!("connection \"{name}\": {e}"))?;
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
        Ok(Self { connections, routes, told })
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

    /// How long a session of this role may take to be there; none: there is no route.
    pub(super) fn limit(&self, realm: &str, role: &str) -> Option<Duration> {
        let route = self.routes.get(realm)?.get(role)?;
        Some(route.connections.iter().map(|connection| connection.timeout).max().unwrap_or_default())
    }
}

/// As whom a connection joins sessions, and by which proof.
fn who(config: &ProxyConnection, setting: Setting<'_>) -> Result<(Option<String>, Credentials), String> {
    match setting.key.filter(|_| config.has_key()) {
        Some(key) => Ok((key.authid.clone(), Credentials::CryptosignProxy(Secret(key.private.0.clone())))),
        None if config.has_key() => Err("the plan came without the key of the node".into()),
        None => Ok((None, Credentials::Method("anonymous-proxy".into()))),
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
