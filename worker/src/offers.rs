//! What the transports of this process answer, in words for people: the status page shows it beside each address.

use jackfield_shared::config::{
    Answer, NodeinfoFormat, PathService, Realm, Transport, TransportKind, WebsocketPath, Worker, WorkerKind,
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

    /// Id of the worker.
    pub(crate) fn worker(&self) -> &str {
        &self.worker
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

fn offers(kind: &TransportKind) -> Vec<Offer> {
    let offer = |answer: Answer| Offer { what: answer.what, path: answer.path.as_deref().map(address) };
    kind.kind().answers().into_iter().map(offer).collect()
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
                ("status page", Some("/")),
                ("node information as JSON", Some("/info")),
                ("WAMP over WebSocket", Some("/ws")),
                ("WAMP over RawSocket", None),
            ]
        );
        assert!(offers.get("worker002", "transport001").is_none());
        assert_eq!(offers.trial, Some(Trial { path: "/ws".into(), realm: "realm1".into() }));
    }
}
