//! What all connections of the process share.

use crate::controller::Controller;
use crate::net::backlog::Scratch;
use jackfield_shared::ipc::NodeInfo;
use std::rc::Rc;

/// Shared by everything that serves; lives as long as the process serves.
pub(crate) struct Context {
    /// The node the process belongs to.
    pub(crate) node: NodeInfo,
    /// Who knows of the other processes.
    pub(crate) controller: Rc<Controller>,
    /// The buffer everybody reads into.
    pub(crate) scratch: Scratch,
}
