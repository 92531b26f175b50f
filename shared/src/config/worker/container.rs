//! Container workers: they host components.

use super::super::decode::*;
use super::super::diagnostic::Path;
use super::super::endpoint::ConnectingEndpoint;
use super::super::wamp::ContainerComponent;
use super::kind::Works;
use super::{ContainerOptions, Manhole, NativeOptions};
use serde_json::json;

object! {
    /// A container worker.
    pub struct Container as "a container worker" {
        /// Its options.
        pub options as "options": ContainerOptions = nested(), defaulted;
        /// What it hosts.
        pub components as "components": Vec<ContainerComponent> = list(nested()), default(json!([]), Vec::new());
        /// A Python shell over SSH.
        pub manhole as "manhole": Option<Manhole> = nested(), optional;
    }
    ignored {
        /// Connections of Crossbar.io's that are nowhere described.
        "connections" = any();
    }
}

impl Works for Container {
    fn options(&self) -> Option<&NativeOptions> {
        Some(&self.options.native)
    }

    fn connections(&self, at: &Path) -> Vec<(Path, &ConnectingEndpoint)> {
        let at = at.key("components");
        let place = |index| at.index(index).key("transport").key("endpoint");
        let components = self.components.iter().enumerate();
        components.map(|(index, component)| (place(index), component.transport().endpoint())).collect()
    }

    fn has_clients_of_wamp(&self) -> bool {
        true
    }
}
