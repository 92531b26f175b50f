//! Router workers: they route WAMP and serve what listens.

use super::super::decode::*;
use super::super::transport::Transport;
use super::super::wamp::{Realm, RouterComponent};
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

    fn has_clients_of_wamp(&self) -> bool {
        !self.components.is_empty()
    }

    fn forget_the_rest(&mut self) {
        ReadByProcesses::forget_the_rest(self);
    }
}
