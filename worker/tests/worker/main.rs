//! A worker process as a thread, driven over its IPC socket and spoken to over loopback.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that panics says so

mod driver;
mod http;
mod life;
mod limits;
mod nodeinfo;
mod relay;
mod tickets;
mod universal;
