//! Proxy workers: their clients are let in here, and have their sessions with routers elsewhere.
//!
//! For each client there is one session of WAMP with a router, by the authentication methods for proxies. It is joined when
//! its client is let in, and what one says is passed on to the other. Neither is read faster than the other takes it.

mod front;
mod login;
mod relay;
mod routes;

pub(crate) use routes::Routes;

use crate::upstream::Setting;
use crate::wamp::{self, Router};
use front::Front;
use jackfield_shared::config::{Proxy, Worker};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The router of a proxy worker's process, and where it takes sessions to; the error says what is not built, or is wrong.
pub(crate) fn router(
    worker: &Worker,
    proxy: &Proxy,
    setting: Setting<'_>,
) -> Result<(Rc<Router>, Rc<Routes>), String> {
    let routes = Rc::new(Routes::new(worker, proxy, setting)?);
    let front = Front::new(Rc::clone(&routes));
    let roles = |roles: &BTreeMap<String, _>| roles.keys().cloned().collect::<Vec<_>>();
    let realms = proxy.routes.iter().map(|(realm, by_role)| (realm, roles(by_role)));
    let router = wamp::front(worker, setting.node, realms, Rc::new(Rc::clone(&front)));
    front.attach(&router);
    Ok((router, routes))
}
