//! RawSocket: WAMP's transport over a plain byte stream.

mod frame;
mod handshake;
mod serve;

pub(crate) use handshake::MAGIC;
pub(crate) use serve::{Error, Terms, refuse, serve};
