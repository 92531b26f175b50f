//! What all connections of the process share.

use crate::controller::Controller;
use crate::launcher::Launcher;
use crate::net::backlog::Scratch;
use crate::net::budget::Budget;
use crate::net::chain::Chains;
use crate::offers::Offers;
use crate::siblings::Siblings;
use crate::tls::Challenges;
use std::rc::Rc;

/// Shared by everything that serves; lives as long as the process serves.
pub(crate) struct Context {
    /// What the transports of this process answer.
    pub(crate) offers: Offers,
    /// Who knows of the other processes.
    pub(crate) controller: Rc<Controller>,
    /// The buffer everybody reads into.
    pub(crate) scratch: Rc<Scratch>,
    /// Bounds what is kept of messages.
    pub(crate) budget: Rc<Budget>,
    /// Which connections of its own come through which relays.
    pub(crate) chains: Chains,
    /// What ACME directories get to see.
    pub(crate) challenges: Rc<Challenges>,
    /// Processes that may have what a client asks for.
    pub(crate) siblings: Rc<Siblings>,
    /// Starts programs, where a service needs some.
    pub(crate) launcher: Option<Rc<Launcher>>,
}
