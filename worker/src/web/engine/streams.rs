//! The streams of a connection of HTTP/2, each a task of its own. A client that takes nothing of an answer is not seen at
//! the socket: its windows (RFC 9113, section 5.2) are closed, and nothing is written. So each stream has a limit.

use hyper::rt::Executor;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::{Instant, Sleep, sleep_until};

thread_local! {
    /// The stream whose task is being polled.
    static CURRENT: RefCell<Option<Rc<Taking>>> = const { RefCell::new(None) };
}

/// What a stream's answer waits for.
#[derive(Debug, Default)]
pub(in crate::web) struct Taking {
    /// Since when the client is to take what there is; nothing while there is nothing, or all was handed on.
    since: Cell<Option<Instant>>,
}

impl Taking {
    /// That of the task that is being polled, if it is one of a stream.
    pub(in crate::web) fn current() -> Option<Rc<Self>> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Says whether the client is to take something from now on.
    pub(in crate::web) fn set(&self, waits: bool) {
        self.since.set(waits.then(Instant::now));
    }
}

/// Runs streams, each in a task of its own.
#[derive(Clone, Copy, Debug)]
pub(in crate::web) struct Streams {
    /// How long a client may take nothing of an answer; zero: any time.
    pub(in crate::web) limit: Duration,
}

impl<F: Future + 'static> Executor<F> for Streams
where
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        let taking = Rc::<Taking>::default();
        let stream = Stream { future: Some(Box::pin(future)), taking, limit: self.limit, alarm: None };
        spawn_local(stream);
    }
}

/// A stream. When its time is over it is dropped, by which it is reset.
struct Stream<F> {
    future: Option<Pin<Box<F>>>,
    taking: Rc<Taking>,
    limit: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Future for Stream<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { future, taking, limit, alarm } = &mut *self;
        let Some(running) = future else { return Poll::Ready(()) };
        let before = CURRENT.replace(Some(Rc::clone(taking)));
        let poll = running.as_mut().poll(cx);
        CURRENT.set(before);
        if poll.is_ready() {
            return Poll::Ready(());
        }
        loop {
            let Some(since) = taking.since.get().filter(|_| !limit.is_zero()) else { return Poll::Pending };
            let end = since + *limit;
            let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
            // It is set anew when it rings, and not with each part of an answer.
            if !alarm.is_elapsed() {
                ready!(alarm.as_mut().poll(cx));
            }
            if end <= Instant::now() {
                tracing::debug!(
                    "a stream of HTTP/2 is reset: its client took nothing for {} s (`send_timeout`)",
                    limit.as_secs_f64()
                );
                *future = None;
                return Poll::Ready(());
            }
            alarm.as_mut().reset(end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, poll_fn};
    use tokio::task::LocalSet;
    use tokio::time::timeout;

    /// Tells when it is dropped.
    struct Told(Rc<Cell<Option<Instant>>>);

    impl Drop for Told {
        fn drop(&mut self) {
            self.0.set(Some(Instant::now()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_whose_client_takes_nothing_is_dropped_and_one_that_waits_for_us_is_not() {
        let limit = Duration::from_secs(10);
        let local = LocalSet::new();
        let start = Instant::now();
        let [stalled, idle, slow] = [(); 3].map(|()| Rc::new(Cell::new(None)));
        let run = |ended: &Rc<Cell<Option<Instant>>>, steps: u64, waits: bool| {
            let told = Told(Rc::clone(ended));
            let stream = async move {
                let _told = told;
                let taking = poll_fn(|_| Poll::Ready(Taking::current())).await.unwrap();
                taking.set(waits);
                for _ in 0..steps {
                    tokio::time::sleep(Duration::from_secs(9)).await;
                    taking.set(waits);
                }
                pending::<()>().await;
            };
            local.enter();
            let _guard = local.enter();
            Streams { limit }.execute(stream);
        };
        run(&stalled, 0, true);
        run(&idle, 0, false);
        run(&slow, 4, true);
        let _ = timeout(Duration::from_secs(1000), local.run_until(pending::<()>())).await;
        let after = |ended: &Rc<Cell<Option<Instant>>>| ended.get().map(|at| (at - start).as_secs());
        assert_eq!((after(&stalled), after(&idle), after(&slow)), (Some(10), None, Some(46)));
        assert!(Taking::current().is_none());
    }
}
