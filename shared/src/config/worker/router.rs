//! Router workers: they route WAMP and serve what listens.

use super::super::decode::*;
use super::super::diagnostic::Path;
use super::super::endpoint::ConnectingEndpoint;
use super::super::transport::Transport;
use super::super::wamp::{Realm, Rlink, RouterComponent};
use super::kind::Works;
use super::{Manhole, NativeOptions};
use serde_json::json;
use std::time::Duration;

object! {
    /// A router worker.
    pub struct Router as "a router worker" {
        /// Its options.
        pub options as "options": NativeOptions = nested(), defaulted;
        /// Its realms.
        pub realms as "realms": Vec<Realm> = list(nested()), default(json!([]), Vec::new());
        /// What it listens on.
        pub transports as "transports": Vec<Transport> = list(nested()), default(json!([]), Vec::new());
        /// Components beside the router.
        pub components as "components": Vec<RouterComponent> = list(nested()), default(json!([]), Vec::new());
        /// A Python shell over SSH.
        pub manhole as "manhole": Option<Manhole> = nested(), optional;
        /// Seconds without a heartbeat after which the process is replaced that routes the realms where `processes` is more
        /// than 1; 0: off. Clients wait meanwhile.
        pub realm_watchdog as "realm_watchdog": Duration = seconds(0.1..=86400.0).or_off(), default(json!(2), Duration::from_secs(2)), for controller;
        /// How many processes the realms are spread over where `processes` is more than 1.
        pub realm_processes as "realm_processes": u16 = int(1..=1024), default(1);
    }
    ignored {
        /// Connections of Crossbar.io's that are nowhere described.
        "connections" = any();
    }
    check Router::check;
}

impl Router {
    /// The links to other routers, each with its place and its realm; `at` is where the worker is.
    pub fn links(&self, at: &Path) -> Vec<(Path, &Realm, &Rlink)> {
        let realms = self.realms.iter().enumerate();
        let links = realms.flat_map(|(index, realm)| {
            let at = at.key("realms").index(index).key("rlinks");
            realm.rlinks.iter().enumerate().map(move |(number, link)| (at.index(number), realm, link))
        });
        links.collect()
    }

    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        let links = self.links(&Path::default());
        let named: Vec<_> = links.iter().map(|(.., link)| &link.id).filter(|id| !id.is_empty()).collect();
        for (number, id) in named.iter().enumerate() {
            if named[..number].contains(id) {
                let message = format!("have two \"rlinks\" with the id {id:?}; each needs one of its own");
                cx.error_at("realms", fields.span_of("realms"), message);
            }
        }
    }
}

impl Works for Router {
    fn options(&self) -> Option<&NativeOptions> {
        Some(&self.options)
    }

    fn transports(&self) -> &[Transport] {
        &self.transports
    }

    fn transports_mut(&mut self) -> &mut [Transport] {
        &mut self.transports
    }

    fn connections(&self, at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        let place = |at: Path| at.key("transport").key("endpoint");
        self.links(at).into_iter().map(|(at, _, link)| (place(at), link.transport.endpoint())).collect()
    }

    fn has_clients_of_wamp(&self) -> bool {
        !self.components.is_empty()
    }

    fn forget_the_rest(&mut self) {
        ReadByProcesses::forget_the_rest(self);
    }
}
