//! What a client speaks, told by the first bytes it sends.

use crate::mqtt::CONNECT;
use crate::net::backlog::{Scratch, poll_read};
use crate::rawsocket::MAGIC;
use bytes::{Bytes, BytesMut};
use std::future::poll_fn;
use std::io;
use std::time::Duration;
use tokio::io::AsyncRead;

/// What begins a connection of HTTP/2 with prior knowledge (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Rawsocket,
    Mqtt,
    /// HTTP/1, or what can be its beginning.
    Http1,
    Http2,
    /// None that is spoken here; the first byte.
    Unknown(u8),
}

/// Why nothing is known of a client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("the client said nothing")]
    Nothing,
    #[error("the client did not say within {} s what it speaks (`handshake_timeout`)", .0.as_secs_f64())]
    Silent(Duration),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Reads until it is clear what the client speaks; what was read belongs in front of the stream again.
pub(crate) async fn sniff<S: AsyncRead + Unpin>(
    stream: &mut S,
    scratch: &Scratch,
    timeout: Duration,
) -> Result<(Protocol, Bytes), Error> {
    let telling = async {
        let mut ahead = BytesMut::new();
        loop {
            let ended = poll_fn(|cx| {
                let mut scratch = scratch.borrow();
                // No more than a request's head: whoever reads on has buffers of their own.
                let poll = poll_read(cx, stream, &mut scratch[..HEAD]);
                poll.map_ok(|count| {
                    ahead.extend_from_slice(&scratch[..count]);
                    count == 0
                })
            })
            .await?;
            match protocol_of(&ahead) {
                Some(protocol) => return Ok((protocol, ahead.freeze())),
                None if ended && ahead.is_empty() => return Err(Error::Nothing),
                None if ended => return Ok((Protocol::Http1, ahead.freeze())),
                None => {}
            }
        }
    };
    tokio::time::timeout(timeout, telling).await.unwrap_or(Err(Error::Silent(timeout)))
}

/// Bytes read ahead at most.
const HEAD: usize = 4 << 10;

/// What `bytes` are the beginning of, if that is clear.
fn protocol_of(bytes: &[u8]) -> Option<Protocol> {
    let &first = bytes.first()?;
    if first == MAGIC {
        return Some(Protocol::Rawsocket);
    }
    if first == CONNECT {
        return Some(Protocol::Mqtt);
    }
    if bytes.starts_with(PREFACE) {
        return Some(Protocol::Http2);
    }
    if PREFACE.starts_with(bytes) {
        return None;
    }
    Some(if can_begin_http(first) { Protocol::Http1 } else { Protocol::Unknown(first) })
}

/// A request begins with its method, which is a token (RFC 9110, section 5.6.2); empty lines before it are
/// passed over (RFC 9112, section 2.2).
const fn can_begin_http(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'\r' | b'\n' | b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[test]
    fn the_first_bytes_tell() {
        for (bytes, expected) in [
            (&b""[..], None),
            (b"\x7f", Some(Protocol::Rawsocket)),
            (b"G", Some(Protocol::Http1)),
            (b"\r\nGET", Some(Protocol::Http1)),
            (b"P", None),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", None),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", Some(Protocol::Http2)),
            (b"POST", Some(Protocol::Http1)),
            (b"\x10", Some(Protocol::Mqtt)),
            (b"\x16\x03\x01", Some(Protocol::Unknown(0x16))),
            (b"(", Some(Protocol::Unknown(b'('))),
        ] {
            assert_eq!(protocol_of(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[tokio::test]
    async fn bytes_one_at_a_time_tell_the_same_and_none_is_lost() {
        let (mut client, mut server) = tokio::io::duplex(1);
        let scratch = Scratch::new();
        let (sniffed, ()) = tokio::join!(sniff(&mut server, &scratch, Duration::from_secs(10)), async {
            client.write_all(b"PRX").await.unwrap();
        });
        assert_eq!(sniffed.unwrap(), (Protocol::Http1, Bytes::from_static(b"PRX")));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_and_ends_are_told_apart() {
        let scratch = Scratch::new();
        let limit = Duration::from_secs(10);
        let (mut client, mut server) = tokio::io::duplex(8);
        client.write_all(b"PRI").await.unwrap();
        assert!(matches!(sniff(&mut server, &scratch, limit).await, Err(Error::Silent(_))));
        drop(client);
        assert!(matches!(sniff(&mut server, &scratch, limit).await, Err(Error::Nothing)));
        let (mut client, mut server) = tokio::io::duplex(8);
        client.write_all(b"PR").await.unwrap();
        drop(client);
        assert_eq!(sniff(&mut server, &scratch, limit).await.unwrap().0, Protocol::Http1);
    }
}
