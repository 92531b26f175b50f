//! The command line's side of the control socket: blocking, one request a connection.

use super::{Address, Envelope, Request, Response, VERSION};
use interprocess::local_socket::{Stream, prelude::*};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::time::Duration;

/// Why there is no connection to a node.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// Nobody listens there.
    NoNode,
    /// Somebody may, but this process can't reach it.
    Io(io::Error),
}

/// A connection to the running node.
#[derive(Debug)]
pub(crate) struct Client {
    stream: BufReader<Stream>,
}

impl Client {
    /// Connects to the node that runs in this runtime directory.
    ///
    /// # Errors
    /// When no node runs there, or its socket can't be used.
    pub(crate) fn connect(run_dir: &Path) -> Result<Self, ConnectError> {
        let connect = || Stream::connect(Address::new(run_dir)?.name()?);
        match connect() {
            Ok(stream) => Ok(Self { stream: BufReader::new(stream) }),
            Err(e) => Err(match e.kind() {
                // A socket without a listener is what a killed controller leaves.
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                    ConnectError::NoNode
                }
                _ => ConnectError::Io(e),
            }),
        }
    }

    /// Process id of the controller.
    ///
    /// # Errors
    /// When the kernel doesn't tell.
    pub(crate) fn controller_pid(&self) -> io::Result<i32> {
        self.stream.get_ref().peer_creds()?.pid().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// Sends the request; its responses are read with [`Self::next`].
    ///
    /// # Errors
    /// When the controller is gone.
    pub(crate) fn send(&mut self, request: &Request) -> io::Result<()> {
        let envelope = Envelope { version: VERSION, request: serde_json::to_value(request)? };
        let mut line = serde_json::to_vec(&envelope)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)
    }

    /// From now on, a response that does not come within this time is an error of kind `WouldBlock`.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn limit(&mut self, time: Duration) -> io::Result<()> {
        self.stream.get_ref().set_recv_timeout(Some(time))
    }

    /// The next response; `None` when the controller has closed.
    ///
    /// # Errors
    /// When reading fails or what arrives is no response.
    pub(crate) fn next(&mut self) -> io::Result<Option<Response>> {
        let mut line = Vec::new();
        match self.stream.read_until(b'\n', &mut line) {
            Ok(0) => Ok(None),
            Ok(_) => Ok(Some(serde_json::from_slice(&line)?)),
            // What is left of a controller that ended with a part of the request unread.
            Err(e) if e.kind() == io::ErrorKind::ConnectionReset => Ok(None),
            Err(e) => Err(e),
        }
    }
}
