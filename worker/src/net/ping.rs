//! Automatic pings: the options `auto_ping_*` of WebSocket and RawSocket.

use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// How a peer is pinged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pings {
    /// From what the peer was last heard of by to a ping; zero: never.
    pub(crate) interval: Duration,
    /// Until a ping must be answered; zero: it need not be.
    pub(crate) timeout: Duration,
    /// The payload of a ping, in bytes.
    pub(crate) size: u8,
    /// Whether whatever the peer sends is as good as an answer, and puts off the next ping.
    pub(crate) on_any_traffic: bool,
}

/// What the clock asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Send a ping.
    Send,
    /// The last one was not answered in time.
    GiveUp,
}

/// When to send a ping, and whether the last was answered. There is no timer before [`Self::begin`].
#[derive(Debug)]
pub(crate) struct AutoPing {
    timer: Option<Pin<Box<Sleep>>>,
    pings: Pings,
    /// When bytes arrived last. The timer is moved only when it fires, not with each read.
    heard: Instant,
    /// Payload of the ping that waits for its pong.
    waiting: Option<Vec<u8>>,
}

impl AutoPing {
    pub(crate) fn new(pings: Pings) -> Self {
        Self { timer: None, pings, heard: Instant::now(), waiting: None }
    }

    /// Never pings.
    pub(crate) fn never() -> Self {
        let none = Duration::ZERO;
        Self::new(Pings { interval: none, timeout: none, size: 0, on_any_traffic: true })
    }

    /// Pings the peer from now on, unless it is done already or never to be.
    pub(crate) fn begin(&mut self) {
        let interval = self.pings.interval;
        if self.timer.is_none() && !interval.is_zero() {
            self.heard = Instant::now();
            self.timer = Some(Box::pin(sleep(interval)));
        }
    }

    /// Ready when something is to be done.
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        loop {
            ready!(timer.as_mut().poll(cx));
            if self.waiting.is_some() {
                return Poll::Ready(Due::GiveUp);
            }
            let due = self.heard + self.pings.interval;
            if !self.pings.on_any_traffic || due <= Instant::now() {
                return Poll::Ready(Due::Send);
            }
            timer.as_mut().reset(due);
        }
    }

    /// The payload of the ping that is being sent; from now on its pong is waited for.
    pub(crate) fn sent(&mut self) -> Vec<u8> {
        // Not to be guessed, so that a pong proves that the ping arrived.
        let bytes = (0_u64..).flat_map(|i| RandomState::new().hash_one(i).to_be_bytes());
        let payload: Vec<u8> = bytes.take(self.pings.size.into()).collect();
        if self.pings.timeout.is_zero() {
            self.restart(self.pings.interval);
        } else {
            self.waiting = Some(payload.clone());
            self.restart(self.pings.timeout);
        }
        payload
    }

    /// Until a ping must be answered.
    pub(crate) fn timeout(&self) -> Duration {
        self.pings.timeout
    }

    /// A pong has arrived.
    pub(crate) fn pong(&mut self, payload: &[u8]) {
        if self.waiting.as_deref() == Some(payload) {
            self.waiting = None;
            self.restart(self.pings.interval);
        }
    }

    /// Bytes have arrived: the peer is alive.
    pub(crate) fn traffic(&mut self) {
        if self.timer.is_none() || !self.pings.on_any_traffic {
            return;
        }
        self.heard = Instant::now();
        if self.waiting.take().is_some() {
            self.restart(self.pings.interval);
        }
    }

    fn restart(&mut self, after: Duration) {
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(Instant::now() + after);
        }
    }
}
