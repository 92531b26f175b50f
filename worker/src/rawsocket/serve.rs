//! A RawSocket connection: its handshake, and the frames that carry the messages of a [`Handler`].

use super::frame::{Decoder, FrameError, Kind, encode};
use super::handshake::{MAGIC, Refusal, Request};
use crate::log::Preview;
use crate::messages::{self, Handler, Sender};
use crate::net::backlog::{Backlog, Scratch, poll_read};
use crate::net::budget::Budget;
use crate::net::close::close;
use crate::net::patience::{Late, Limits, Patience};
use crate::net::ping::{AutoPing, Due, Pings};
use crate::net::stream::Peer;
use jackfield_shared::config::{RawsocketOptions, Serializer};
use std::future::poll_fn;
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tracing::info;

/// Why a connection ended other than by the client's wish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("RawSocket: the handshake did not come within {} s", .0.as_secs_f64())]
    Silent(Duration),
    #[error("RawSocket: the first byte is {0:#04x}, expected 0x7f")]
    Magic(u8),
    #[error("RawSocket: {0}")]
    Refused(Refusal),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("RawSocket: the client ended in the middle of a message")]
    Truncated,
    #[error("RawSocket: {0}")]
    Late(Late),
    #[error("RawSocket: the client said nothing for {} s after a ping (`auto_ping_timeout`)", .0.as_secs_f64())]
    Unanswered(Duration),
    #[error("RawSocket: no room for messages (`max_buffered_size`)")]
    NoRoom,
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// Whether the client has not taken what was sent to it.
    pub(crate) fn is_left_behind(&self) -> bool {
        matches!(self, Self::Late(Late::Send(_)))
    }
}

/// How a connection is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    /// The serializers a client may name; absent: every one.
    pub(crate) serializers: Option<&'a [Serializer]>,
    pub(crate) options: &'a RawsocketOptions,
    /// Whether messages are logged.
    pub(crate) debug: bool,
    pub(crate) handshake_timeout: Duration,
    pub(crate) pings: Pings,
    /// Whether every client is pinged, and not only one that has sent a ping itself.
    pub(crate) pings_everybody: bool,
}

/// What was agreed on for one connection.
#[derive(Debug)]
pub(crate) struct Agreed<'a> {
    pub(crate) options: &'a RawsocketOptions,
    /// The longest message that the peer takes, in bytes.
    pub(crate) longest: usize,
    /// Whose messages are logged.
    pub(crate) debug: Option<Peer>,
    pub(crate) ping: AutoPing,
}

/// Once so many bytes wait to be written, no more are read or made: a peer that does not read is slowed down.
const HIGH_WATER: usize = 256 << 10;

/// Frames messages for a peer.
struct Frames<'a> {
    out: &'a mut Vec<u8>,
    /// The longest message that the peer takes.
    most: usize,
    fault: &'a mut Option<FrameError>,
}

