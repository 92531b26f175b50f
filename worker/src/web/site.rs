//! Everything that one transport serves over HTTP.

use super::engine::answer::{Answer, TEXT, content, not_found};
use super::engine::client::Client;
use super::engine::local_redirect::{self, LocalRedirect};
use super::engine::path::Rest;
use super::engine::received::Asked;
use super::engine::request::host;
use super::engine::respond;
use super::engine::tally::Tally;
use super::hosts::{Hosts, Place};
use super::rules::Rules;
use super::services::{self, Answering, Found, Routes, Websocket};
use crate::connect::Means;
use crate::websocket;
use hyper::header::{HeaderValue, STRICT_TRANSPORT_SECURITY, UPGRADE};
use jackfield_shared::config::{Web, WebOptions};
use jackfield_shared::drain::Drain;
use jackfield_shared::status::{Backend, Web as WebCounters};
use jackfield_shared::tls::Files;
use std::rc::Rc;

/// The WebSocket paths and web services of a transport.
#[derive(Debug)]
pub(crate) struct Site {
    websocket: Routes,
    others: Place,
    hosts: Hosts,
    /// Counts what comes to none of them.
    unrouted: Rc<Tally>,
    pub(crate) options: Rc<WebOptions>,
    hsts: Option<HeaderValue>,
}

impl Site {
    /// Prepares WebSocket paths, each with its type and what serves it, and web services.
    pub(crate) fn new<'a>(
        websocket: impl IntoIterator<Item = (&'a str, &'static str, Websocket)>,
        web: Option<&Web>,
        means: Means<'_>,
    ) -> Result<Rc<Self>, String> {
        let mut routes = Routes::default();
        for (path, name, websocket) in websocket {
            routes.insert("", path, name, Box::new(Rc::new(websocket)));
        }
        let options = web.map_or_else(WebOptions::default, |web| web.options.clone());
        let hsts = format!("max-age={}", options.hsts_max_age);
        let hsts =
            options.hsts.then(|| HeaderValue::from_str(&hsts)).transpose().map_err(|e| e.to_string())?;
        let (mut others, mut hosts) = (Place::default(), Hosts::default());
        for (host, paths, rules) in web.into_iter().flat_map(Web::sites) {
            let place = services::routes(host, paths, means)
                .and_then(|routes| Ok(Place { routes, rules: Rules::new(rules, means)? }));
            if host.is_empty() {
                others = place?;
            } else {
                hosts.insert(host, place.map_err(|e| format!("host \"{host}\": {e}"))?);
            }
        }
        let unrouted = Tally::new("", "", "");
        Ok(Rc::new(Self { websocket: routes, others, hosts, unrouted, options: Rc::new(options), hsts }))
    }

    /// What all hosts serve.
    fn all(&self) -> impl Iterator<Item = &Place> {
        std::iter::once(&self.others).chain(self.hosts.all())
    }

    /// Takes the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        self.all().try_for_each(|place| {
            place.rules.as_ref().map_or(Ok(()), |rules| rules.renew(files))?;
            place.routes.renew(files)
        })
    }

    /// What was counted at each path, if it is more than when this was asked last.
    pub(crate) fn news(&self) -> Vec<WebCounters> {
        let mut news: Vec<_> = self.unrouted.news().into_iter().collect();
        news.extend(self.websocket.news());
        news.extend(self.all().flat_map(|place| place.routes.news()));
        news
    }

    /// The backends of each path, as they are.
    pub(crate) fn backends(&self) -> Vec<Backend> {
        self.all().flat_map(|place| place.routes.backends()).collect()
    }

    /// Begins what goes on beside the requests, until draining begins.
    pub(crate) fn begin(&self, drain: &Drain) {
        self.all().for_each(|place| place.routes.begin(drain));
    }

    async fn answer_at_path(&self, request: &mut Asked, client: &Rc<Client>) -> (Answer, &Rc<Tally>) {
        let path = request.uri().path().to_owned();
        // Before all rules: a directory asks from anywhere, and knows no password.
        let token = path.strip_prefix("/.well-known/acme-challenge/");
        if let Some(answer) = token.and_then(|token| client.context.challenges.by_http(token)) {
            return (content(TEXT, answer), &self.unrouted);
        }
        let host = if self.hosts.is_empty() { None } else { self.hosts.find(host(request)) };
        let place = host.unwrap_or(&self.others);
        let Some(rule) = place.rules.as_ref().and_then(|rules| rules.find(&path)) else {
            return self.serve(place, &path, request, client).await;
        };
        // Boxed, so that requests of paths without rules don't hold its room.
        Box::pin(async {
            let (refused, afterwards) = rule.before(request, client).await;
            let (mut answer, tally) = match refused {
                Some(refused) => (refused, self.tally(place, &path, request)),
                None => self.serve(place, &path, request, client).await,
            };
            rule.after(&mut answer, afterwards);
            (answer, tally)
        })
        .await
    }

    async fn serve<'s>(
        &'s self,
        place: &'s Place,
        path: &str,
        request: &mut Asked,
        client: &Rc<Client>,
    ) -> (Answer, &'s Rc<Tally>) {
        let Some(Found { leaf, rest, .. }) =
            self.find(&place.routes, Rest::of(path), wants_websocket(request))
        else {
            return (not_found(request.headers()), &self.unrouted);
        };
        let answer = match leaf.service.answer(request, rest, client) {
            Answering::Ready(answer) => answer,
            Answering::Later(answer) => answer.await,
        };
        (answer, &leaf.tally)
    }

    /// Where a request is counted that comes to no service.
    fn tally<'s>(&'s self, place: &'s Place, path: &str, request: &Asked) -> &'s Rc<Tally> {
        let found = self.find(&place.routes, Rest::of(path), wants_websocket(request));
        found.map_or(&self.unrouted, |found| &found.leaf.tally)
    }

    /// The longest path counts. Of two of the same length, that of WebSocket comes first; of two that serve the rest, the
    /// one that fits the request.
    fn find<'r, 'a>(&'r self, web: &'r Routes, path: Rest<'a>, upgrade: bool) -> Option<Found<'r, 'a>> {
        match (self.websocket.find(path), web.find(path)) {
            (Some(websocket), Some(web)) if websocket.depth == web.depth => {
                Some(if websocket.depth > 0 || upgrade { websocket } else { web })
            }
            (Some(websocket), Some(web)) => Some(if websocket.depth > web.depth { websocket } else { web }),
            (websocket, web) => websocket.or(web),
        }
    }
}

