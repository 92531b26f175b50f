//! The whole node.

use std::path::Path as FsPath;

use serde_json::json;

use super::controller::Controller;
use super::decode::*;
use super::include::{including, names};
use super::source::{Kind, Value};
use super::worker::{Worker, WorkerKind};

object! {
    /// A node: a controller and its workers.
    pub struct Node as "a node configuration" {
        /// The controller.
        pub controller as "controller": Controller = nested(), defaulted;
        /// The workers.
        pub workers as "workers": Vec<Worker> = including(list(nested())), default(json!([]), Vec::new());
    }
    silent {
        /// The version of the format: 2.
        "version" = version();
        /// Where an editor finds the schema.
        "$schema" = any();
        /// More files with workers, and perhaps the controller: one, those of a directory, or those that a pattern with `*` and `?`
        /// fits, relative to the node directory. Also in `hosts` and `paths`, and as `include: …` alone in the lists `workers`,
        /// `transports`, `realms` and `roles`.
        "include" = names();
    }
}

struct Version;

fn version() -> Version {
    Version
}

impl Rule for Version {
    type Out = ();

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<()> {
        let substituted = cx.substituted(value)?;
        match &substituted.kind {
            Kind::Int(2) => return Some(()),
            Kind::Float(version) if *version == 2.0 => return Some(()),
            Kind::String(version) if matches!(substituted, std::borrow::Cow::Owned(_)) && version == "2" => {
                return Some(());
            }
            Kind::Int(1) => cx.error(
                value.span,
                "found 1, expected 2; version 1 is an old format, which `crossbar upgrade` converts",
            ),
            _ => cx.error(value.span, format!("found {}, expected 2", cx.describe(&substituted))),
        }
        None
    }

    fn expected(&self) -> String {
        "2".into()
    }

    fn schema(&self, _: &mut Defs) -> serde_json::Value {
        json!({"anyOf": [{"const": 2}, {"type": "string", "pattern": "^\\$\\{.+\\}$"}]})
    }
}

impl Node {
    /// Gives every worker and transport without an id the one Crossbar.io gives it: `worker001`, `transport001`;
    /// and every transport the limits of its endpoint.
    pub(super) fn settle(&mut self, node_dir: &FsPath) {
        let mut next = 0;
        let taken: Vec<String> = self.workers.iter().map(|worker| worker.id.clone()).collect();
        for worker in &mut self.workers {
            name(&mut worker.id, "worker", &mut next, &taken);
            if let WorkerKind::Proxy(proxy) = &mut worker.kind {
                proxy.connections.values_mut().for_each(|connection| connection.transport.settle());
            }
            if let WorkerKind::Router(router) = &mut worker.kind {
                // Crossbar.io counts those of each realm; here the realms of a worker have them together.
                for (number, link) in router.realms.iter_mut().flat_map(|realm| &mut realm.rlinks).enumerate()
                {
                    if link.id.is_empty() {
                        link.id = format!("rlink{number:03}");
                    }
                    link.transport.settle();
                }
            }
            let transports = worker.kind.kind_mut().transports_mut();
            let taken: Vec<String> = transports.iter().map(|transport| transport.id.clone()).collect();
            let mut next = 0;
            for transport in transports {
                name(&mut transport.id, "transport", &mut next, &taken);
                transport.settle(node_dir);
            }
        }
    }
}

/// The next number counts those without an id, and passes over what is taken.
fn name(id: &mut String, prefix: &str, next: &mut u32, taken: &[String]) {
    while id.is_empty() {
        *next += 1;
        let candidate = format!("{prefix}{next:03}");
        if !taken.contains(&candidate) {
            *id = candidate;
        }
    }
}
