//! Calls, events and sessions of WAMP, and what others have in common with it: NATS, Redis, MQTT, and a program that only
//! receives and sends the same bytes.

mod framing;
pub(crate) mod hub;
mod protocol;
mod work;

use crate::Outcome;
use clap::{Args, ValueEnum};
use protocol::Protocol;
use std::net::SocketAddr;

/// A load of messages.
#[derive(Clone, Debug, Args)]
pub(crate) struct WampArgs {
    /// Where the server is
    #[arg(long)]
    pub(crate) to: SocketAddr,
    /// What is spoken
    #[arg(long, value_enum)]
    pub(crate) protocol: Protocol,
    /// What is done
    #[arg(long, value_enum)]
    pub(crate) work: Work,
    /// How many are under way at a time
    #[arg(long, default_value_t = 1)]
    pub(crate) window: u64,
    /// Who gets each event
    #[arg(long, default_value_t = 1)]
    pub(crate) receivers: u64,
    /// Bytes of a payload
    #[arg(long, default_value_t = 100)]
    pub(crate) payload: usize,
    /// How many calls, events or sessions
    #[arg(long)]
    pub(crate) count: u64,
    /// Seconds, at most
    #[arg(long, default_value_t = 10.0)]
    pub(crate) limit: f64,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Work {
    /// A call with its result, from one client to another
    Call,
    /// An event, from one client to all receivers
    Event,
    /// A session that joins and leaves
    Session,
    /// Sessions that do nothing: says "open" when all have joined, and keeps them until standard input ends
    Idle,
}

/// Does it, and prints what came of it.
pub(crate) fn run(args: &WampArgs) -> Outcome {
    work::run(args)
}
