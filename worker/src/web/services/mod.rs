//! The path services: the one list of what serves each type.

mod archive;
mod bridge;
mod cgi;
mod content;
mod cors;
mod files;
mod health;
mod json;
mod longpoll;
mod metrics;
mod nodeinfo;
mod nothing;
mod proxy;
mod query;
mod redirect;
mod router;
mod service;
mod upload;
mod wap;
mod websocket;
mod websocket_proxy;

pub(crate) use archive::fuzz as fuzz_zip;
pub use archive::{FETCHER, Order, run_fetcher};
pub(in crate::web) use proxy::{GOES_ROUND, add_hop, goes_round, looped, remove_ambiguous};
pub(crate) use router::{Found, Routes};
pub(crate) use service::Answering;
use service::Service;
pub(crate) use upload::fuzz as fuzz_form;
pub(crate) use websocket::Websocket;

use crate::connect::Means;
use archive::Archive;
use bridge::{Rest, Webhook};
use cgi::Cgi;
use files::Files;
use health::Health;
use jackfield_shared::config::{PathService, flat};
use json::Json;
use longpoll::Longpoll;
use metrics::Metrics;
use nodeinfo::Nodeinfo;
pub(crate) use nothing::Nothing;
use proxy::Proxy;
use redirect::Redirect;
use std::collections::BTreeMap;
use std::rc::Rc;
use upload::Upload;
use wap::Wap;
use websocket_proxy::WebsocketProxy;

/// Prepares what serves these paths of a host (empty: all others); those that are below others, too.
///
/// # Errors
/// The path, and what is missing or not in this release.
pub(crate) fn routes(
    host: &str,
    paths: &BTreeMap<String, PathService>,
    means: Means<'_>,
) -> Result<Routes, String> {
    let mut routes = Routes::default();
    for (path, config) in flat(paths) {
        let service = match config {
            Some(config) => service(config, means).map_err(|e| format!("path \"{path}\": {e}"))?,
            None => Box::new(Nothing),
        };
        routes.insert(host, &path, config.map_or("none", PathService::name), service);
    }
    Ok(routes)
}

fn service(config: &PathService, means: Means<'_>) -> Result<Box<dyn Service>, String> {
    Ok(match config {
        PathService::Archive(config) => Box::new(Archive::new(config)?),
        PathService::Caller(config) => Box::new(Rest::caller(config, means.wamp)?),
        PathService::Cgi(config) => Box::new(Cgi::new(config)),
        PathService::Json(config) => Box::new(Json::new(config)),
        PathService::Longpoll(config) => Box::new(Longpoll::new(config, means.wamp)?),
        PathService::Nodeinfo(config) => Box::new(Nodeinfo::new(config)),
        PathService::Health(_) => Box::new(Health),
        PathService::Metrics(_) => Box::new(Metrics),
        PathService::None(_) => Box::new(Nothing),
        PathService::Publisher(config) => Box::new(Rest::publisher(config, means.wamp)?),
        PathService::Redirect(config) => Box::new(Redirect::new(config)?),
        PathService::Reverseproxy(config) => Box::new(Proxy::new(config, means)?),
        PathService::Static(config) => Box::new(Files::new(config)?),
        PathService::Upload(config) => Box::new(Upload::new(config, means.wamp)?),
        PathService::Wap(config) => Box::new(Wap::new(config, means.wamp)?),
        PathService::Webhook(config) => Box::new(Webhook::new(config, means.wamp)?),
        PathService::Websocket(config) => Box::new(Rc::new(Websocket::wamp(config, means)?)),
        PathService::WebsocketReverseproxy(config) => Box::new(Rc::new(WebsocketProxy::new(config, means)?)),
        PathService::WebsocketTestee(config) => Box::new(Rc::new(Websocket::echo(config))),
        PathService::Catalog(_) | PathService::Path(_) | PathService::Resource(_) | PathService::Wsgi(_) => {
            return Err("the path service's type is not in this release".into());
        }
    })
}
