//! What concerns a worker of the node around it.

use jackfield_shared::config::{Node, WorkerKind};
use std::collections::BTreeSet;
use std::iter;

/// What concerns a worker of the node around it.
#[derive(Debug, Default)]
pub(crate) struct Around {
    /// The procedures that decide what sessions may do.
    pub(super) authorizers: BTreeSet<String>,
    /// The workers' ids.
    pub(super) ids: BTreeSet<String>,
}

impl Around {
    /// What there is in this node.
    pub(crate) fn of(node: &Node) -> Self {
        let routers = node.workers.iter().filter_map(|worker| match &worker.kind {
            WorkerKind::Router(router) if !worker.disabled() => Some(router),
            _ => None,
        });
        let roles = routers.flat_map(|router| &router.realms).flat_map(|realm| &realm.roles);
        Self {
            authorizers: roles.filter_map(|role| role.authorizer.clone()).collect(),
            ids: node.workers.iter().map(|worker| worker.id.clone()).collect(),
        }
    }

    /// The id of the host beside a router: one that nobody has.
    pub(super) fn id_beside(&self, router: &str) -> String {
        let plain = format!("{router}-python");
        let numbered = (2..).map(|number| format!("{plain}{number}"));
        iter::once(plain.clone()).chain(numbered).find(|id| !self.ids.contains(id)).unwrap_or_default()
    }
}
