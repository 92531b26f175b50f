//! The sockets of what listens here.

use crate::Outcome;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::SocketAddr;
use tokio::net::{TcpListener, TcpStream};

/// Connections that may wait.
const BACKLOG: i32 = 4096;

/// Accepts in this thread, until it is killed, and serves each connection by itself.
pub(crate) fn serve<F>(address: SocketAddr, each: impl Fn(TcpStream) -> F) -> Outcome
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let listener = listen(address)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(each(stream));
        }
    })
}

/// A socket that others may share (SO_REUSEPORT).
fn listen(address: SocketAddr) -> Outcome<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&address.into()).map_err(|e| format!("can't listen on {address}: {e}"))?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into())?)
}
