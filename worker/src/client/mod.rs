//! A client of WAMP, for the command line: a session with any router, ours or not.

mod link;
mod session;

pub use jackfield_wamp::auth::Secret;
pub use jackfield_wamp::auth::client::Credentials;
pub use jackfield_wamp::codec::{decode_value, json_text};
pub use jackfield_wamp::{Dict, Id, Message, Payload, Serializer, Value, kind};
pub use session::Session;

use crate::connect::ConnectError;
use jackfield_shared::config::ConnectingEndpoint;
use jackfield_shared::tls::Files;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

/// Where a router is, and what is spoken with it.
#[derive(Clone, Debug)]
pub struct Target {
    /// How it is reached.
    pub endpoint: ConnectingEndpoint,
    /// The files of TLS.
    pub files: Files,
    /// The URL of WebSocket; absent: RawSocket.
    pub websocket: Option<String>,
    /// What messages are written in.
    pub serializer: Serializer,
}

/// Who joins which realm.
#[derive(Clone, Debug)]
pub struct Login {
    /// The realm; absent: the router chooses.
    pub realm: Option<String>,
    /// Who.
    pub authid: Option<String>,
    /// By which proof.
    pub credentials: Credentials,
    /// Whether a signature of `cryptosign` is to be bound to the TLS connection (`tls-exporter`).
    pub bound: bool,
    /// Further details of HELLO (`authextra` and the like).
    pub details: Dict,
}

/// Why there is no session, or none any longer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is there, or nobody who speaks so.
    #[error("{0}")]
    Connect(String),
    /// The router does not let the client in.
    #[error("the router refuses: {0}")]
    Refused(String),
    /// The connection has ended.
    #[error("the session has ended: {0}")]
    Ended(String),
    /// An answer did not come in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Late(Duration),
    /// An answer that can't be.
    #[error("{0}")]
    Protocol(String),
}

impl From<ConnectError> for Error {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error.to_string())
    }
}

/// Runs what a client does.
///
/// # Errors
///
/// The system has no room for a runtime.
pub fn run<T: 'static>(client: impl Future<Output = T> + 'static) -> io::Result<T> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    let done = runtime.block_on(async { spawn_local(client).await });
    // A helper that hangs in a name lookup must not hold up the end.
    runtime.shutdown_background();
    done.map_err(io::Error::other)
}
