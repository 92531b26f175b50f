//! Configuration and endpoint types, their validation, and the IPC between controller and workers.

pub mod config;
