//! What the transports of this process answer, in words for people: the status page shows it beside each address.

use jackfield_shared::config::{
    NodeinfoFormat, PathService, RawsocketSection, Realm, Transport, TransportKind, Web, WebsocketPath,
    Worker, WorkerKind,
};
use std::collections::HashMap;

/// One thing that an address answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    /// What it is.
    pub(crate) what: String,
    /// The path it is at, where a browser can go there.
    pub(crate) path: Option<String>,
}

/// The offers of the transports of one worker, by the ids of worker and transport.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    worker: String,
    transports: HashMap<String, Vec<Offer>>,
    /// Where a page can try WAMP.
    pub(crate) trial: Option<Trial>,
}

/// A place where anybody may speak WAMP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    /// The path of the transport that serves the status page, too.
    pub(crate) path: String,
    /// A realm that lets everybody in.
    pub(crate) realm: String,
}

impl Offers {
    pub(crate) fn of(worker: &Worker) -> Self {
        let offers = |transport: &Transport| (transport.id.clone(), offers(&transport.kind));
        Self {
            worker: worker.id.clone(),
            transports: worker.transports().iter().map(offers).collect(),
            trial: trial(worker),
        }
    }

    /// What a transport offers; `None` where that is another worker's business.
    pub(crate) fn get(&self, worker: &str, transport: &str) -> Option<&[Offer]> {
        self.transports.get(transport).filter(|_| worker == self.worker).map(Vec::as_slice)
    }
}

/// A WebSocket path of WAMP beside the status page, and a realm, both without authentication.
fn trial(worker: &Worker) -> Option<Trial> {
    let WorkerKind::Router(router) = &worker.kind else { return None };
    let has_role = |realm: &&Realm| realm.roles.iter().any(|role| role.name.as_deref() == Some("anonymous"));
    let realm = router.realms.iter().find(has_role)?.name.clone()?;
    router.transports.iter().find_map(|transport| {
        let TransportKind::Universal(universal) = &transport.kind else { return None };
        let is_page = |service: &PathService| match service {
            PathService::Nodeinfo(config) => config.format != NodeinfoFormat::Json,
            _ => false,
        };
        universal.web.as_ref()?.paths.values().find(|service| is_page(service))?;
        let (path, _) = universal.websocket.as_ref()?.iter().find(|(_, section)| match section {
            WebsocketPath::Websocket(section) => section.auth.is_none(),
            WebsocketPath::WebsocketTestee(_) => false,
        })?;
        Some(Trial { path: address(path), realm: realm.clone() })
    })
}

fn plain(what: impl Into<String>) -> Offer {
    Offer { what: what.into(), path: None }
}

fn offers(kind: &TransportKind) -> Vec<Offer> {
    match kind {
        TransportKind::Universal(universal) => {
            let mut offers = Vec::new();
            match &universal.rawsocket {
                Some(RawsocketSection::RawsocketTestee(_)) => offers.push(plain("RawSocket echo")),
                Some(RawsocketSection::Rawsocket(_)) => offers.push(plain("WAMP over RawSocket")),
                None => {}
            }
            for (path, section) in universal.websocket.iter().flatten() {
                let what = match section {
                    WebsocketPath::WebsocketTestee(_) => "WebSocket echo",
                    WebsocketPath::Websocket(_) => "WAMP over WebSocket",
                };
                offers.push(Offer { what: what.into(), path: Some(address(path)) });
            }
            universal.web.iter().for_each(|web| add_web(web, &mut offers));
            offers
        }
        TransportKind::Web(web) => {
            let mut offers = Vec::new();
            add_web(web, &mut offers);
            offers
        }
        other => vec![plain(other.kind().label())],
    }
}

fn add_web(web: &Web, offers: &mut Vec<Offer>) {
    for (path, service) in &web.paths {
        let what = match service {
            PathService::Static(_) => "files",
            PathService::Json(_) => "JSON",
            PathService::Redirect(_) => "redirect",
            PathService::Nodeinfo(config) if config.format == NodeinfoFormat::Json => {
                "node information as JSON"
            }
            PathService::Nodeinfo(_) => "status page",
            PathService::Path(_) => "more paths",
            PathService::WebsocketTestee(_) => "WebSocket echo",
            PathService::Websocket(_) => "WAMP over WebSocket",
            PathService::Cgi(_) => "scripts",
            PathService::Archive(_) => "files of an archive",
            PathService::Upload(_) => "file upload",
            PathService::Reverseproxy(_) => "another web server",
            PathService::WebsocketReverseproxy(_) => "WebSocket of another server",
            PathService::None(_) => continue,
            _ => "web service",
        };
        offers.push(Offer { what: what.into(), path: Some(address(path)) });
    }
}

fn address(key: &str) -> String {
    if key == "/" { "/".into() } else { format!("/{}", key.trim_end()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::{Format, builtin, parse};
    use std::path::Path;

    #[test]
    fn the_built_in_node_says_what_it_answers() {
        let node = parse(builtin(), Format::Json, "built-in", Path::new("/"), &|_| None).node.unwrap();
        let offers = Offers::of(&node.workers[0]);
        let found: Vec<_> = offers
            .get("worker001", "transport001")
            .unwrap()
            .iter()
            .map(|o| (o.what.as_str(), o.path.as_deref()))
            .collect();
        assert_eq!(
            found,
            [
                ("WAMP over RawSocket", None),
                ("WAMP over WebSocket", Some("/ws")),
                ("status page", Some("/")),
                ("node information as JSON", Some("/info"))
            ]
        );
        assert!(offers.get("worker002", "transport001").is_none());
        assert_eq!(offers.trial, Some(Trial { path: "/ws".into(), realm: "realm1".into() }));
    }
}
