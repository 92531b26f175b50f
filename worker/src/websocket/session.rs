//! One side of a WebSocket connection: what is read and written on it, without saying what becomes of its messages.

use super::decode::{Decoder, Event, Rules};
use super::encode::Encoder;
use super::extension::Agreement;
use super::frame::Opcode;
use super::side::Side;
use crate::log::Preview;
use crate::net::backlog::{Backlog, Scratch, poll_read};
use crate::net::budget::{Budget, Share};
use crate::net::patience::{Late, Limits, Patience};
use crate::net::ping::{AutoPing, Due, Pings};
use crate::net::stream::Peer;
use jackfield_shared::config::WebsocketOptions;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow::{self, Break, Continue};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::info;

/// Once so many bytes wait to be written, no more are read: a peer that does not read is slowed down instead of
/// filling our memory.
const HIGH_WATER: usize = 256 << 10;
/// Read at once of what is compressed: it may become a thousand times as much before anybody looks at it.
const COMPRESSED: usize = 16 << 10;
/// How long an end of ours may take where `close_handshake_timeout` sets no limit.
const LINGER: Duration = Duration::from_secs(2);
/// Close code of an end that nothing is wrong with (RFC 6455 section 7.4.1).
const NORMAL: u16 = 1000;
/// Close code for what takes too long (RFC 6455 section 7.4.1).
const POLICY_VIOLATION: u16 = 1008;
/// Close code of a server that has no room now (IANA registry of RFC 6455 section 11.7).
const TRY_AGAIN_LATER: u16 = 1013;
/// Close code of a server that is about to restart (IANA registry of RFC 6455 section 11.7).
pub(super) const SERVICE_RESTART: u16 = 1012;

