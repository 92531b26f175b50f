//! What of other workers concerns one: the procedures that decide for routers, and how long their clients wait for those that may
//! still start.

use jackfield_shared::config::{Node, Worker, WorkerKind};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long, if the configuration does not say it.
pub(super) const AUTHENTICATOR_WAIT: Duration = Duration::from_secs(10);

/// Lets the realms of a router wait for authenticators, if something in the node may bring them.
pub(crate) fn wait_for_authenticators(worker: &mut Worker, node: &Node) {
    let WorkerKind::Router(router) = &mut worker.kind else { return };
    if node.workers.iter().any(|other| !other.disabled() && other.kind.kind().has_clients_of_wamp()) {
        for realm in &mut router.realms {
            realm.options.authenticator_wait.get_or_insert(AUTHENTICATOR_WAIT);
        }
    }
}

/// The procedures that decide what sessions of this node may do.
pub(crate) fn authorizers(node: &Node) -> Vec<String> {
    let routers = node.workers.iter().filter_map(|worker| match &worker.kind {
        WorkerKind::Router(router) if !worker.disabled() => Some(router),
        _ => None,
    });
    let roles = routers.flat_map(|router| &router.realms).flat_map(|realm| &realm.roles);
    let named: BTreeSet<_> = roles.filter_map(|role| role.authorizer.clone()).collect();
    named.into_iter().collect()
}
