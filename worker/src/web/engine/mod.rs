//! Connections of HTTP, from the socket to the request and from the answer to the socket. It knows no service.

pub(super) mod accept;
mod access;
pub(super) mod answer;
pub(super) mod body;
pub(super) mod client;
mod clock;
pub(super) mod connection;
pub(super) mod file;
mod frames;
mod fuzzing;
pub(super) mod hop_by_hop;
pub(super) mod local_redirect;
pub(super) mod pages;
pub(super) mod path;
pub(super) mod received;
pub(super) mod refusal;
pub(super) mod request;
pub(super) mod request_id;
mod sendfile;
mod streams;
pub(super) mod tally;
pub(super) mod upgrade;
mod watched;

pub(crate) use fuzzing::fuzz;
