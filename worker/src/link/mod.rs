//! The links between processes with clients and those with their realms, over Unix sockets: one for each realm.

mod announce;
mod edge;
mod realm;
mod routed;
mod socket;
mod turns;

pub(crate) use edge::keep_linked;
pub(crate) use realm::RealmProcess;
