//! One side of a WebSocket connection: what is read and written on it, without saying what becomes of its messages.

use super::decode::{Decoder, Event, Rules};
use super::encode::Encoder;
use super::extension::Agreement;
use super::frame::Opcode;
use super::ping::{AutoPing, Due};
use crate::log::Preview;
use crate::net::backlog::{Backlog, Scratch, poll_read};
use crate::net::stream::Peer;
use jackfield_shared::config::WebsocketOptions;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::info;

/// Once so many octets wait to be written, no more are read: a peer that does not read is slowed down instead of
/// filling our memory.
const HIGH_WATER: usize = 256 << 10;
/// How long an end of ours may take where `close_handshake_timeout` sets no limit.
const LINGER: Duration = Duration::from_secs(2);
/// Close code of an end that nothing is wrong with (RFC 6455 section 7.4.1).
const NORMAL: u16 = 1000;
/// Close code of a server that is about to restart (IANA registry of RFC 6455 section 11.7).
pub(super) const SERVICE_RESTART: u16 = 1012;

/// Which side of the connection we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) out: Backlog,
    pub(super) open: bool,
    /// The code and the reason of the peer's Close, once it has come.
    pub(super) closed: Option<(Option<u16>, String)>,
    ping: AutoPing,
    /// A violation ends the connection without a Close.
    fail_by_drop: bool,
    /// A Close is answered with the code and the reason that it has.
    echo_close: bool,
    /// A Close is answered by [`Self::answer_close`] and not before.
    pub(super) defers_close: bool,
    pub(super) close_timeout: Duration,
    /// Whose messages are logged.
    debug: Option<Peer>,
}

impl Session {
    pub(super) fn new(
        side: Side,
        options: &WebsocketOptions,
        compression: Option<Agreement>,
        debug: Option<Peer>,
    ) -> Self {
        let rules = Rules {
            max_frame: options.max_frame_size.into(),
            max_message: options.max_message_size.into(),
            require_mask: side == Side::Server && options.require_masked_client_frames,
            validate_utf8: options.validate_utf8,
            apply_mask: options.apply_mask,
        };
        let received = compression.map(|agreed| match side {
            Side::Server => agreed.from_client,
            Side::Client => agreed.to_client,
        });
        Self {
            decoder: Decoder::new(rules, received),
            encoder: Encoder::new(side, options, compression),
            out: Backlog::EMPTY,
            open: true,
            closed: None,
            ping: AutoPing::new(options),
            fail_by_drop: options.fail_by_drop,
            echo_close: options.echo_close_codereason,
            defers_close: false,
            close_timeout: match options.close_handshake_timeout {
                Duration::ZERO => LINGER,
                limit => limit,
            },
            debug,
        }
    }

    /// Whether what waits to be written is so much that no more should be made.
    pub(super) fn is_backed_up(&self) -> bool {
        self.out.waiting() >= HIGH_WATER
    }

    /// Writes what waits, reads and decodes what is there (if `may_read`), looks at the clock; ready after each of them
    /// that changed something. A message goes to `deliver`, with the means to answer it.
    pub(super) fn poll<S>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        scratch: &Scratch,
        may_read: bool,
        deliver: &mut impl FnMut(Opcode, &[u8], &mut Encoder, &mut Vec<u8>),
    ) -> Poll<io::Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // What the peer doesn't take yet waits, while more is read.
        let _ = self.out.poll_flush(cx, io)?;
        if may_read && !self.is_backed_up() {
            let mut buffer = scratch.borrow();
            if let Poll::Ready(count) = poll_read(cx, io, &mut buffer)? {
                if count == 0 {
                    self.open = false;
                } else {
                    self.take(&mut buffer[..count], deliver);
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

    fn take(
        &mut self,
        octets: &mut [u8],
        deliver: &mut impl FnMut(Opcode, &[u8], &mut Encoder, &mut Vec<u8>),
    ) {
        let Self { decoder, encoder, out, open, closed, ping, debug, .. } = self;
        let out = out.tail();
        ping.traffic();
        let result = decoder.feed(octets, &mut |event| {
            if let Some(peer) = debug {
                info!("{peer}: received {event}");
            }
            match event {
                Event::Text(payload) => deliver(Opcode::Text, payload, encoder, out),
                Event::Binary(payload) => deliver(Opcode::Binary, payload, encoder, out),
                Event::Ping(payload) => encoder.control(Opcode::Pong, payload, out),
                Event::Pong(payload) => ping.pong(payload),
                Event::Close(close) => {
                    let reason = close.map_or(String::new(), |(_, reason)| reason.to_owned());
                    *closed = Some((close.map(|(code, _)| code), reason));
                    *open = false;
                }
            }
        });
        if self.closed.is_some() && !self.defers_close {
            self.answer_close();
        }
        if let Err(violation) = result {
            if self.fail_by_drop {
                self.open = false;
            } else {
                self.close(Some(violation.code), violation.reason);
            }
        }
    }

    /// Answers the peer's Close.
    pub(super) fn answer_close(&mut self) {
        let out = self.out.tail();
        match &self.closed {
            Some((Some(code), reason)) if self.echo_close => self.encoder.close(Some(*code), reason, out),
            Some((Some(_), _)) => self.encoder.close(Some(NORMAL), "", out),
            Some((None, _)) | None => self.encoder.close(None, "", out),
        }
    }

    /// Ends the connection with a Close; nothing is read after it.
    pub(super) fn close(&mut self, code: Option<u16>, reason: &str) {
        self.encoder.close(code, reason, self.out.tail());
        self.open = false;
    }

    /// Sends the rest, then waits for the peer's end, within limits: closing a socket with unread octets would reset
    /// it, and the peer might lose our last frame.
    pub(super) async fn finish<S>(&mut self, io: &mut S, scratch: &Scratch)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let out = &mut self.out;
        let rest = async {
            poll_fn(|cx| out.poll_flush(cx, io)).await?;
            io.shutdown().await?;
            while poll_fn(|cx| poll_read(cx, io, &mut scratch.borrow())).await? > 0 {}
            io::Result::Ok(())
        };
        // What is late is cut off; that is no failure of the connection.
        let _ = timeout(self.close_timeout, rest).await;
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
