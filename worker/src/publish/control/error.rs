//! Why a control connection is of no use, or no longer.

use super::reply::Malformed;
use crate::connect::ConnectError;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

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
    #[error("tor's cookie {} is not one: it has not 32 bytes", .0.display())]
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

/// How long tor may take for an answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
