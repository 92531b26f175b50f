//! The driver of one connection that echoes its messages: `websocket.testee`.

use super::decode::{Decoder, Event, Rules};
use super::encode::Encoder;
use super::extension::Agreement;
use super::frame::Opcode;
use super::ping::{AutoPing, Due};
use crate::drain::Drain;
use crate::log::Preview;
use crate::net::backlog::{Backlog, Scratch, poll_read};
use crate::net::stream::Peer;
use jackfield_shared::config::{WebsocketOptions, WebsocketTestee};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::info;

/// Once so many octets wait to be written, no more are read: a client that does not read its echoes is
/// slowed down instead of filling our memory.
const HIGH_WATER: usize = 256 << 10;
/// How long an end of ours may take where `close_handshake_timeout` sets no limit.
const LINGER: Duration = Duration::from_secs(2);
/// Close code of an end that nothing is wrong with (RFC 6455 section 7.4.1).
const NORMAL: u16 = 1000;
/// Close code of a server that is about to restart (IANA registry of RFC 6455 section 11.7).
const SERVICE_RESTART: u16 = 1012;

/// Echoes messages until one side closes. Every ping is answered; at the deadline of `drain` the client is
/// told with close code 1012.
///
/// # Errors
/// When the connection fails or the client does not answer automatic pings in time.
pub(crate) async fn echo<S>(
    mut io: S,
    config: &WebsocketTestee,
    compression: Option<Agreement>,
    peer: Peer,
    drain: &Drain,
    scratch: &Scratch,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let options = &config.options;
    let mut session = Session::new(options, compression, config.debug.then_some(peer));
    let mut closing = std::pin::pin!(drain.closing());
    while session.open {
        tokio::select! {
            result = poll_fn(|cx| session.poll(&mut io, cx, scratch)) => result?,
            () = &mut closing => session.close(Some(SERVICE_RESTART), "the service restarts"),
        }
    }
    let limit = match options.close_handshake_timeout {
        Duration::ZERO => LINGER,
        limit => limit,
    };
    // What is late is cut off; that is no failure of the connection.
    let _ = timeout(limit, finish(&mut io, &mut session.out, scratch)).await;
    Ok(())
}

/// Sends the rest, then waits for the peer's end: closing a socket with unread octets would reset it, and
/// the peer might lose our last frame.
async fn finish<S>(io: &mut S, out: &mut Backlog, scratch: &Scratch) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    poll_fn(|cx| out.poll_flush(cx, io)).await?;
    io.shutdown().await?;
    while poll_fn(|cx| poll_read(cx, io, &mut scratch.borrow())).await? > 0 {}
    Ok(())
}

struct Session {
    decoder: Decoder,
    encoder: Encoder,
    out: Backlog,
    open: bool,
    ping: AutoPing,
    /// A violation ends the connection without a Close.
    fail_by_drop: bool,
    /// A Close is answered with the code and the reason that it has.
    echo_close: bool,
    /// Whose messages are logged.
    debug: Option<Peer>,
}

impl Session {
    fn new(options: &WebsocketOptions, compression: Option<Agreement>, debug: Option<Peer>) -> Self {
        let rules = Rules {
            max_frame: options.max_frame_size.into(),
            max_message: options.max_message_size.into(),
            require_mask: options.require_masked_client_frames,
            validate_utf8: options.validate_utf8,
            apply_mask: options.apply_mask,
        };
        Self {
            decoder: Decoder::new(rules, compression.map(|agreed| agreed.from_client)),
            encoder: Encoder::new(options, compression),
            out: Backlog::EMPTY,
            open: true,
            ping: AutoPing::new(options),
            fail_by_drop: options.fail_by_drop,
            echo_close: options.echo_close_codereason,
            debug,
        }
    }

    /// Writes what waits, reads and decodes what is there, looks at the clock; ready after each of them that
    /// changed something.
    fn poll<S>(&mut self, io: &mut S, cx: &mut Context<'_>, scratch: &Scratch) -> Poll<io::Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // What the client doesn't take yet waits, while more is read.
        let _ = self.out.poll_flush(cx, io)?;
        if self.out.waiting() < HIGH_WATER {
            let mut buffer = scratch.borrow();
            if let Poll::Ready(count) = poll_read(cx, io, &mut buffer)? {
                if count == 0 {
                    self.open = false;
                } else {
                    self.take(&mut buffer[..count]);
                }
                return Poll::Ready(Ok(()));
            }
        }
        match ready!(self.ping.poll_due(cx)) {
            Due::Send => self.encoder.control(Opcode::Ping, &self.ping.sent(), self.out.tail()),
            Due::GiveUp => {
                let text = "no answer to a ping within auto_ping_timeout";
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, text)));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn take(&mut self, octets: &mut [u8]) {
        let Self { decoder, encoder, out, open, ping, debug, echo_close, .. } = self;
        let out = out.tail();
        ping.traffic();
        let result = decoder.feed(octets, &mut |event| {
            if let Some(peer) = debug {
                info!("{peer}: received {event}");
            }
            match event {
                Event::Text(payload) => encoder.message(Opcode::Text, payload, out),
                Event::Binary(payload) => encoder.message(Opcode::Binary, payload, out),
                Event::Ping(payload) => encoder.control(Opcode::Pong, payload, out),
                Event::Pong(payload) => ping.pong(payload),
                Event::Close(close) => {
                    match close {
                        Some((code, reason)) if *echo_close => encoder.close(Some(code), reason, out),
                        Some(_) => encoder.close(Some(NORMAL), "", out),
                        None => encoder.close(None, "", out),
                    }
                    *open = false;
                }
            }
        });
        if let Err(violation) = result {
            if self.fail_by_drop {
                self.open = false;
            } else {
                self.close(Some(violation.code), violation.reason);
            }
        }
    }