/// Whether more may be made while so many bytes wait to be written.
pub(super) const fn room(waiting: usize) -> ControlFlow<()> {
    if waiting < HIGH_WATER { Continue(()) } else { Break(()) }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Session {
    decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) out: Backlog,
    /// What was read and is not decoded yet, because nobody could take more messages.
    unread: Vec<u8>,
    /// Read at once at most.
    window: usize,
    /// The payload of the last ping that is not answered yet; earlier ones need no answer (RFC 6455 section 5.5.3).
    unanswered: Option<Vec<u8>>,
    /// Memory for messages.
    share: Share,
    patience: Patience,
    pub(super) open: bool,
    /// Bytes that the handler of the messages keeps.
    pub(super) handler_memory: usize,
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
        budget: &Rc<Budget>,
    ) -> Self {
        let rules = Rules {
            max_frame: options.max_frame_size.into(),
            max_message: options.max_message_size.into(),
            require_mask: side == Side::Server && options.require_masked_client_frames,
            refuse_mask: side == Side::Client,
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
            unread: Vec::new(),
            window: if compression.is_some() { COMPRESSED } else { Scratch::SIZE },
            unanswered: None,
            share: budget.share(),
            patience: Patience::new(Limits { message: options.message_timeout, send: options.send_timeout }),
            open: true,
            handler_memory: 0,
            closed: None,
            ping: pings(options),
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

    /// After [`Self::flush`]: reads and decodes what is there (if `may_read`), looks at the clock; ready after each of them
    /// that changed something. A message goes to `deliver`, with the means to answer it, which says whether it could take
    /// another one: as long as nobody reads what comes of them, no more are made.
    pub(super) fn poll<S>(
        &mut self,
        io: &mut S,
        cx: &mut Context<'_>,
        scratch: &Scratch,
        may_read: bool,
        deliver: &mut impl FnMut(Opcode, &[u8], &mut Encoder, &mut Vec<u8>) -> ControlFlow<()>,
    ) -> Poll<io::Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if may_read {
            let mut buffer = scratch.borrow();
            let unread = std::mem::take(&mut self.unread);
            if !unread.is_empty() {
                let bytes = &mut buffer[..unread.len()];
                bytes.copy_from_slice(&unread);
                self.take(bytes, deliver);
                return Poll::Ready(Ok(()));
            }
            if let Poll::Ready(count) = poll_read(cx, io, &mut buffer[..self.window])? {
                if count == 0 {
                    self.open = false;
                } else {
                    self.take(&mut buffer[..count], deliver);
                }
                return Poll::Ready(Ok(()));
            }
        }
        match self.patience.poll_late(cx) {
            Poll::Ready(late @ Late::Message(_)) => {
                self.close(Some(POLICY_VIOLATION), &late.to_string());
                return Poll::Ready(Ok(()));
            }
            Poll::Ready(late @ Late::Send(_)) => {
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, late.to_string())));
            }
            Poll::Pending => {}
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

    /// Writes what the peer takes; what it doesn't take waits.
    pub(super) fn flush<S: AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut S,
    ) -> io::Result<()> {
        if !self.is_backed_up()
            && let Some(payload) = self.unanswered.take()
        {
            self.encoder.control(Opcode::Pong, &payload, self.out.tail());
        }
        let before = self.out.waiting();
        if let Poll::Ready(flushed) = self.out.poll_flush(cx, io) {
            flushed?;
        }
        self.patience.sent(!self.out.is_empty(), self.out.waiting() < before);
        self.account();
        Ok(())
    }

    /// Ends the connection if it keeps more than there is room for.
    fn account(&mut self) {
        let kept = self.decoder.memory() + self.unread.capacity() + self.out.memory() + self.handler_memory;
        if !self.share.set(kept) && self.open {
            self.close(Some(TRY_AGAIN_LATER), "no room for messages (max_buffered_size)");
        }
    }

    fn take(
        &mut self,
        bytes: &mut [u8],
        deliver: &mut impl FnMut(Opcode, &[u8], &mut Encoder, &mut Vec<u8>) -> ControlFlow<()>,
    ) {
        let Self { decoder, encoder, out, unanswered, open, closed, ping, debug, .. } = self;
        let out = out.tail();
        ping.traffic();
        let result = decoder.feed(bytes, &mut |event| {
            if let Some(peer) = debug {
                info!("{peer}: received {event}");
            }
            match event {
                Event::Text(payload) => return deliver(Opcode::Text, payload, encoder, out),
                Event::Binary(payload) => return deliver(Opcode::Binary, payload, encoder, out),
                Event::Ping(payload) if out.len() >= HIGH_WATER => *unanswered = Some(payload.to_owned()),
                Event::Ping(payload) => encoder.control(Opcode::Pong, payload, out),
                Event::Pong(payload) => ping.pong(payload),
                Event::Close(close) => {
                    let reason = close.map_or(String::new(), |(_, reason)| reason.to_owned());
                    *closed = Some((close.map(|(code, _)| code), reason));
                    *open = false;
                }
            }
            Continue(())
        });
        if self.closed.is_some() && !self.defers_close {
            self.answer_close();
        }
        match result {
            Ok(left) => self.unread = bytes[bytes.len() - left..].to_vec(),
            Err(_) if self.fail_by_drop => self.open = false,
            Err(violation) => self.close(Some(violation.code), violation.reason),
        }
        self.patience.received(self.decoder.unfinished());
        self.account();
    }

    /// Answers the peer's Close.
    pub(super) fn answer_close(&mut self) {
        let out = self.out.tail();
        match &self.closed {
            Some((Some(code), reason)) if self.echo_close => self.encoder.close(Some(*code), reason, out),
            // Also of one without a code (RFC 6455 sections 5.5.1 and 7.1.5 leave that open): clients in Node.js take an answer
            // without one for a loss.
            Some(_) => self.encoder.close(Some(NORMAL), "", out),
            None => self.encoder.close(None, "", out),
        }
    }

    /// Ends the connection with a Close; nothing is read after it.
    pub(super) fn close(&mut self, code: Option<u16>, reason: &str) {
        self.encoder.close(code, reason, self.out.tail());
        self.open = false;
    }

    /// Sends the rest, then waits for the peer's end, within limits: closing a socket with unread bytes would reset
    /// it, and the peer might lose our last frame.
    ///
    /// # Errors
    /// If the peer has not taken all, and closed, in time.
    pub(super) async fn finish<S>(&mut self, io: &mut S, scratch: &Scratch) -> io::Result<()>
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
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the peer did not close in time");
        timeout(self.close_timeout, rest).await.unwrap_or_else(|_| Err(late()))
    }
}

/// The options `auto_ping_*`.
fn pings(options: &WebsocketOptions) -> AutoPing {
    let mut ping = AutoPing::new(Pings {
        interval: options.auto_ping_interval.unwrap_or_default(),
        timeout: options.auto_ping_timeout,
        size: options.auto_ping_size,
        on_any_traffic: options.auto_ping_restart_on_any_traffic,
    });
    ping.begin();
    ping
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
        write!(f, "{kind} of {} bytes: {}", payload.len(), Preview(payload))
    }
}
