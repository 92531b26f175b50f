//! RawSocket: WAMP's transport over a plain byte stream.

mod frame;
mod handshake;
mod testee;

pub(crate) use handshake::MAGIC;
pub(crate) use testee::{Error, echo, refuse};
