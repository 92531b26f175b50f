//! Valid features whose effect this release does not have. `check` warns of them, `start` refuses them: nothing is
//! ever silently without effect. This list shrinks.

use super::diagnostic::{Path, Severity};
use super::node::Node;

/// What there is to say about `node` for that reason.
pub(super) fn remarks(node: &Node) -> Vec<(Severity, Path, String)> {
    let _ = node;
    Vec::new()
}
