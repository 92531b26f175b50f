//! The links between a process with clients and the one with their realms, over a Unix socket: one for each realm.

mod edge;
mod realm;
mod routed;
mod socket;
mod turns;

pub(crate) use edge::keep_linked;
pub(crate) use realm::RealmProcess;
