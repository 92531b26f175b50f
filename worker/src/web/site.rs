//! Everything that one transport serves over HTTP.

use super::engine::answer::{Answer, not_found};
use super::engine::client::Client;
use super::engine::connection;
use super::engine::local_redirect::{self, LocalRedirect};
use super::engine::path::Rest;
use super::engine::received::Asked;
use super::services::{self, Answering, Routes, Service, Websocket};
use crate::connect::Means;
use crate::websocket;
use hyper::header::{HeaderValue, STRICT_TRANSPORT_SECURITY, UPGRADE};
use jackfield_shared::config::{Web, WebOptions};
use jackfield_shared::drain::Drain;
use jackfield_shared::tls::Files;
use std::rc::Rc;

/// The WebSocket paths and web services of a transport.
#[derive(Debug)]
pub(crate) struct Site {
    websocket: Routes,
    web: Routes,
    pub(crate) options: Rc<WebOptions>,
    hsts: Option<HeaderValue>,
}

impl Site {
    /// Prepares WebSocket paths, each with its configuration, and web services.
    pub(crate) fn new<'a>(
        websocket: impl IntoIterator<Item = (&'a str, Websocket)>,
        web: Option<&Web>,
        means: Means<'_>,
    ) -> Result<Rc<Self>, String> {
        let mut routes = Routes::default();
        for (path, websocket) in websocket {
            routes.insert(path, Box::new(Rc::new(websocket)));
        }
        let options = web.map_or_else(WebOptions::default, |web| web.options.clone());
        let hsts = format!("max-age={}", options.hsts_max_age);
        let hsts =
            options.hsts.then(|| HeaderValue::from_str(&hsts)).transpose().map_err(|e| e.to_string())?;
        let web = web.map_or_else(|| Ok(Routes::default()), |web| services::routes(&web.paths, means))?;
        Ok(Rc::new(Self { websocket: routes, web, options: Rc::new(options), hsts }))
    }

    /// Takes the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        self.web.renew(files)
    }

    /// Begins what goes on beside the requests, until draining begins.
    pub(crate) fn begin(&self, drain: &Drain) {
        self.web.begin(drain);
    }

    async fn answer_at_path(&self, request: &mut Asked, client: &Rc<Client>) -> Answer {
        let path = request.uri().path().to_owned();
        let upgrade = request.headers().contains_key(UPGRADE) || websocket::is_extended_connect(request);
        match self.find(Rest::of(&path), upgrade) {
            Some((service, rest)) => match service.answer(request, rest, client) {
                Answering::Ready(answer) => answer,
                Answering::Later(answer) => answer.await,
            },
            None => not_found(request.headers()),
        }
    }

    /// WebSocket paths first, then web paths, then what serves the rest: of both kinds, the one that fits the
    /// request.
    fn find<'a>(&self, path: Rest<'a>, upgrade: bool) -> Option<(&dyn Service, Rest<'a>)> {
        if let Some(found) = self.websocket.named(path).or_else(|| self.web.named(path)) {
            return Some(found);
        }
        let service = match (self.websocket.others(), self.web.others()) {
            (Some(websocket), Some(web)) => {
                if upgrade {
                    websocket
                } else {
                    web
                }
            }
            (websocket, web) => websocket.or(web)?,
        };
        Some((service, path))
    }
}

impl connection::Site for Site {
    async fn answer(&self, request: &mut Asked, client: &Rc<Client>) -> Answer {
        let mut answer = self.answer_at_path(request, client).await;
        let (mut followed, mut count) = (None, 0);
        while let Some(redirect) = LocalRedirect::of(&mut answer) {
            let from = followed.as_ref().unwrap_or(request);
            let Some(next) = redirect.follow(from).filter(|_| count < local_redirect::MOST) else {
                answer = redirect.leads_nowhere(from.headers());
                break;
            };
            count += 1;
            answer = self.answer_at_path(followed.insert(next), client).await;
        }
        // RFC 6797, section 7.2: only over TLS.
        if let Some(hsts) = self.hsts.as_ref().filter(|_| client.is_secure()) {
            answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::{NoService, PathService, WebsocketTestee};

    #[test]
    fn websocket_paths_come_before_web_paths() {
        let testee = WebsocketTestee { url: None, debug: false, options: Default::default() };
        let paths = ["/", "a", "b"].map(|path| (path.to_owned(), PathService::None(NoService {})));
        let web = Web { paths: paths.into(), options: WebOptions::default() };
        let echo = || Websocket::echo(&testee);
        let site =
            Site::new([("/", echo()), ("a", echo())], Some(&web), Means::of(&Files::default())).unwrap();
        let is_testee = |found: Option<(&dyn Service, Rest<'_>)>| {
            found.is_some_and(|(service, _)| format!("{service:?}").starts_with("Websocket"))
        };
        let is_websocket = |path, upgrade| is_testee(site.find(Rest::of(path), upgrade));
        assert!(is_websocket("/a/x", false));
        assert!(!is_websocket("/b", true));
        assert!(is_websocket("/c", true));
        assert!(!is_websocket("/c", false));
        let only = Site::new([("/", echo())], None, Means::of(&Files::default())).unwrap();
        assert!(is_testee(only.find(Rest::of("/"), false)));
    }
}
