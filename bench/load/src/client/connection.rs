//! A client's connection.

use crate::Outcome;
use rustls::HandshakeKind;
use rustls::pki_types::ServerName;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What is read at once.
pub(super) const CHUNK: usize = 256 << 10;

/// TCP, or TLS on it.
#[derive(Debug)]
pub(super) enum Connection {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How clients connect.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) to: SocketAddr,
    pub(super) tls: Option<Arc<rustls::ClientConfig>>,
}

impl Connector {
    pub(super) async fn connect(&self) -> Outcome<Connection> {
        let stream =
            TcpStream::connect(self.to).await.map_err(|e| format!("connecting to {}: {e}", self.to))?;
        stream.set_nodelay(true)?;
        let Some(config) = &self.tls else { return Ok(Connection::Plain(stream)) };
        let name = ServerName::try_from("localhost")?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream);
        Ok(Connection::Tls(Box::new(stream.await.map_err(|e| format!("TLS with {}: {e}", self.to))?)))
    }
}

impl Connection {
    pub(super) fn is_resumed(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    /// Ends it as TLS wants it: with close_notify, and not before the server has ended, too. Of a plain one there
    /// is nothing to do.
    pub(super) async fn close(self) {
        if let Self::Tls(mut stream) = self {
            let _ = stream.shutdown().await; // the server may have ended first
            let mut rest = [0; 64];
            while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
        }
    }

    /// The stream, whatever it is.
    pub(super) fn stream(&mut self) -> &mut dyn Stream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream,
        }
    }
}

/// What is read from and written to.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}