/// Whether a request wants to become a WebSocket.
fn wants_websocket(request: &Asked) -> bool {
    request.headers().contains_key(UPGRADE) || websocket::is_extended_connect(request)
}

impl respond::Site for Site {
    async fn answer(&self, request: &mut Asked, client: &Rc<Client>) -> (Answer, Rc<Tally>) {
        let (mut answer, mut tally) = self.answer_at_path(request, client).await;
        let (mut followed, mut count) = (None, 0);
        while let Some(redirect) = LocalRedirect::of(&mut answer) {
            let from = followed.as_ref().unwrap_or(request);
            let Some(next) = redirect.follow(from).filter(|_| count < local_redirect::MOST) else {
                answer = redirect.leads_nowhere(from.headers());
                break;
            };
            count += 1;
            (answer, tally) = self.answer_at_path(followed.insert(next), client).await;
        }
        // RFC 6797, section 7.2: only over TLS.
        if let Some(hsts) = self.hsts.as_ref().filter(|_| client.is_secure()) {
            answer.headers_mut().insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        (answer, Rc::clone(tally))
    }

    fn unrouted(&self) -> Rc<Tally> {
        Rc::clone(&self.unrouted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::{NoService, PathService, WebsocketTestee};

    #[test]
    fn websocket_paths_come_before_web_paths() {
        let testee = WebsocketTestee { url: None, debug: false, options: Default::default() };
        let paths = ["/", "a", "b", "a/c"].map(|path| (path.to_owned(), PathService::None(NoService {})));
        let web = Web {
            paths: paths.into(),
            hosts: Default::default(),
            rules: Default::default(),
            options: WebOptions::default(),
        };
        let echo = || Websocket::echo(&testee);
        let site =
            Site::new([("/", "t", echo()), ("a", "t", echo())], Some(&web), Means::of(&Files::default()))
                .unwrap();
        let is_testee = |found: Option<Found<'_, '_>>| {
            found.is_some_and(|found| format!("{:?}", found.leaf.service).starts_with("Websocket"))
        };
        let is_websocket = |path, upgrade| is_testee(site.find(&site.others.routes, Rest::of(path), upgrade));
        assert!(is_websocket("/a/x", false));
        assert!(!is_websocket("/a/c", true), "the longest path counts");
        assert!(!is_websocket("/b", true));
        assert!(is_websocket("/c", true));
        assert!(!is_websocket("/c", false));
        let only = Site::new([("/", "t", echo())], None, Means::of(&Files::default())).unwrap();
        assert!(is_testee(only.find(&only.others.routes, Rest::of("/"), false)));
    }
}
