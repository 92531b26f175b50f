//! The control socket, by which `jackfield status`, `worker`, `logs` and `stop` speak to the running node:
//! one JSON object a line, a request from the client, then responses until the controller closes.

mod address;
mod client;
mod filter;
mod frame;
mod peer;
mod protocol;
mod server;

pub(crate) use address::{Address, SOCKET};
pub(crate) use client::{Client, ConnectError};
pub(crate) use filter::Filter;
pub(crate) use peer::Peer;
pub(crate) use protocol::{Action, Envelope, Request, Response, VERSION};
pub(crate) use server::{Call, QUEUE, Server, go_on_answering};
