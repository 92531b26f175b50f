//! Proxy workers: their clients are let in here, and have their sessions with routers elsewhere.
//!
//! For each client there is one session of WAMP with a router, by the authentication methods for proxies. It is joined when
//! its client is let in, and what one says is passed on to the other. Neither is read faster than the other takes it.

mod connection;
mod login;
mod relay;
mod routes;

pub(crate) use routes::Routes;

use crate::connect::Means;
use crate::net::backlog::Scratch;
use crate::net::budget::Budget;
use crate::wamp::{self, Router};
use jackfield_shared::config::{Proxy, Worker};
use jackfield_shared::ipc::{NodeInfo, NodeKey};
use std::rc::Rc;

/// What the connections of a proxy worker are made with.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) node: &'a NodeInfo,
    /// By which the node proves who it is.
    pub(crate) key: Option<&'a NodeKey>,
    pub(crate) means: Means<'a>,
    pub(crate) scratch: &'a Rc<Scratch>,
    pub(crate) budget: &'a Rc<Budget>,
}

/// The router of a proxy worker's process, and where it takes sessions to; the error says what is not built, or is wrong.
pub(crate) fn router(
    worker: &Worker,
    proxy: &Proxy,
    setting: Setting<'_>,
) -> Result<(Rc<Router>, Rc<Routes>), String> {
    let routes = Rc::new(Routes::new(worker, proxy, setting)?);
    let roles = |roles: &std::collections::BTreeMap<String, _>| roles.keys().cloned().collect::<Vec<_>>();
    let realms = proxy.routes.iter().map(|(realm, by_role)| (realm, roles(by_role)));
    let router = wamp::front(worker, setting.node, realms, Rc::new(Rc::clone(&routes)));
    routes.attach(&router);
    Ok((router, routes))
}
