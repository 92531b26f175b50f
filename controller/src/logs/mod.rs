//! The node's one stream of log records: from the controller and all workers, to the terminal, to a ring in
//! memory and to everybody who follows. Records of one source keep their order.

mod filter;
mod follower;
mod format;
mod lines;
mod ring;
mod sink;
mod time;

pub(crate) use filter::Filter;
pub(crate) use follower::QUEUE as FOLLOWER_QUEUE;
pub(crate) use format::{Format, escape};
pub(crate) use lines::Lines;
pub(crate) use sink::Sink;
pub(crate) use time::parse_rfc3339;

use crate::control::Response;
use follower::Follower;
use jackfield_shared::log::{Level, Record};
use ring::Ring;
use std::cell::RefCell;
use std::rc::Rc;
use tokio::sync::mpsc;

/// Where all records come together. A handle: its clones are the same hub.
#[derive(Clone, Debug)]
pub(crate) struct Hub(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    level: Level,
    format: Format,
    ring: Ring,
    sink: Option<Sink>,
    followers: Vec<Follower>,
    dropped: u64,
}

impl Hub {
    /// A hub for records of this level and above.
    pub(crate) fn new(level: Level, format: Format, sink: Option<Sink>) -> Self {
        let (ring, followers) = (Ring::default(), Vec::new());
        Self(Rc::new(RefCell::new(Inner { level, format, ring, sink, followers, dropped: 0 })))
    }

    /// Least important level of the records that are kept.
    pub(crate) fn level(&self) -> Level {
        self.0.borrow().level
    }

    /// A record of the controller's own.
    pub(crate) fn log(&self, level: Level, message: impl Into<String>) {
        self.publish(Record::now(level, message));
    }

    /// Takes a record in and passes it on to all who want it.
    pub(crate) fn publish(&self, record: Record) {
        self.0.borrow_mut().publish(record);
    }

    /// Prints on standard output, in order with the records on the terminal.
    pub(crate) fn print(&self, text: String) {
        if let Some(sink) = &mut self.0.borrow_mut().sink {
            sink.results(text);
        }
    }

    /// Sends the newest `last` matching records (all, if absent) and, if `follow` is set, those to come.
    pub(crate) fn serve(
        &self,
        filter: Filter,
        last: Option<usize>,
        follow: bool,
        to: mpsc::Sender<Response>,
    ) {
        let inner = &mut *self.0.borrow_mut();
        let newest = inner.ring.iter().rev().filter(|r| filter.matches(r)).take(last.unwrap_or(usize::MAX));
        let mut records: Vec<_> = newest.cloned().collect();
        records.reverse();
        let mut follower = Follower::new(filter, to);
        if records.iter().all(|record| follower.offer(record, &mut inner.dropped)) && follow {
            inner.followers.push(follower);
        }
    }

    /// Records that did not reach somebody, because a queue of the controller was full or a disk was.
    pub(crate) fn dropped(&self) -> u64 {
        let inner = self.0.borrow();
        inner.dropped + inner.sink.as_ref().map_or(0, Sink::failed)
    }

    /// Waits until everything for the terminal has been written, but not for ever.
    pub(crate) fn flush(&self) {
        if let Some(sink) = &mut self.0.borrow_mut().sink {
            sink.flush();
        }
    }

    /// Goes on without a terminal, after everything for it has been written.
    pub(crate) fn leave_terminal(&self) {
        if let Some(sink) = self.0.borrow_mut().sink.take() {
            sink.finish();
        }
    }
}

impl Inner {
    fn publish(&mut self, record: Record) {
        if record.level > self.level {
            return;
        }
        if let Some(sink) = &mut self.sink {
            self.dropped += u64::from(!sink.log(self.format.render(&record)));
        }
        let dropped = &mut self.dropped;
        self.followers.retain_mut(|follower| follower.offer(&record, dropped));
        self.ring.push(record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> Hub {
        Hub::new(Level::Info, Format::Pretty, None)
    }

    fn filter() -> Filter {
        Filter { workers: vec![], level: Level::Trace, since_us: 0 }
    }

    fn received(rx: &mut mpsc::Receiver<Response>) -> Vec<String> {
        let mut texts = Vec::new();
        while let Ok(item) = rx.try_recv() {
            texts.push(match item {
                Response::Record(record) => record.message,
                other => format!("{other:?}"),
            });
        }
        texts
    }

    #[test]
    fn the_newest_are_served_oldest_first() {
        let hub = hub();
        for text in ["a", "b", "c"] {
            hub.log(Level::Info, text);
        }
        hub.log(Level::Debug, "below the level");
        let (tx, mut rx) = mpsc::channel(10);
        hub.serve(filter(), Some(2), false, tx);
        hub.log(Level::Info, "later");
        assert_eq!(received(&mut rx), ["b", "c"]);
        assert!(rx.is_closed());
    }

    #[test]
    fn a_slow_follower_is_told_what_it_missed() {
        let hub = hub();
        let (tx, mut rx) = mpsc::channel(2);
        hub.serve(filter(), None, true, tx);
        for text in ["a", "b", "c", "d"] {
            hub.log(Level::Info, text);
        }
        assert_eq!(hub.dropped(), 2);
        assert_eq!(received(&mut rx), ["a", "b"]);
        hub.log(Level::Info, "e");
        assert_eq!(received(&mut rx), ["Dropped(2)", "e"]);
        drop(rx);
        hub.log(Level::Info, "f");
        assert!(hub.0.borrow().followers.is_empty());
    }
}
