//! `stream.testee`: every byte comes back.

use crate::log::Preview;
use crate::net::backlog::{Backlog, Scratch, poll_read};
use crate::net::stream::Peer;
use std::future::poll_fn;
use std::io;
use std::task::{Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tracing::info;

/// Echoes until the client closes its direction and has got everything back; with `debug`, what is received is
/// logged.
pub(crate) async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    peer: Peer,
    debug: bool,
    scratch: &Scratch,
) -> io::Result<()> {
    let mut backlog = Backlog::EMPTY;
    poll_fn(|cx| {
        let mut scratch = scratch.borrow();
        loop {
            ready!(backlog.poll_flush(cx, &mut stream))?;
            let count = ready!(poll_read(cx, &mut stream, &mut scratch))?;
            if count == 0 {
                return Poll::Ready(io::Result::Ok(()));
            }
            if debug {
                info!("{peer}: received {count} bytes: {}", Preview(&scratch[..count]));
            }
            ready!(backlog.poll_pass(cx, &mut stream, &scratch[..count]))?;
        }
    })
    .await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::UnixStream;

    #[tokio::test]
    async fn a_client_that_reads_late_gets_everything_in_order() {
        let (client, server) = UnixStream::pair().unwrap();
        let scratch = Scratch::new();
        let sent: Vec<u8> = (0..2_000_000u32).map(|i| (i % 251) as u8).collect();
        let (mut reader, mut writer) = client.into_split();
        let client = async {
            let write = async {
                writer.write_all(&sent).await.unwrap();
                drop(writer);
            };
            let mut got = Vec::new();
            let read = async {
                let mut first = [0; 1];
                reader.read_exact(&mut first).await.unwrap();
                got.extend(first);
                reader.read_to_end(&mut got).await.unwrap();
            };
            tokio::join!(write, read);
            got
        };
        let (got, echoed) = tokio::join!(client, echo(server, Peer::Unix, false, &scratch));
        echoed.unwrap();
        assert!(got == sent);
    }
}
