//! Clients that ask over and over, and take as little of the processors as they can.

mod connection;
mod exchange;
mod latency;
mod run;
mod tls;

pub(crate) use run::{idle, load};

use clap::{Args, ValueEnum};
use std::net::SocketAddr;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    /// The backend's own: two lengths.
    Raw,
    /// HTTP/1.1.
    Http,
    /// Binary messages of a WebSocket that come back.
    Websocket,
}

/// What all clients do.
#[derive(Clone, Debug, Args)]
pub(crate) struct Common {
    /// Where to.
    #[arg(long)]
    pub(crate) to: SocketAddr,
    /// What is spoken.
    #[arg(long, value_enum)]
    pub(crate) protocol: Protocol,
    /// Connections at a time.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Bytes of a raw request, or of a WebSocket message.
    #[arg(long, default_value_t = 64)]
    pub(crate) request: usize,
    /// Bytes of a raw answer.
    #[arg(long, default_value_t = 64)]
    pub(crate) answer: usize,
    /// The path of an HTTP request, and of a WebSocket.
    #[arg(long, default_value = "/")]
    pub(crate) path: String,
    /// TLS 1.3, X25519, AES-128-GCM; any certificate will do.
    #[arg(long)]
    pub(crate) tls: bool,
}

/// What a load is.
#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    #[command(flatten)]
    pub(crate) common: Common,
    /// Requests, together.
    #[arg(long)]
    pub(crate) count: u64,
    /// Seconds after which no more requests are begun.
    #[arg(long, default_value_t = 30.0)]
    pub(crate) limit: f64,
    /// A connection for each request.
    #[arg(long)]
    pub(crate) each: bool,
    /// Counts a connection that fails, and goes on with another, instead of giving up.
    #[arg(long, requires = "each")]
    pub(crate) tolerate: bool,
    /// Resumes the session of the connection before.
    #[arg(long, requires = "tls", requires = "each")]
    pub(crate) resume: bool,
}

/// What an idle connection is.
#[derive(Clone, Debug, Args)]
pub(crate) struct IdleArgs {
    #[command(flatten)]
    pub(crate) common: Common,
}
