//! A connection to the control port of a tor daemon (control-spec).

mod auth;
mod reply;
mod words;

pub(crate) use reply::Reply;
pub(crate) use words::{value, words};

use crate::connect::ConnectError;
use crate::net::stream::Stream;
use jackfield_shared::config::Secret;
use reply::{Decoder, Malformed};
use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// How long tor may take for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Events that may come before an answer; tor never sends so many.
const MOST_EVENTS: usize = 10_000;

/// Why a control connection is of no use, or no longer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("no tor daemon answers: {0}; is it running, and is this its ControlPort or ControlSocket?")]
    Connect(#[from] ConnectError),
    #[error("the connection to tor's control port is lost: {0}")]
    Lost(#[from] io::Error),
    #[error("tor has closed its control connection")]
    Closed,
    #[error("tor's control port: {0}")]
    Malformed(#[from] Malformed),
    #[error("tor's control port does not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error(
        "tor wants a password: set \"tor_control_password\" or \"tor_control_password_file\" to the one whose \
         hash is its HashedControlPassword"
    )]
    PasswordWanted,
    #[error("tor refuses the password: {0}; is it the one whose hash is tor's HashedControlPassword?")]
    WrongPassword(String),
    #[error(
        "tor's cookie {} can't be read: {source}; let the node's user read it (CookieAuthFileGroupReadable 1 and \
         tor's group), or use a password", .path.display()
    )]
    Cookie { path: PathBuf, source: io::Error },
    #[error("tor's cookie {} is not one: it has not 32 octets", .0.display())]
    NoCookie(PathBuf),
    #[error("what answers at tor's control port does not know the cookie in {}: it is not the tor that wrote it", .0.display())]
    Impostor(PathBuf),
    #[error("tor refuses the cookie in {}: {reply}", .path.display())]
    WrongCookie { path: PathBuf, reply: String },
    #[error("tor's control port offers no way to authenticate that is known here: {0}")]
    NoMethod(String),
    #[error("tor refuses {command}: {reply}")]
    Refused { command: &'static str, reply: String },
    #[error("there are no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// A connection on which one command at a time is sent; what tor says in between waits as events.
pub(crate) struct Control {
    stream: Stream,
    decoder: Decoder,
    events: VecDeque<Reply>,
}

impl Control {
    /// Authenticates on a connection; returns it and what is known of tor, for people.
    pub(crate) async fn open(
        stream: Stream,
        password: Option<&Secret>,
    ) -> Result<(Self, String), ControlError> {
        let mut control = Self { stream, decoder: Decoder::default(), events: VecDeque::new() };
        let peer = auth::authenticate(&mut control, password).await?;
        Ok((control, peer))
    }

    /// Sends a command, of which only `line` is secret, and waits for its answer. Not cancel-safe.
    pub(crate) async fn command(&mut self, line: &str) -> Result<Reply, ControlError> {
        let exchange = async {
            self.stream.write_all(format!("{line}\r\n").as_bytes()).await?;
            self.stream.flush().await?;
            loop {
                let reply = self.read().await?;
                if !reply.is_event() {
                    return Ok(reply);
                }
                if self.events.len() == MOST_EVENTS {
                    return Err(Malformed::TooLong.into());
                }
                self.events.push_back(reply);
            }
        };
        timeout(PATIENCE, exchange).await.unwrap_or(Err(ControlError::Silent))
    }

    /// The same, with an error unless tor agrees; `name` stands for the command there.
    pub(crate) async fn demand(&mut self, name: &'static str, line: &str) -> Result<Reply, ControlError> {
        let reply = self.command(line).await?;
        if reply.is_ok() {
            Ok(reply)
        } else {
            Err(ControlError::Refused { command: name, reply: reply.text() })
        }
    }

    /// The next event. Cancel-safe.
    pub(crate) async fn event(&mut self) -> Result<Reply, ControlError> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let reply = self.read().await?;
            // Nothing was asked: an answer is none to us.
            if reply.is_event() {
                return Ok(reply);
            }
        }
    }

    async fn read(&mut self) -> Result<Reply, ControlError> {
        loop {
            if let Some(reply) = self.decoder.next()? {
                return Ok(reply);
            }
            if self.stream.read_buf(&mut self.decoder.octets).await? == 0 {
                return Err(ControlError::Closed);
            }
        }
    }
}
