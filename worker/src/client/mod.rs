//! A client of WAMP, for the command line and for proxy workers: a session with any router, ours or not.

mod inbox;
mod link;
mod session;

pub use jackfield_wamp::auth::Secret;
pub use jackfield_wamp::auth::client::{Credentials, public_key};
pub use jackfield_wamp::codec::{decode_value, json_text};
pub use jackfield_wamp::{Dict, Id, Message, Payload, Serializer, Value, kind};
pub use session::Session;

use crate::connect::ConnectError;
use crate::net::backlog::Scratch;
use crate::net::budget::Budget;
use jackfield_shared::config::ConnectingEndpoint;
use jackfield_shared::tls::Files;
use std::fmt;
use std::future::Future;
use std::io;
use std::rc::Rc;
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
    Refused(Reason),
    /// The router has ended the session.
    #[error("the session has ended: {0}")]
    Ended(Reason),
    /// The connection has ended.
    #[error("the session has ended: {0}")]
    Lost(String),
    /// An answer did not come in time.
    #[error("no answer within {} s", .0.as_secs_f64())]
    Late(Duration),
    /// An answer that can't be.
    #[error("{0}")]
    Protocol(String),
}

/// Why a router does not begin a session, or has ended one.
#[derive(Clone, Debug)]
pub struct Reason {
    /// A URI.
    pub uri: String,
    /// For people; may be empty.
    pub text: String,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uri, text } = self;
        if text.is_empty() { f.write_str(uri) } else { write!(f, "{uri}: {text}") }
    }
}

/// What is spoken with a router.
#[derive(Clone, Debug)]
pub(crate) struct Speech {
    /// The URL of WebSocket; absent: RawSocket.
    pub(crate) websocket: Option<String>,
    /// What messages are written in.
    pub(crate) serializer: Serializer,
}

/// What connections share for the bytes that they read and keep.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    pub(crate) scratch: Rc<Scratch>,
    pub(crate) budget: Rc<Budget>,
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
