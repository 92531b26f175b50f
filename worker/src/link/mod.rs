//! The link between a process with clients and the one with their realms, over a Unix socket.

mod edge;
mod realm;
mod socket;

pub(crate) use edge::keep_linked;
pub(crate) use realm::RealmProcess;
