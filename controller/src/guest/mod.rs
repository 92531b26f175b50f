//! Guests: programs that are not ours. What stands between such a program and the supervisor: a keeper process
//! that answers for everything the program starts, the sockets and the environment it is given by systemd's
//! protocols, and what it says of itself.
//!
//! ```text
//! controller ─► keeper ─► `__exec`, which becomes the program ─► whatever it starts
//! ```

mod find;
mod keeper;
mod notice;
mod notify;
mod ready;
mod watch;

pub(crate) use find::find;
pub(crate) use keeper::run as run_keeper;
pub(crate) use notice::Notice;
pub(crate) use notify::NotifySocket;
pub(crate) use ready::is_ready;
pub(crate) use watch::watch;