impl Sender for Frames<'_> {
    fn send(&mut self, _: messages::Kind, payload: &[u8]) -> ControlFlow<()> {
        if let Err(fault) = encode(Kind::Message, payload, self.most, self.out) {
            *self.fault = Some(fault);
            return ControlFlow::Break(());
        }
        if self.out.len() < HIGH_WATER { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

/// Does the handshake, then hands messages to the handler that `open` makes of it, and answers pings, until one side
/// ends.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin, H: Handler>(
    mut stream: S,
    peer: Peer,
    terms: Terms<'_>,
    scratch: &Scratch,
    budget: &Rc<Budget>,
    open: impl FnOnce(&Request) -> H,
) -> Result<(), Error> {
    let most = terms.options.max_message_size;
    let bytes = receive(&mut stream, terms.handshake_timeout).await?;
    let allowed = |request: &Request| match terms.serializers {
        Some(list) => list.iter().any(|serializer| serializer.name() == request.serializer()),
        None => true,
    };
    let request = match Request::parse(bytes) {
        Ok(request) if allowed(&request) => request,
        Ok(request) => return Err(reject(&mut stream, request.refusal()).await),
        Err(refusal) => return Err(reject(&mut stream, refusal).await),
    };
    stream.write_all(&request.reply(most)).await?;
    if terms.debug {
        info!("{peer}: RawSocket with {}, messages of up to {} bytes", request.serializer(), request.most);
    }
    let handler = open(&request);
    let mut ping = AutoPing::new(terms.pings);
    if terms.pings_everybody {
        ping.begin();
    }
    let debug = terms.debug.then_some(peer);
    let agreed = Agreed { options: terms.options, longest: request.most, debug, ping };
    exchange(stream, agreed, scratch, budget, handler).await
}

/// Hands messages to the handler until one side ends. A peer that pings is pinged from then on, where that is asked for: it
/// has shown that it knows pings.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin, H: Handler>(
    mut stream: S,
    agreed: Agreed<'_>,
    scratch: &Scratch,
    budget: &Rc<Budget>,
    mut handler: H,
) -> Result<(), Error> {
    let Agreed { options, longest, debug, mut ping } = agreed;
    let mut decoder = Decoder::new(options.max_message_size as usize);
    let mut backlog = Backlog::EMPTY;
    let mut fault = None;
    let mut ending = false;
    let limits = Limits { message: options.message_timeout, send: options.send_timeout };
    let mut patience = Patience::new(limits);
    let mut share = budget.share();
    poll_fn(|cx| {
        let mut scratch = scratch.borrow();
        loop {
            let mut has_more = false;
            if fault.is_none() && !ending {
                has_more = backlog.waiting() >= HIGH_WATER || {
                    let mut frames = Frames { out: backlog.tail(), most: longest, fault: &mut fault };
                    handler.outgoing(cx, &mut frames).is_break()
                };
                ending = handler.ending().is_some();
            }
            let before = backlog.waiting();
            let flushed = backlog.poll_flush(cx, &mut stream);
            patience.sent(!backlog.is_empty(), backlog.waiting() < before);
            if !share.set(decoder.memory() + backlog.memory() + handler.memory()) {
                return Poll::Ready(Err(Error::NoRoom));
            }
            if flushed.is_pending() {
                return patience.poll_late(cx).map(|late| Err(Error::Late(late)));
            }
            ready!(flushed)?;
            if let Some(fault) = fault.take() {
                return Poll::Ready(Err(Error::Frame(fault)));
            }
            if ending {
                return Poll::Ready(Ok(()));
            }
            if has_more {
                continue;
            }
            if !handler.takes(cx) {
                return patience.poll_late(cx).map(|late| Err(Error::Late(late)));
            }
            let Poll::Ready(count) = poll_read(cx, &mut stream, &mut scratch)? else {
                patience.received(decoder.unfinished());
                match ping.poll_due(cx) {
                    Poll::Ready(Due::Send) => {
                        fault = encode(Kind::Ping, &ping.sent(), longest, backlog.tail()).err();
                        continue;
                    }
                    Poll::Ready(Due::GiveUp) => return Poll::Ready(Err(Error::Unanswered(ping.timeout()))),
                    Poll::Pending => return patience.poll_late(cx).map(|late| Err(Error::Late(late))),
                }
            };
            ping.traffic();
            if count == 0 {
                return Poll::Ready(if decoder.unfinished().is_some() {
                    Err(Error::Truncated)
                } else {
                    Ok(())
                });
            }
            // All answers to what came at once go out at once.
            let mut late_fault = None;
            let mut frames = Frames { out: backlog.tail(), most: longest, fault: &mut late_fault };
            let fed = decoder.feed(&scratch[..count], |kind, payload| {
                if let Some(peer) = debug {
                    info!("{peer}: received {kind:?} of {} bytes: {}", payload.len(), Preview(payload));
                }
                match kind {
                    Kind::Message => {
                        // What has arrived is in memory already, so that it is handled whether there is room or not.
                        let _ = handler.message(messages::Kind::Binary, payload, &mut frames);
                        frames.fault.take().map_or(Ok(()), Err)
                    }
                    Kind::Ping => {
                        ping.begin();
                        encode(Kind::Pong, payload, longest, frames.out)
                    }
                    Kind::Pong => Ok(()), // as good as any other traffic
                }
            });
            fault = fed.err(); // what came before it is answered first
        }
    })
    .await?;
    // Of TLS, this may wait for the peer to take what was sent before.
    let end = stream.shutdown();
    match options.send_timeout {
        Duration::ZERO => Ok(end.await?),
        limit => Ok(tokio::time::timeout(limit, end).await.map_err(|_| Error::Late(Late::Send(limit)))??),
    }
}

/// Answers a client that speaks RawSocket where there is none; what it says is read, so that it gets the answer.
pub(crate) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    timeout: Duration,
) -> Result<(), Error> {
    receive(&mut stream, timeout).await?;
    Err(reject(&mut stream, Refusal::NotServed).await)
}

/// What follows the first byte.
async fn receive<S: AsyncRead + Unpin>(stream: &mut S, timeout: Duration) -> Result<[u8; 3], Error> {
    let bytes = async {
        let first = stream.read_u8().await?;
        if first != MAGIC {
            return Err(Error::Magic(first));
        }
        let mut bytes = [0; 3];
        stream.read_exact(&mut bytes).await?;
        Ok(bytes)
    };
    tokio::time::timeout(timeout, bytes).await.map_err(|_| Error::Silent(timeout))?
}

/// Tells the client why, and closes.
async fn reject<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, refusal: Refusal) -> Error {
    let told = async {
        stream.write_all(&refusal.reply()).await?;
        close(stream).await
    };
    told.await.map_or_else(Error::Io, |()| Error::Refused(refusal))
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
