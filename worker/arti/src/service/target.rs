//! The private listener behind a service.

use jackfield_shared::short_path::ShortPath;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{sleep, timeout};

/// How long a listener that is full is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first and the longest pause while it is full: there is no event for when it isn't any longer (connect(2)).
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// Where it listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Target {
    /// Takes it as ADD_ONION of tor's control port does.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(path.into()));
        }
        text.parse().map(Self::Tcp).map_err(|_| format!("{text} is not the address of a private listener"))
    }

    pub(super) async fn connect(&self) -> io::Result<Socket> {
        let connecting = async {
            match self {
                Self::Tcp(address) => {
                    let stream = TcpStream::connect(address).await?;
                    stream.set_nodelay(true)?;
                    Ok(Socket::Tcp(stream))
                }
                Self::Unix(path) => {
                    let short = ShortPath::new(path)?;
                    let mut pause = PAUSE.0;
                    loop {
                        match UnixStream::connect(short.as_path()).await {
                            Err(e) if e.kind() == io::ErrorKind::WouldBlock => sleep(pause).await,
                            result => return result.map(Socket::Unix),
                        }
                        pause = (2 * pause).min(PAUSE.1);
                    }
                }
            }
        };
        timeout(PATIENCE, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// A connection to it.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! each {
    ($self:expr, $stream:ident => $e:expr) => {
        match $self.get_mut() {
            Self::Tcp($stream) => $e,
            Self::Unix($stream) => $e,
        }
    };
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_written_as_for_tor() {
        assert_eq!(Target::parse("unix:/run/x y.sock"), Ok(Target::Unix("/run/x y.sock".into())));
        assert_eq!(Target::parse("[::1]:80").unwrap().to_string(), "tcp://[::1]:80");
        assert!(Target::parse("localhost:80").is_err());
    }
}
