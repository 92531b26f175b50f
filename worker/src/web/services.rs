//! The path services: the one list of what serves each type.

use super::archive::Archive;
use super::bridge::{Rest, Webhook};
use super::cgi::Cgi;
use super::files::Files;
use super::json::Json;
use super::longpoll::Longpoll;
use super::nodeinfo::Nodeinfo;
use super::nothing::Nothing;
use super::proxy::Proxy;
use super::redirect::Redirect;
use super::router::Routes;
use super::service::Service;
use super::upload::Upload;
use super::wap::Wap;
use super::websocket::Websocket;
use super::websocket_proxy::WebsocketProxy;
use crate::connect::Means;
use jackfield_shared::config::PathService;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Prepares what serves these paths.
///
/// # Errors
/// The path, and what is missing or not in this release.
pub(crate) fn routes(paths: &BTreeMap<String, PathService>, means: Means<'_>) -> Result<Routes, String> {
    let mut routes = Routes::default();
    for (path, config) in paths {
        let service = service(config, means).map_err(|e| format!("path \"{path}\": {e}"))?;
        routes.insert(path, service);
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
        PathService::None(_) => Box::new(Nothing),
        PathService::Path(config) => Box::new(routes(&config.paths, means)?),
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
        PathService::Catalog(_) | PathService::Resource(_) | PathService::Wsgi(_) => {
            return Err("the path service's type is not in this release".into());
        }
    })
}
