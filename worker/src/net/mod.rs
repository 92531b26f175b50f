//! Connections and the sockets they come from.

pub(crate) mod accept;
pub(crate) mod access;
pub(crate) mod backlog;
pub(crate) mod budget;
pub(crate) mod chain;
pub(crate) mod close;
pub(crate) mod connection;
pub(crate) mod executor;
pub(crate) mod facts;
pub(crate) mod idle;
pub(crate) mod listener;
pub(crate) mod names;
pub(crate) mod patience;
pub(crate) mod per_client;
pub(crate) mod ping;
pub(crate) mod pipes;
pub(crate) mod prefixed;
pub(crate) mod pressure;
pub(crate) mod proxy_protocol;
pub(crate) mod pump;
pub(crate) mod stream;
mod turns;
