//! Time limits for a peer that has begun a message and doesn't end it, or doesn't take what is sent to it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a peer may take; zero: any time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From the first byte of a message to its last.
    pub(crate) message: Duration,
    /// Without taking anything of what waits to be sent.
    pub(crate) send: Duration,
}

/// Which limit is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Late {
    Message(Duration),
    Send(Duration),
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(limit) => {
                write!(f, "a message was not complete within {} s (`message_timeout`)", limit.as_secs_f64())
            }
            Self::Send(limit) => {
                write!(f, "the peer took nothing for {} s (`send_timeout`)", limit.as_secs_f64())
            }
        }
    }
}

/// What is waited for on one connection. There is no timer before something is.
#[derive(Debug)]
pub(crate) struct Patience {
    limits: Limits,
    /// The number of the message that has begun, and when it did.
    message: Option<(u64, Instant)>,
    /// When the peer last took something, while more waits.
    stalled: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub(crate) const fn new(limits: Limits) -> Self {
        Self { limits, message: None, stalled: None, timer: None }
    }

    /// Says which message has begun and not ended, if one has: by its number, since the next may have begun with the
    /// same read that ended this.
    pub(crate) fn received(&mut self, unfinished: Option<u64>) {
        if unfinished != self.message.map(|(number, _)| number) {
            self.message = unfinished.map(|number| (number, Instant::now()));
        }
    }

    /// Says whether something waits to be sent, and whether the peer has just taken some.
    pub(crate) fn sent(&mut self, waits: bool, some: bool) {
        if !waits {
            self.stalled = None;
        } else if some || self.stalled.is_none() {
            self.stalled = Some(Instant::now());
        }
    }

    fn deadline(&self) -> Option<(Instant, Late)> {
        let Limits { message, send } = self.limits;
        let unfinished = self.message.filter(|_| !message.is_zero());
        let stalled = self.stalled.filter(|_| !send.is_zero());
        let unfinished = unfinished.map(|(_, since)| (since + message, Late::Message(message)));
        let stalled = stalled.map(|since| (since + send, Late::Send(send)));
        unfinished.into_iter().chain(stalled).min_by_key(|(at, _)| *at)
    }

    /// Ready when a limit is over. The timer is set anew when it rings, or would ring too late, and not with each read.
    pub(crate) fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        let Some((at, late)) = self.deadline() else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.is_elapsed() || at < timer.deadline() {
            timer.as_mut().reset(at);
        }
        loop {
            ready!(timer.as_mut().poll(cx));
            if at <= Instant::now() {
                return Poll::Ready(late);
            }
            timer.as_mut().reset(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::{advance, timeout};

    const LIMITS: Limits = Limits { message: Duration::from_secs(10), send: Duration::from_secs(5) };

    async fn late(patience: &mut Patience) -> Late {
        poll_fn(|cx| patience.poll_late(cx)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_is_limited_as_a_whole_and_the_next_one_anew() {
        let mut patience = Patience::new(LIMITS);
        let start = Instant::now();
        assert!(
            timeout(Duration::from_secs(100), late(&mut patience)).await.is_err(),
            "nothing is waited for"
        );
        patience.received(Some(0));
        advance(Duration::from_secs(8)).await;
        patience.received(Some(0));
        advance(Duration::from_secs(1)).await;
        patience.received(Some(1));
        assert_eq!(late(&mut patience).await, Late::Message(LIMITS.message));
        assert_eq!(start.elapsed().as_secs(), 100 + 9 + 10);
        patience.received(None);
        assert!(timeout(Duration::from_secs(100), late(&mut patience)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_some_has_its_time_anew() {
        let mut patience = Patience::new(LIMITS);
        let start = Instant::now();
        patience.sent(true, false);
        advance(Duration::from_secs(4)).await;
        patience.sent(true, true);
        advance(Duration::from_secs(4)).await;
        patience.sent(true, false);
        assert_eq!(late(&mut patience).await, Late::Send(LIMITS.send));
        assert_eq!(start.elapsed().as_secs(), 9);
        patience.sent(false, true);
        assert!(timeout(Duration::from_secs(100), late(&mut patience)).await.is_err());
        let mut patience = Patience::new(Limits { message: Duration::ZERO, send: Duration::ZERO });
        patience.sent(true, false);
        patience.received(Some(1));
        assert!(timeout(Duration::from_secs(100), late(&mut patience)).await.is_err(), "no limits");
    }
}
