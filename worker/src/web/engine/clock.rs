//! How long an HTTP connection waits for its client: for a request's head that has begun, or for any request.

use super::refusal::Refusal;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::time::Instant;

/// What the client may take its time for.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct Limits {
    /// From the first byte of a request to the end of its head.
    pub(in crate::web) head: Duration,
    /// From one request to the next.
    pub(in crate::web) idle: Option<Duration>,
    /// Without taking anything of an answer that waits to be sent; zero: any time.
    pub(in crate::web) send: Duration,
}

/// What the client has taken too long for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Cause {
    /// The head of a request, or a frame of HTTP/2.
    Head,
    /// The next request.
    Idle,
    /// Taking something of an answer.
    Send,
}

/// What a connection is waiting for. Atomic because hyper wants what it reads from to be `Send`; there is one
/// thread.
#[derive(Debug)]
pub(in crate::web) struct Clock {
    start: Instant,
    /// Requests that are being answered.
    busy: AtomicU32,
    /// Whether the head of a request has begun. HTTP/2 has other bytes between requests, and limits of its own.
    head: AtomicBool,
    watch_heads: bool,
    /// When the wait began: milliseconds after `start`.
    since: AtomicU64,
    /// The number of the frame of HTTP/2, or of the head in several, that has begun, and when, likewise; [`FLOWING`] if none
    /// has.
    frame: (AtomicU64, AtomicU64),
    /// When the client began to take nothing of what waits to be sent, likewise; [`FLOWING`] if it takes it.
    stalled: AtomicU64,
    /// Whether something of an answer may still be on its way out of hyper.
    answering: AtomicBool,
    /// Whether the client has begun to send content, of which some may be unread.
    content: AtomicBool,
    /// Whether the connection is to be broken off.
    broken_off: AtomicBool,
    /// What hyper has answered instead of us.
    refusal: OnceLock<Refusal>,
}

const FLOWING: u64 = u64::MAX;

impl Clock {
    /// The clock of a connection whose first request has begun to arrive.
    pub(in crate::web) fn new(watch_heads: bool) -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            busy: AtomicU32::new(0),
            head: AtomicBool::new(true),
            watch_heads,
            since: AtomicU64::new(0),
            frame: (AtomicU64::new(0), AtomicU64::new(FLOWING)),
            stalled: AtomicU64::new(FLOWING),
            answering: AtomicBool::new(false),
            content: AtomicBool::new(false),
            broken_off: AtomicBool::new(false),
            refusal: OnceLock::new(),
        })
    }

    fn now(&self) -> u64 {
        self.start.elapsed().as_millis() as u64
    }

    fn wait_from_now(&self) {
        self.since.store(self.now(), Relaxed);
    }

    /// The client has taken some of an answer, or takes nothing now.
    pub(in crate::web) fn sent(&self, some: bool) {
        if some {
            if self.stalled.load(Relaxed) != FLOWING {
                self.stalled.store(FLOWING, Relaxed);
            }
        } else if self.stalled.load(Relaxed) == FLOWING {
            self.stalled.store(self.now(), Relaxed);
        }
    }

    /// Bytes have arrived.
    pub(in crate::web) fn received(&self) {
        if self.watch_heads && self.busy.load(Relaxed) == 0 && !self.head.swap(true, Relaxed) {
            self.wait_from_now();
        }
    }

    /// Which frame of HTTP/2 has begun and not ended.
    pub(in crate::web) fn in_frame(&self, unfinished: Option<u64>) {
        let (number, since) = &self.frame;
        match unfinished {
            None if since.load(Relaxed) != FLOWING => since.store(FLOWING, Relaxed),
            Some(frame) if since.load(Relaxed) == FLOWING || number.load(Relaxed) != frame => {
                number.store(frame, Relaxed);
                since.store(self.now(), Relaxed);
            }
            None | Some(_) => {}
        }
    }

    /// Everything written so far is with the kernel.
    pub(in crate::web) fn flushed(&self) {
        if self.busy.load(Relaxed) == 0 {
            self.answering.store(false, Relaxed);
        }
    }

    /// Whether what is written now answers none of the requests of HTTP/1 that were told to [`Self::begin`].
    pub(in crate::web) fn is_unasked(&self) -> bool {
        self.watch_heads && !self.answering.load(Relaxed)
    }

    /// Lets the next write break the connection off.
    pub(in crate::web) fn break_off(&self) {
        self.broken_off.store(true, Relaxed);
    }

    /// Whether it does.
    pub(in crate::web) fn is_broken_off(&self) -> bool {
        self.broken_off.load(Relaxed)
    }

    /// What was to be a request was refused.
    pub(in crate::web) fn refuse(&self, refusal: Refusal) {
        let _ = self.refusal.set(refusal); // the connection ends with the first
    }

    /// What was refused, if something was.
    pub(in crate::web) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get().copied()
    }

    /// A request has content.
    pub(in crate::web) fn expect_content(&self) {
        self.content.store(true, Relaxed);
    }

    /// Whether the client may not have sent all that it is about to, in HTTP/1.
    pub(in crate::web) fn may_send_more(&self) -> bool {
        self.watch_heads && (self.content.load(Relaxed) || self.refusal.get().is_some())
    }

    /// A request's head is complete; the request is over when the guard is dropped.
    pub(in crate::web) fn begin(self: &Arc<Self>) -> Busy {
        self.head.store(false, Relaxed);
        self.answering.store(true, Relaxed);
        self.busy.fetch_add(1, Relaxed);
        Busy(Arc::clone(self))
    }

    /// Whether it is a head of HTTP/1 that is waited for.
    pub(in crate::web) fn is_in_head(&self) -> bool {
        self.watch_heads && self.head.load(Relaxed)
    }

    /// When the patience ends, if it does, and for what.
    pub(in crate::web) fn deadline(&self, limits: Limits) -> Option<(Instant, Cause)> {
        let after = |since: u64, limit| self.start + Duration::from_millis(since) + limit;
        let frame = Some(self.frame.1.load(Relaxed)).filter(|since| *since != FLOWING);
        let frame = frame.map(|since| (after(since, limits.head), Cause::Head));
        self.wait(limits).into_iter().chain(frame).min_by_key(|(at, _)| *at)
    }

    /// The same without frames.
    fn wait(&self, limits: Limits) -> Option<(Instant, Cause)> {
        let after = |since: u64, limit| self.start + Duration::from_millis(since) + limit;
        let stalled = self.stalled.load(Relaxed);
        if stalled != FLOWING && !limits.send.is_zero() {
            return Some((after(stalled, limits.send), Cause::Send));
        }
        if self.busy.load(Relaxed) > 0 {
            return None;
        }
        let since = self.since.load(Relaxed);
        Some(match self.head.load(Relaxed) {
            true if self.watch_heads => (after(since, limits.head), Cause::Head),
            // A connection of HTTP/2 on which nothing was asked yet.
            true => (after(since, limits.head), Cause::Idle),
            false => (after(since, limits.idle?), Cause::Idle),
        })
    }
}

