//! What connections with other routers are made with.

use crate::connect::Means;
use crate::net::backlog::Scratch;
use crate::net::budget::Budget;
use jackfield_shared::ipc::{NodeInfo, NodeKey};
use std::rc::Rc;

/// What connections with other routers are made with.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) node: &'a NodeInfo,
    /// By which the node proves who it is.
    pub(crate) key: Option<&'a NodeKey>,
    pub(crate) means: Means<'a>,
    pub(crate) scratch: &'a Rc<Scratch>,
    pub(crate) budget: &'a Rc<Budget>,
}
