//! How long a connection waits for its client; of HTTP/2, by a clock that those share who know what it waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
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
    /// A frame, or the head that goes on with it.
    Frame,
    /// The next request.
    Idle,
    /// Taking something of an answer.
    Send,
}

/// What a connection of HTTP/2 is waiting for. Atomic because extensions of requests have to be `Send`; there is one thread.
#[derive(Debug)]
pub(in crate::web) struct Clock {
    start: Instant,
    /// Requests that are being answered.
    busy: AtomicU32,
    /// Whether something was asked.
    asked: AtomicBool,
    /// When the wait began: milliseconds after `start`.
    since: AtomicU64,
    /// The number of the frame, or of the head in several, that has begun, and when, likewise; [`FLOWING`] if none has.
    frame: (AtomicU64, AtomicU64),
    /// When the client began to take nothing of what waits to be sent, likewise; [`FLOWING`] if it takes it.
    stalled: AtomicU64,
    /// Whether the connection is to be broken off.
    broken_off: AtomicBool,
}

const FLOWING: u64 = u64::MAX;

impl Clock {
    /// The clock of a connection that has begun.
    pub(in crate::web) fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            busy: AtomicU32::new(0),
            asked: AtomicBool::new(false),
            since: AtomicU64::new(0),
            frame: (AtomicU64::new(0), AtomicU64::new(FLOWING)),
            stalled: AtomicU64::new(FLOWING),
            broken_off: AtomicBool::new(false),
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

    /// Lets the next write break the connection off.
    pub(in crate::web) fn break_off(&self) {
        self.broken_off.store(true, Relaxed);
    }

    /// Whether it does.
    pub(in crate::web) fn is_broken_off(&self) -> bool {
        self.broken_off.load(Relaxed)
    }

    /// A request's head is complete; the request is over when the guard is dropped.
    pub(in crate::web) fn begin(self: &Arc<Self>) -> Busy {
        self.asked.store(true, Relaxed);
        self.busy.fetch_add(1, Relaxed);
        Busy(Arc::clone(self))
    }

    /// When the patience ends, if it does, and for what.
    pub(in crate::web) fn deadline(&self, limits: Limits) -> Option<(Instant, Cause)> {
        let after = |since: u64, limit| self.start + Duration::from_millis(since) + limit;
        let frame = Some(self.frame.1.load(Relaxed)).filter(|since| *since != FLOWING);
        let frame = frame.map(|since| (after(since, limits.head), Cause::Frame));
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
        let limit = if self.asked.load(Relaxed) { limits.idle? } else { limits.head };
        Some((after(since, limit), Cause::Idle))
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
    async fn pauses_are_limited_and_answers_are_not() {
        let clock = Clock::new();
        let start = Instant::now();
        let at = |seconds, cause| Some((start + Duration::from_secs(seconds), cause));
        assert_eq!(clock.deadline(LIMITS), at(10, Cause::Idle));
        advance(Duration::from_secs(5)).await;
        let (first, second) = (clock.begin(), clock.begin());
        assert_eq!(clock.deadline(LIMITS), None);
        drop(first);
        assert_eq!(clock.deadline(LIMITS), None);
        drop(second);
        assert_eq!(clock.deadline(LIMITS), at(65, Cause::Idle));
        assert_eq!(clock.deadline(Limits { idle: None, ..LIMITS }), None);
        let answering = clock.begin();
        clock.sent(false);
        advance(Duration::from_secs(5)).await;
        clock.sent(false);
        assert_eq!(clock.deadline(LIMITS), at(35, Cause::Send), "an answer that is not taken");
        assert_eq!(clock.deadline(Limits { send: Duration::ZERO, ..LIMITS }), None);
        clock.sent(true);
        assert_eq!(clock.deadline(LIMITS), None);
        drop(answering);
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_limited_whatever_else_goes_on() {
        let clock = Clock::new();
        let start = Instant::now();
        let at = |seconds, cause| Some((start + Duration::from_secs(seconds), cause));
        assert_eq!(clock.deadline(LIMITS), at(10, Cause::Idle), "nothing was asked");
        clock.in_frame(Some(0));
        assert_eq!(clock.deadline(LIMITS), at(10, Cause::Idle));
        let answering = clock.begin();
        advance(Duration::from_secs(3)).await;
        clock.in_frame(Some(0));
        assert_eq!(clock.deadline(LIMITS), at(10, Cause::Frame));
        clock.in_frame(Some(1));
        assert_eq!(clock.deadline(LIMITS), at(13, Cause::Frame));
        clock.in_frame(None);
        assert_eq!(clock.deadline(LIMITS), None);
        drop(answering);
        assert_eq!(clock.deadline(LIMITS), at(63, Cause::Idle));
    }
}