/// A request that is being answered, or goes on as another protocol.
#[derive(Debug)]
pub(in crate::web) struct Busy(Arc<Clock>);

impl Clone for Busy {
    fn clone(&self) -> Self {
        self.0.busy.fetch_add(1, Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Relaxed) == 1 {
            self.0.head.store(false, Relaxed);
            self.0.wait_from_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const LIMITS: Limits = Limits {
        head: Duration::from_secs(10),
        idle: Some(Duration::from_secs(60)),
        send: Duration::from_secs(30),
    };

    #[tokio::test(start_paused = true)]
    async fn heads_and_pauses_are_limited_and_answers_are_not() {
        let clock = Clock::new(true);
        let start = Instant::now();
        let at = |seconds, cause| Some((start + Duration::from_secs(seconds), cause));
        assert_eq!(clock.deadline(LIMITS), at(10, Cause::Head));
        advance(Duration::from_secs(5)).await;
        clock.received();
        assert_eq!(clock.deadline(LIMITS), at(10, Cause::Head), "a head that comes slowly");
        let (first, second) = (clock.begin(), clock.begin());
        assert_eq!(clock.deadline(LIMITS), None);
        clock.received(); // the content of the request
        drop(first);
        assert_eq!(clock.deadline(LIMITS), None);
        drop(second);
        assert_eq!(clock.deadline(LIMITS), at(65, Cause::Idle));
        assert_eq!(clock.deadline(Limits { idle: None, ..LIMITS }), None);
        advance(Duration::from_secs(20)).await;
        clock.received();
        assert_eq!(clock.deadline(LIMITS), at(35, Cause::Head), "the next head");
        let answering = clock.begin();
        clock.sent(false);
        advance(Duration::from_secs(5)).await;
        clock.sent(false);
        assert_eq!(clock.deadline(LIMITS), at(55, Cause::Send), "an answer that is not taken");
        assert_eq!(clock.deadline(Limits { send: Duration::ZERO, ..LIMITS }), None);
        clock.sent(true);
        assert_eq!(clock.deadline(LIMITS), None);
        drop(answering);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_limited_whatever_else_goes_on() {
        let clock = Clock::new(false);
        let start = Instant::now();
        let at = |seconds, cause| Some((start + Duration::from_secs(seconds), cause));
        assert_eq!(clock.deadline(LIMITS), at(10, Cause::Idle), "nothing was asked");
        clock.in_frame(Some(0));
        assert_eq!(clock.deadline(LIMITS), at(10, Cause::Idle));
        let answering = clock.begin();
        advance(Duration::from_secs(3)).await;
        clock.in_frame(Some(0));
        assert_eq!(clock.deadline(LIMITS), at(10, Cause::Head));
        clock.in_frame(Some(1));
        assert_eq!(clock.deadline(LIMITS), at(13, Cause::Head));
        clock.in_frame(None);
        assert_eq!(clock.deadline(LIMITS), None);
        drop(answering);
        assert_eq!(clock.deadline(LIMITS), at(63, Cause::Idle));
    }
}
