//! How a process comes to its end: every connection holds a [`Drain`] and is told twice, first to finish what
//! it is doing, then, at the deadline, to close.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a client that has not said all that it is to say first, or that is between two requests, has for that
/// once draining has begun: it may be saying it just when we would close.
pub const LAST_WORD: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Draining,
    Closing,
}

/// Tells all holders of a [`Drain`] what is to be done.
#[derive(Debug)]
pub struct Drainer(watch::Sender<Phase>);

impl Drainer {
    /// A drainer and the first of its handles.
    #[must_use]
    pub fn new() -> (Self, Drain) {
        let (tx, rx) = watch::channel(Phase::Serving);
        (Self(tx), Drain(rx))
    }

    /// Another handle.
    pub fn drain(&self) -> Drain {
        Drain(self.0.subscribe())
    }

    /// Take nothing new, finish what is open.
    pub fn begin(&self) {
        self.0.send_if_modified(|phase| std::mem::replace(phase, Phase::Draining.max(*phase)) != *phase);
    }

    /// The time is over: close.
    pub fn close(&self) {
        self.0.send_replace(Phase::Closing);
    }

    /// Completes when the last handle is gone, that is when the last connection has ended.
    pub async fn finished(&self) {
        self.0.closed().await;
    }
}

/// A connection's view of the process's end.
#[derive(Clone, Debug)]
pub struct Drain(watch::Receiver<Phase>);

impl Drain {
    /// Completes once draining has begun (or the worker is gone).
    pub async fn begun(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Completes so long after draining has begun: when a client that could have said something by then won't.
    pub async fn begun_for(&self, time: Duration) {
        self.begun().await;
        sleep(time).await;
    }

    /// Completes at the deadline (or when the worker is gone).
    pub async fn closing(&self) {
        self.reached(Phase::Closing).await;
    }

    /// Whether draining has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.0.borrow() >= Phase::Draining
    }

    /// Whether the deadline is over.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        *self.0.borrow() >= Phase::Closing
    }

    async fn reached(&self, phase: Phase) {
        let mut seen = self.0.clone();
        let mut changes = pin!(seen.wait_for(|now| *now >= phase));
        let mut registered: Option<Waker> = None;
        // Polled whenever something happens on a connection: then a glance has to do.
        let glance = poll_fn(|cx| {
            let waits = registered.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
            if waits && matches!(self.0.has_changed(), Ok(false)) {
                return Poll::Pending;
            }
            registered = Some(cx.waker().clone());
            changes.as_mut().poll(cx).map(drop)
        });
        // An error means that the Drainer was dropped: the process ends.
        glance.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn handles_are_told_in_order_and_counted() {
        let (drainer, drain) = Drainer::new();
        let other = drain.clone();
        assert!(!drain.has_begun());
        drainer.begin();
        drain.begun().await;
        assert!(other.has_begun());
        drainer.close();
        drainer.begin();
        other.closing().await;
        drop((drain, other));
        drainer.finished().await;
    }
}
