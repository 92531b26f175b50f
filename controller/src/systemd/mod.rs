//! The node as a service of systemd, or of anything that speaks its protocols, as the node does to its guests: sockets
//! that were bound before the node started (sd_listen_fds(3)), what the node says of itself (sd_notify(3)), and the
//! keeping of its sockets while there is no node (systemd.service(5), FileDescriptorStoreMax).

mod manager;

pub(crate) use manager::Manager;

/// What the names of sockets begin with that the node has given to the service manager to keep.
const KEPT: &str = "jackfield-";

/// The name of a socket that the service manager keeps for the node.
pub(crate) fn kept_name(inode: u64) -> String {
    format!("{KEPT}{inode}")
}

/// Whether a socket of this name was the node's own.
pub(crate) fn is_kept(name: &str) -> bool {
    name.strip_prefix(KEPT).is_some_and(|inode| inode.parse::<u64>().is_ok())
}
