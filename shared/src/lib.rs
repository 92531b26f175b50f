//! What the controller and its workers have in common: the configuration and endpoint types with their
//! validation, the IPC between the processes, and the words (log records, states, status) they exchange on it.
//!
//! Nothing in this crate does I/O beyond reading a configuration, the first line of a script, options of sockets, and
//! moving IPC frames.

pub mod backoff;
pub mod config;
pub mod congestion;
pub mod drain;
pub mod exec_error;
pub mod ipc;
pub mod links;
pub mod log;
mod named;
pub mod secrecy;
pub mod short_path;
pub mod stage;
pub mod status;
pub mod tls;
