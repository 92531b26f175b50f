//! Which service a path leads to.

use super::answer::{Answer, Asked, not_found};
use super::archive::Archive;
use super::bridge::{Rest as Bridge, Webhook};
use super::cgi::Cgi;
use super::connection::Client;
use super::files::Files;
use super::json::Json;
use super::longpoll::Longpoll;
use super::nodeinfo::Nodeinfo;
use super::proxy::Proxy;
use super::redirect::Redirect;
use super::upgrade::Websocket;
use super::upload::Upload;
use super::wap::Wap;
use super::websocket_proxy::WebsocketProxy;
use crate::connect::Means;
use crate::drain::Drain;
use jackfield_shared::config::PathService;
use jackfield_shared::ipc::FromWorker;
use jackfield_shared::tls;
use percent_encoding::percent_decode_str;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::rc::Rc;

/// The part of a request's path that no service has taken yet, as it was sent: empty, or from a slash on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// The whole path of a request.
    pub(crate) const fn of(path: &'a str) -> Self {
        Self(path)
    }

    /// Its first segment, decoded, and what follows; empty segments don't count.
    pub(crate) fn split(self) -> Option<(String, Self)> {
        let path = self.0.trim_start_matches('/');
        let (segment, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        if segment.is_empty() {
            return None;
        }
        Some((percent_decode_str(segment).decode_utf8().ok()?.into_owned(), Self(rest)))
    }

    /// As it was sent.
    pub(crate) const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether nothing is left, that is, the service's own address is meant.
    pub(crate) fn is_root(self) -> bool {
        self.0.bytes().all(|b| b == b'/')
    }

    /// Whether the address is written as that of a directory.
    pub(crate) fn is_directory(self) -> bool {
        self.0.ends_with('/')
    }

    /// The path of a file it names; `None` if it names none or one outside.
    pub(crate) fn file(self) -> Option<PathBuf> {
        let mut path = PathBuf::new();
        for segment in self.0.split('/').filter(|segment| !segment.is_empty()) {
            let name: Vec<u8> = percent_decode_str(segment).collect();
            if name == b"." || name == b".." || name.iter().any(|b| matches!(b, 0 | b'/')) {
                return None;
            }
            path.push(OsString::from_vec(name));
        }
        Some(path)
    }
}

/// What answers at a path.
#[derive(Debug)]
pub(crate) enum Route {
    Files(Box<Files>),
    Json(Json),
    Redirect(Redirect),
    Nodeinfo(Nodeinfo),
    Websocket(Rc<Websocket>),
    Nested(Routes),
    Proxy(Box<Proxy>),
    Cgi(Box<Cgi>),
    Upload(Rc<Upload>),
    Archive(Box<Archive>),
    WebsocketProxy(Rc<WebsocketProxy>),
    Bridge(Box<Bridge>),
    Webhook(Box<Webhook>),
    Longpoll(Box<Longpoll>),
    Wap(Box<Wap>),
    Nothing,
}

impl Route {
    fn new(service: &PathService, means: Means<'_>) -> Result<Self, String> {
        Ok(match service {
            PathService::Static(config) => Self::Files(Box::new(Files::new(config)?)),
            PathService::Json(config) => Self::Json(Json::new(config)),
            PathService::Redirect(config) => Self::Redirect(Redirect::new(config)?),
            PathService::Nodeinfo(config) => Self::Nodeinfo(Nodeinfo::new(config)),
            PathService::WebsocketTestee(config) => Self::Websocket(Rc::new(Websocket::echo(config))),
            PathService::Websocket(config) => Self::Websocket(Rc::new(Websocket::wamp(config, means)?)),
            PathService::Path(config) => Self::Nested(Routes::new(&config.paths, means)?),
            PathService::Reverseproxy(config) => Self::Proxy(Box::new(Proxy::new(config, means)?)),
            PathService::WebsocketReverseproxy(config) => {
                Self::WebsocketProxy(Rc::new(WebsocketProxy::new(config, means)?))
            }
            PathService::Cgi(config) => Self::Cgi(Box::new(Cgi::new(config))),
            PathService::Upload(config) => Self::Upload(Rc::new(Upload::new(config, means.wamp)?)),
            PathService::Archive(config) => Self::Archive(Box::new(Archive::new(config)?)),
            PathService::Publisher(config) => Self::Bridge(Box::new(Bridge::publisher(config, means.wamp)?)),
            PathService::Caller(config) => Self::Bridge(Box::new(Bridge::caller(config, means.wamp)?)),
            PathService::Webhook(config) => Self::Webhook(Box::new(Webhook::new(config, means.wamp)?)),
            PathService::Longpoll(config) => Self::Longpoll(Box::new(Longpoll::new(config, means.wamp)?)),
            PathService::Wap(config) => Self::Wap(Box::new(Wap::new(config, means.wamp)?)),
            PathService::None(_) => Self::Nothing,
            _ => return Err("the path service's type is not in this release".into()),
        })
    }

