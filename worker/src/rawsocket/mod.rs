//! RawSocket: WAMP's transport over a plain byte stream.

mod frame;
mod fuzzing;
mod handshake;
mod serve;
mod service;

pub(crate) use fuzzing::fuzz;
pub(crate) use handshake::{MAGIC, Reply};
pub(crate) use serve::{Agreed, Error, exchange, refuse};
pub(crate) use service::Service;
