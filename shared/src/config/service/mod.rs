//! Path services: what a web transport serves at a path.

mod archive;
mod cgi;
mod proxy;
mod python;
mod rest;
mod serves;
mod simple;
mod upload;
mod websocket;

pub use archive::*;
pub use cgi::*;
pub use proxy::*;
pub use python::*;
pub use rest::*;
pub use serves::{Files, Serves};
pub use simple::*;
pub use upload::*;

use super::decode::*;
use super::include::including;
use super::keys::{id, paths};
use super::transport::{WebsocketSection, WebsocketTestee};
use std::collections::BTreeMap;

tagged! {
    /// What is served at a path.
    pub enum PathService as "a path service" by "type" {
        /// Files of a directory.
        Static(StaticService) = "static",
        /// A JSON value.
        Json(JsonService) = "json",
        /// A redirect.
        Redirect(RedirectService) = "redirect",
        /// What the node is, as a page and as JSON.
        Nodeinfo(NodeinfoService) = "nodeinfo",
        /// Whether the node serves, for probes: 200 or 503. `live` below it says that the process answers, `ready` (as does the
        /// path itself) that the node serves: 200 through reload, restart and upgrade, 503 before the first time that every
        /// worker was ready, and while it stops.
        Health(HealthService) = "health",
        /// What the whole node has counted (OpenMetrics), for Prometheus and its like. It names paths, backends and
        /// certificates: not for strangers.
        Metrics(MetricsService) = "metrics",
        /// More paths below this one.
        Path(NestedPaths) = "path",
        /// WebSocket with an echo behind it.
        WebsocketTestee(WebsocketTestee) = "websocket.testee",
        /// Nothing: answers 404.
        None(NoService) = "none",
        /// WAMP over WebSocket.
        Websocket(WebsocketSection) = "websocket",
        /// WebSocket connections carried to a backend.
        WebsocketReverseproxy(WebsocketReverseproxy) = "websocket-reverseproxy",
        /// Requests carried to another web server.
        Reverseproxy(Reverseproxy) = "reverseproxy",
        /// Programs run for each request (CGI).
        Cgi(CgiService) = "cgi",
        /// Files that clients send.
        Upload(UploadService) = "upload",
        /// A Python WSGI application.
        Wsgi(WsgiService) = "wsgi",
        /// A Python Twisted Web resource.
        Resource(ResourceService) = "resource",
        /// WAMP over HTTP long-polling. Requests of a session may come to any process of the worker.
        Longpoll(LongpollService) = "longpoll",
        /// Publishes WAMP events for HTTP requests.
        Publisher(RestService) = "publisher",
        /// Calls WAMP procedures for HTTP requests.
        Caller(RestService) = "caller",
        /// Publishes WAMP events for webhooks.
        Webhook(WebhookService) = "webhook",
        /// Files of an archive.
        Archive(ArchiveService) = "archive",
        /// Pages rendered from WAMP calls.
        Wap(WapService) = "wap",
        /// An API catalog.
        Catalog(CatalogService) = "catalog",
    }
    silent {
        /// A name.
        "id" = id();
    }
}

object! {
    /// More paths below this one.
    pub struct NestedPaths as "nested paths" {
        /// Path → what is served there; `/` serves what no other path does.
        pub paths as "paths": BTreeMap<String, PathService> = including(paths(nested())), required;
    }
}

impl Serves for NestedPaths {
    fn label(&self) -> Option<&'static str> {
        Some("more paths")
    }

    fn speaks_wamp(&self) -> bool {
        self.paths.values().any(PathService::speaks_wamp)
    }
}

impl PathService {
    /// What each kind answers for itself.
    pub fn kind(&self) -> &dyn Serves {
        match self {
            Self::Static(service) => service,
            Self::Json(service) => service,
            Self::Redirect(service) => service,
            Self::Nodeinfo(service) => service,
            Self::Health(service) => service,
            Self::Metrics(service) => service,
            Self::Path(service) => service,
            Self::WebsocketTestee(service) => service,
            Self::None(service) => service,
            Self::Websocket(service) => service,
            Self::WebsocketReverseproxy(service) => service,
            Self::Reverseproxy(service) => service,
            Self::Cgi(service) => service,
            Self::Upload(service) => service,
            Self::Wsgi(service) => service,
            Self::Resource(service) => service,
            Self::Longpoll(service) => service,
            Self::Publisher(service) => service,
            Self::Caller(service) => service,
            Self::Webhook(service) => service,
            Self::Archive(service) => service,
            Self::Wap(service) => service,
            Self::Catalog(service) => service,
        }
    }

    /// Whether WAMP clients may connect, or it is one itself.
    pub(crate) fn speaks_wamp(&self) -> bool {
        self.kind().speaks_wamp()
    }
}

/// Every path of these, with those that are below others (`api/users`), and what is there; nothing: no other path is
/// served below this one.
pub fn flat(paths: &BTreeMap<String, PathService>) -> Vec<(String, Option<&PathService>)> {
    let mut found = Vec::new();
    // What is below `/` stands back behind what has a path of its own.
    let (others, named): (Vec<_>, Vec<_>) = paths.iter().partition(|(path, _)| *path == "/");
    for (path, service) in others.into_iter().chain(named) {
        let PathService::Path(nested) = service else {
            found.push((path.clone(), Some(service)));
            continue;
        };
        if !nested.paths.contains_key("/") {
            found.push((path.clone(), None));
        }
        for (below, service) in flat(&nested.paths) {
            let whole = match (path.as_str(), below.as_str()) {
                (path, "/") => path.to_owned(),
                ("/", below) => below.to_owned(),
                (path, below) => format!("{path}/{below}"),
            };
            found.push((whole, service));
        }
    }
    found
}
