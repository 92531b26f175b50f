//! Router workers: they route WAMP and serve what listens.

use super::super::decode::*;
use super::super::diagnostic::Path;
use super::super::endpoint::ConnectingEndpoint;
use super::super::include::including;
use super::super::transport::Transport;
use super::super::wamp::{Realm, Rlink, RouterComponent};
use super::kind::Works;
use super::{Manhole, NativeOptions, Processes};
use serde_json::json;
use std::time::Duration;

object! {
    /// A router worker.
    pub struct Router as "a router worker" {
        /// Its options.
        pub options as "options": NativeOptions = nested(), defaulted;
        /// Its realms.
        pub realms as "realms": Vec<Realm> = including(list(nested())), default(json!([]), Vec::new());
        /// What it listens on.
        pub transports as "transports": Vec<Transport> = including(list(nested())), default(json!([]), Vec::new());
        /// Components beside the router.
        pub components as "components": Vec<RouterComponent> = list(nested()), default(json!([]), Vec::new());
        /// A Python shell over SSH.
        pub manhole as "manhole": Option<Manhole> = nested(), optional;
        /// Seconds without a heartbeat after which the process is replaced that routes the realms where `processes` is more
        /// than 1; 0: off. Clients wait meanwhile.
        pub realm_watchdog as "realm_watchdog": Duration = seconds(0.1..=86400.0).or_off(), default(json!(2), Duration::from_secs(2)), for controller;
        /// What the processes of a router keep for each other, and wait for, where `processes` is more than 1.
        pub realm_link as "realm_link": RealmLink = nested(), defaulted;
        /// How many processes the realms are spread over where `processes` is more than 1: in the order of the configuration they
        /// take turns, so that the first realm and that after so many others are in the first process.
        pub realm_processes as "realm_processes": u16 = int(1..=1024), default(1);
    }
    ignored {
        /// Connections of Crossbar.io's that are nowhere described.
        "connections" = any();
    }
    check Router::check;
}

object! {
    /// The links between the processes with clients and the one that routes the realms.
    pub struct RealmLink as "the links between a router's processes" {
        /// Seconds that each process has at a takeover to say what its sessions have; who has not is replaced. A process that drains
        /// waits as long for what its clients have said last to be routed.
        pub takeover_timeout as "takeover_timeout": Duration = seconds(0.1..=600.0), default(json!(2), Duration::from_secs(2));
        /// Seconds for which a process may take nothing of what its realms have for it; then it is replaced.
        pub send_timeout as "send_timeout": Duration = seconds(0.1..=600.0), default(json!(5), Duration::from_secs(5));
        /// Bytes of a realm that may wait for a process with clients; with more it is replaced. From a quarter on, nothing more is
        /// done in the realm until it has taken some.
        pub max_queue_size as "max_queue_size": u64 = int(1_048_576..=1_099_511_627_776), default(268435456);
        /// Bytes of what its clients in a realm have said that a process keeps until it is routed; with more none of them is read.
        pub max_unsettled_size as "max_unsettled_size": u64 = int(65_536..=1_099_511_627_776), default(67108864);
    }
    absent default;
}

impl Router {
    /// Number of the processes that its realms are spread over where these are apart from its clients: as many as it is to
    /// have, and no more than there are realms.
    #[must_use]
    pub fn realm_processes(&self) -> usize {
        usize::from(self.realm_processes).min(self.realms.len())
    }

    /// The realms of one of these processes, the first of which is 0. A realm that is added behind the others moves none of them.
    pub fn realms_of(&self, process: usize) -> impl Iterator<Item = &Realm> {
        self.realms.iter().skip(process).step_by(self.realm_processes().max(1))
    }

    /// Whether realms are spread over processes that there are.
    pub(super) fn check_spread(&self, processes: Processes, fields: &Fields<'_>, cx: &mut Context<'_>) {
        let (key, wanted, realms) = ("realm_processes", usize::from(self.realm_processes), self.realms.len());
        if wanted > 1 && processes == Processes::Count(1) {
            let message = format!(
                "found {wanted}, expected 1: one process has the clients and all realms of this worker; to spread the realms \
                 write \"processes\": 2 or more, too"
            );
            cx.error_at(key, fields.span_of(key), message);
        } else if wanted > realms.max(1) {
            let message =
                format!("found {wanted}, and {realms} realms: there will be as many processes as realms");
            cx.warn_at(key, fields.span_of(key), message);
        }
    }

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
