//! Connections of HTTP, from the socket to the request and from the answer to the socket. It knows no service.

pub(super) mod accept;
mod access;
pub(super) mod answer;
pub(super) mod body;
mod chunked;
pub(super) mod client;
mod clock;
pub(super) mod connection;
mod encode;
pub(super) mod file;
mod frames;
mod fuzzing;
mod head;
pub(super) mod hop_by_hop;
pub(super) mod local_redirect;
mod one;
mod out;
pub(super) mod pages;
pub(super) mod path;
pub(super) mod received;
pub(super) mod refusal;
pub(super) mod request;
pub(super) mod request_id;
pub(super) mod respond;
mod sendfile;
mod streams;
pub(super) mod tally;
pub(super) mod upgrade;
mod watched;
mod wire;

#[cfg(test)]
mod hostile;

pub(crate) use fuzzing::fuzz;
