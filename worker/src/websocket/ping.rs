//! Automatic pings: the options `auto_ping_*`.

use jackfield_shared::config::WebsocketOptions;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// What the clock asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Send a ping.
    Send,
    /// The last one was not answered in time.
    GiveUp,
}

/// When to send a ping, and whether the last was answered. Without `auto_ping_interval` there is no timer.
#[derive(Debug)]
pub(super) struct AutoPing {
    timer: Option<Pin<Box<Sleep>>>,
    interval: Duration,
    timeout: Duration,
    size: usize,
    on_any_traffic: bool,
    /// When octets arrived last. The timer is moved only when it fires, not with each read.
    heard: Instant,
    /// Payload of the ping that waits for its pong.
    waiting: Option<Vec<u8>>,
}

impl AutoPing {
    pub(super) fn new(options: &WebsocketOptions) -> Self {
        let interval = options.auto_ping_interval.unwrap_or_default();
        Self {
            timer: (!interval.is_zero()).then(|| Box::pin(sleep(interval))),
            interval,
            timeout: options.auto_ping_timeout,
            size: options.auto_ping_size.into(),
            on_any_traffic: options.auto_ping_restart_on_any_traffic,
            heard: Instant::now(),
            waiting: None,
        }
    }

    /// Ready when something is to be done.
    pub(super) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        let Some(timer) = &mut self.timer else { return Poll::Pending };
        loop {
            ready!(timer.as_mut().poll(cx));
            if self.waiting.is_some() {
                return Poll::Ready(Due::GiveUp);
            }
            let due = self.heard + self.interval;
            if !self.on_any_traffic || due <= Instant::now() {
                return Poll::Ready(Due::Send);
            }
            timer.as_mut().reset(due);
        }
    }

    /// The payload of the ping that is being sent; from now on its pong is waited for.
    pub(super) fn sent(&mut self) -> Vec<u8> {
        // Not to be guessed, so that a pong proves that the ping arrived.
        let octets = (0_u64..).flat_map(|i| RandomState::new().hash_one(i).to_be_bytes());
        let payload: Vec<u8> = octets.take(self.size).collect();
        if self.timeout.is_zero() {
            self.restart(self.interval);
        } else {
            self.waiting = Some(payload.clone());
            self.restart(self.timeout);
        }
        payload
    }

    /// A pong has arrived.
    pub(super) fn pong(&mut self, payload: &[u8]) {
        if self.waiting.as_deref() == Some(payload) {
            self.waiting = None;
            self.restart(self.interval);
        }
    }

    /// Octets have arrived: the peer is alive.
    pub(super) fn traffic(&mut self) {
        if self.timer.is_none() || !self.on_any_traffic {
            return;
        }
        self.heard = Instant::now();
        if self.waiting.take().is_some() {
            self.restart(self.interval);
        }
    }

    fn restart(&mut self, after: Duration) {
        if let Some(timer) = &mut self.timer {
            timer.as_mut().reset(Instant::now() + after);
        }
    }
}