    fn close(&mut self, code: Option<u16>, reason: &str) {
        self.encoder.close(code, reason, self.out.tail());
        self.open = false;
    }
}

/// What has arrived, for the log.
impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, payload) = match self {
            Self::Text(payload) => ("text", payload),
            Self::Binary(payload) => ("binary", payload),
            Self::Ping(payload) => ("a ping", payload),
            Self::Pong(payload) => ("a pong", payload),
            Self::Close(None) => return f.write_str("a close"),
            Self::Close(Some((code, reason))) => {
                return write!(f, "a close {code} {}", Preview(reason.as_bytes()));
            }
        };
        write!(f, "{kind} of {} octets: {}", payload.len(), Preview(payload))
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::unmask;
    use super::*;
    use crate::drain::Drainer;
    use tokio::io::{AsyncReadExt, DuplexStream, duplex};

    fn testee(options: WebsocketOptions) -> WebsocketTestee {
        WebsocketTestee { url: None, debug: true, options }
    }

    /// A client's frame, masked.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first, 0x80 | payload.len() as u8, 1, 2, 3, 4];
        out.extend_from_slice(payload);
        unmask(&mut out[6..], [1, 2, 3, 4], 0);
        out
    }

    async fn read(client: &mut DuplexStream, count: usize) -> Vec<u8> {
        let mut octets = vec![0; count];
        client.read_exact(&mut octets).await.unwrap();
        octets
    }

    #[tokio::test]
    async fn echoes_until_the_client_closes() {
        let (mut client, server) = duplex(64);
        let (_drainer, drain) = Drainer::new();
        let scratch = Scratch::new();
        let options = testee(WebsocketOptions::default());
        let talk = async {
            client
                .write_all(&[frame(0x81, b"one"), frame(0x89, b"p"), frame(0x82, b"\x02")].concat())
                .await
                .unwrap();
            assert_eq!(read(&mut client, 5 + 3 + 3).await, b"\x81\x03one\x8a\x01p\x82\x01\x02");
            client.write_all(&frame(0x88, b"\x03\xe8bye")).await.unwrap();
            assert_eq!(read(&mut client, 4).await, b"\x88\x02\x03\xe8");
            assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
            drop(client);
        };
        let (result, ()) = tokio::join!(echo(server, &options, None, Peer::Unix, &drain, &scratch), talk);
        result.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_violation_is_named_and_the_end_is_bounded() {
        let (mut client, server) = duplex(64);
        let (_drainer, drain) = Drainer::new();
        let scratch = Scratch::new();
        client.write_all(b"\x81\x01x").await.unwrap();
        echo(server, &testee(WebsocketOptions::default()), None, Peer::Unix, &drain, &scratch).await.unwrap();
        let mut octets = Vec::new();
        client.read_to_end(&mut octets).await.unwrap();
        assert_eq!(octets[2..4], 1002_u16.to_be_bytes());
        assert!(octets.ends_with(b"must be masked"));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_deadline_clients_are_told_of_the_restart() {
        let (mut client, server) = duplex(64);
        let (drainer, drain) = Drainer::new();
        let scratch = Scratch::new();
        drainer.close();
        echo(server, &testee(WebsocketOptions::default()), None, Peer::Unix, &drain, &scratch).await.unwrap();
        assert_eq!(read(&mut client, 4).await[2..], 1012_u16.to_be_bytes());
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_that_is_not_answered_ends_the_connection() {
        let options = testee(WebsocketOptions {
            auto_ping_interval: Duration::from_secs(10),
            auto_ping_timeout: Duration::from_secs(3),
            auto_ping_size: 20,
            ..WebsocketOptions::default()
        });
        let (mut client, server) = duplex(64);
        let (_drainer, drain) = Drainer::new();
        let scratch = Scratch::new();
        let start = tokio::time::Instant::now();
        let talk = async {
            let ping = read(&mut client, 22).await;
            assert_eq!((ping[0], ping[1], start.elapsed().as_secs()), (0x89, 20, 10));
            client.write_all(&frame(0x8A, &ping[2..])).await.unwrap();
            read(&mut client, 22).await;
            assert_eq!(start.elapsed().as_secs(), 20);
            client.write_all(&frame(0x81, b"x")).await.unwrap();
            read(&mut client, 3 + 22).await;
            assert_eq!(start.elapsed().as_secs(), 30);
            client
        };
        let (result, _client) =
            tokio::join!(echo(server, &options, None, Peer::Unix, &drain, &scratch), talk);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), 33);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_not_buffered_without_end() {
        let (mut client, server) = duplex(1024);
        let (_drainer, drain) = Drainer::new();
        let scratch = Scratch::new();
        let options = testee(WebsocketOptions::default());
        let message = frame(0x82, &[b'm'; 100]);
        let flood = async {
            let mut sent = 0;
            let limit = Duration::from_millis(200);
            while timeout(limit, client.write_all(&message)).await.is_ok() {
                sent += message.len();
                assert!(sent < 4 * HIGH_WATER, "the server reads on and on");
            }
            sent
        };
        tokio::select! {
            sent = flood => assert!(sent > HIGH_WATER / 2),
            result = echo(server, &options, None, Peer::Unix, &drain, &scratch) => panic!("{result:?}"),
        }
    }
}