    /// Answers a request; `rest` is what the way here has left of its path.
    pub(crate) async fn answer(&self, request: &mut Asked, rest: Rest<'_>, client: &Rc<Client>) -> Answer {
        match self {
            Self::Files(files) => {
                let answer = files.answer(request, rest).await;
                if let Some(reason) = files.outdated() {
                    client.context.controller.send(FromWorker::Outdated { reason });
                }
                answer
            }
            Self::Proxy(proxy) => proxy.answer(request, rest, client).await,
            Self::Cgi(cgi) => cgi.answer(request, rest, client).await,
            Self::WebsocketProxy(proxy) => proxy.answer(request, client).await,
            Self::Bridge(bridge) => bridge.answer(request, client).await,
            Self::Webhook(webhook) => webhook.answer(request, client).await,
            Self::Longpoll(longpoll) => longpoll.answer(request, rest, client).await,
            Self::Wap(wap) => wap.answer(request, rest, client).await,
            Self::Redirect(redirect) => redirect.answer(),
            Self::Websocket(websocket) => websocket.answer(request, client),
            Self::Json(json) if rest.is_root() => json.answer(request),
            Self::Nodeinfo(nodeinfo) if rest.is_root() => nodeinfo.answer(request, client).await,
            Self::Upload(upload) if rest.is_root() => upload.answer(request, client).await,
            Self::Archive(archive) => archive.answer(request, rest, client).await,
            Self::Nested(routes) => match routes.find(rest) {
                Some((route, rest)) => Box::pin(route.answer(request, rest, client)).await,
                None => not_found(request.headers()),
            },
            Self::Json(_) | Self::Nodeinfo(_) | Self::Upload(_) | Self::Nothing => {
                not_found(request.headers())
            }
        }
    }
}

/// Routes by the first segment of a path.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    named: HashMap<String, Route>,
    /// Serves what no other path does: the key `/`.
    others: Option<Box<Route>>,
}

impl Routes {
    pub(crate) fn new(paths: &BTreeMap<String, PathService>, means: Means<'_>) -> Result<Self, String> {
        let mut routes = Self::default();
        for (path, service) in paths {
            let route = Route::new(service, means).map_err(|e| format!("path \"{path}\": {e}"))?;
            routes.insert(path, route);
        }
        Ok(routes)
    }

    /// Takes the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &tls::Files) -> Result<(), String> {
        self.all().try_for_each(|route| match route {
            Route::Proxy(proxy) => proxy.renew(files),
            Route::WebsocketProxy(proxy) => proxy.renew(files),
            Route::Nested(routes) => routes.renew(files),
            _ => Ok(()),
        })
    }

    /// Begins what goes on beside the requests, until draining begins.
    pub(crate) fn begin(&self, drain: &Drain) {
        for route in self.all() {
            match route {
                Route::Proxy(proxy) => proxy.begin(drain),
                Route::Upload(upload) => upload.begin(drain),
                Route::Nested(routes) => routes.begin(drain),
                _ => {}
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Route> {
        self.named.values().chain(self.others.as_deref())
    }

    pub(crate) fn insert(&mut self, path: &str, route: Route) {
        if path == "/" {
            self.others = Some(Box::new(route));
        } else {
            self.named.insert(path.to_owned(), route);
        }
    }

    /// The route whose path is the first segment, and what follows it.
    pub(crate) fn named<'a>(&self, path: Rest<'a>) -> Option<(&Route, Rest<'a>)> {
        let (segment, rest) = path.split()?;
        Some((self.named.get(&segment)?, rest))
    }

    /// The route that serves what no other path does.
    pub(crate) fn others(&self) -> Option<&Route> {
        self.others.as_deref()
    }

    fn find<'a>(&self, path: Rest<'a>) -> Option<(&Route, Rest<'a>)> {
        self.named(path).or_else(|| Some((self.others()?, path)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_is_decoded_and_cut_off() {
        for (path, expected) in [
            ("/ws", Some(("ws", ""))),
            ("//ws", Some(("ws", ""))),
            ("/%77s/", Some(("ws", "/"))),
            ("/a/b%2fc/", Some(("a", "/b%2fc/"))),
            ("/", None),
            ("", None),
            ("*", Some(("*", ""))),
            ("/%ff/x", None),
        ] {
            let found = Rest::of(path).split();
            assert_eq!(found.as_ref().map(|(s, r)| (s.as_str(), r.0)), expected, "{path}");
        }
    }

    #[test]
    fn no_path_leads_up() {
        for (path, expected) in [
            ("", Some("")),
            ("/", Some("")),
            ("/a//b/", Some("a/b")),
            ("/a%20b/%C3%A4", Some("a b/ä")),
            ("/...", Some("...")),
            ("/..", None),
            ("/a/%2e%2E/b", None),
            ("/./a", None),
            ("/a%2fb", None),
            ("/a%00", None),
        ] {
            assert_eq!(Rest::of(path).file(), expected.map(PathBuf::from), "{path}");
        }
    }

    #[test]
    fn named_paths_come_before_the_rest() {
        let mut routes = Routes::default();
        assert!(routes.find(Rest::of("/")).is_none());
        routes.insert("a", Route::Nothing);
        routes.insert("/", Route::Nested(Routes::default()));
        assert!(matches!(routes.find(Rest::of("/a/b")), Some((Route::Nothing, Rest("/b")))));
        assert!(matches!(routes.find(Rest::of("/b/a")), Some((Route::Nested(_), Rest("/b/a")))));
        assert!(matches!(routes.find(Rest::of("/")), Some((Route::Nested(_), Rest("/")))));
    }
}
