//! How long clients wait for authenticators that may still start.

use jackfield_shared::config::{Node, Worker, WorkerKind};
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
