//! The start of the node, until it has ended.

use crate::node::Waiting;

/// What is to be done when the start has ended.
#[derive(Debug)]
pub(crate) struct Startup {
    /// Printed on standard output when every worker is ready.
    pub banner: String,
    /// The command that waits for a node which detaches from its terminal.
    pub waiting: Option<Waiting>,
}
