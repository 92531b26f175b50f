//! The sockets of what listens here.

use crate::Outcome;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// Connections that may wait.
const BACKLOG: i32 = 4096;

/// A socket that others may share (SO_REUSEPORT).
pub(crate) fn listen(address: SocketAddr) -> Outcome<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into()).map_err(|e| format!("can't listen on {address}: {e}"))?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into())?)
}
