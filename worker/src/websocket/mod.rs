//! WebSocket (RFC 6455): the server's side of the handshake, the frames, and the echo of `websocket.testee`.
//!
//! The protocol is our own code, not a library's: the options of Crossbar.io reach into every frame (masking
//! rules, limits, close behaviour), and routing will send one encoded event to many subscribers.

mod client;
mod decode;
mod deflate;
mod encode;
mod extension;
mod frame;
mod fuzzing;
mod handshake;
mod relay;
mod serve;
mod session;
mod side;
mod utf8;

pub(crate) use client::new_key;
pub(crate) use client::{Backend, BackendError};
pub(crate) use extension::Agreement;
pub(crate) use fuzzing::fuzz;
pub(crate) use handshake::{Refusal, accept_key, external, handshake, is_extended_connect, versions};
pub(crate) use relay::{End, relay};
pub(crate) use serve::{Terms, serve, speak};
