//! Closing a connection so that the peer gets what was said last.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// How long to wait for the peer to close, too.
const PATIENCE: Duration = Duration::from_secs(1);
/// How much of what the peer still sends is taken.
const MOST: u64 = 64 << 10;

/// Ends our direction, then takes what the peer still sends, within limits: closing a TCP socket with unread
/// bytes resets the connection, and the peer may lose what was sent to it before.
pub(crate) async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> io::Result<()> {
    // Of TLS, this may wait for the peer to take what was sent before.
    tokio::time::timeout(PATIENCE, stream.shutdown()).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let rest = async { tokio::io::copy(&mut stream.take(MOST), &mut tokio::io::sink()).await };
    let _ = tokio::time::timeout(PATIENCE, rest).await; // whatever it was, it is not wanted
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::{TcpListener, TcpStream};

    #[tokio::test]
    async fn the_peer_gets_the_last_word_though_it_goes_on_talking() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, server) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (mut client, mut server) = (client.unwrap(), server.unwrap().0);
        client.write_all(&[b'x'; 10_000]).await.unwrap();
        server.write_all(b"no").await.unwrap();
        let client = async {
            let mut text = String::new();
            client.read_to_string(&mut text).await.unwrap();
            drop(client);
            text
        };
        let (closed, text) = tokio::join!(close(&mut server), client);
        closed.unwrap();
        assert_eq!(text, "no");
    }
}
