//! A connection encrypted by TLS.

use super::facts::{self, Facts};
use super::stream::Stream;
use crate::drain::Drain;
use std::io;
use std::sync::Arc;
use tokio::io::Interest;
use tokio_rustls::{TlsStream, client, server};

/// TLS on another stream.
#[derive(Debug)]
pub(crate) struct Tls {
    stream: TlsStream<Stream>,
    /// Of a connection that was accepted.
    accepted: Option<Accepted>,
}

#[derive(Debug)]
struct Accepted {
    drain: Drain,
    facts: Arc<Facts>,
}

impl Tls {
    /// A connection that we have accepted.
    pub(crate) fn accepted(stream: server::TlsStream<Stream>, facts: Facts, drain: Drain) -> Self {
        let accepted = Accepted { drain, facts: Arc::new(facts) };
        Self { stream: TlsStream::Server(stream), accepted: Some(accepted) }
    }

    /// A connection that we have made.
    pub(crate) fn connected(stream: client::TlsStream<Stream>) -> Self {
        Self { stream: TlsStream::Client(stream), accepted: None }
    }

    /// What is said.
    pub(crate) fn stream(&mut self) -> &mut TlsStream<Stream> {
        &mut self.stream
    }

    /// What it is said on.
    pub(crate) fn below(&self) -> &Stream {
        self.stream.get_ref().0
    }

    /// What it tells of the client of a connection that was accepted.
    pub(crate) fn facts(&self) -> Option<&Arc<Facts>> {
        self.accepted.as_ref().map(|accepted| &accepted.facts)
    }

    /// What only the two ends know (`tls-exporter`).
    pub(crate) fn exporter(&self) -> Option<[u8; 32]> {
        match &self.stream {
            TlsStream::Server(stream) => facts::exporter(stream.get_ref().1),
            TlsStream::Client(stream) => facts::exporter(stream.get_ref().1),
        }
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
        if self.accepted.as_ref().is_some_and(|accepted| accepted.drain.is_closing()) {
            let _ = self.say_goodbye();
        }
    }
}
