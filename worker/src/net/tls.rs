//! A connection encrypted by TLS.

use super::stream::Stream;
use crate::drain::Drain;
use std::io;
use tokio::io::Interest;
use tokio_rustls::{TlsStream, client, server};

/// TLS on another stream.
#[derive(Debug)]
pub(crate) struct Tls {
    stream: TlsStream<Stream>,
    /// Of a connection that was accepted.
    drain: Option<Drain>,
}

impl Tls {
    /// A connection that we have accepted.
    pub(crate) fn accepted(stream: server::TlsStream<Stream>, drain: Drain) -> Self {
        Self { stream: TlsStream::Server(stream), drain: Some(drain) }
    }

    /// A connection that we have made.
    pub(crate) fn connected(stream: client::TlsStream<Stream>) -> Self {
        Self { stream: TlsStream::Client(stream), drain: None }
    }

    /// What is said.
    pub(crate) fn stream(&mut self) -> &mut TlsStream<Stream> {
        &mut self.stream
    }

    /// What it is said on.
    pub(crate) fn below(&self) -> &Stream {
        self.stream.get_ref().0
    }

    /// The protocol that was negotiated by ALPN.
    pub(crate) fn protocol(&self) -> Option<&[u8]> {
        self.stream.get_ref().1.alpn_protocol()
    }

    /// Tells the client that we close, as far as its socket takes that at once: otherwise our end can't be told from
    /// an attack that cuts connections off (RFC 8446, section 6.1).
    fn say_goodbye(&mut self) -> io::Result<()> {
        let TlsStream::Server(stream) = &mut self.stream else { return Ok(()) };
        let (socket, connection) = stream.get_mut();
        connection.send_close_notify();
        let mut octets = Vec::new();
        while connection.wants_write() {
            connection.write_tls(&mut octets)?;
        }
        socket.try_io(Interest::WRITABLE, || Ok(rustix::io::write(socket.fd(), &octets)?))?;
        Ok(())
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        // Only where the end is our decision: after a fault the client had better see that something is missing.
        if self.drain.as_ref().is_some_and(Drain::is_closing) {
            let _ = self.say_goodbye();
        }
    }
}
