//! Bytes between a stream of Tor and a socket of this machine.

use arti_client::DataStream;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, copy, split};
use tokio::time::timeout;

/// How long the local end may take to close, once the other one has.
const LINGER: Duration = Duration::from_secs(10);

/// Carries until one end has closed. A stream of Tor has no half that could be closed alone: the end of one direction is
/// the end of both.
pub(crate) async fn carry(tor: DataStream, socket: impl AsyncRead + AsyncWrite + Unpin) {
    let (mut from_tor, mut to_tor) = tor.split();
    let (mut from_socket, mut to_socket) = split(socket);
    let inward = async {
        // An error is the end of a connection like any other.
        let _ = copy(&mut from_tor, &mut to_socket).await;
        let _ = to_socket.shutdown().await;
    };
    let outward = async {
        let _ = copy(&mut from_socket, &mut to_tor).await;
        let _ = to_tor.shutdown().await;
    };
    tokio::pin!(outward);
    tokio::select! {
        () = &mut outward => {}
        // It reads what was sent and closes; what it says now reaches nobody.
        () = inward => drop(timeout(LINGER, outward).await),
    }
}
