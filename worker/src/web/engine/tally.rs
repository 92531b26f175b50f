//! What is counted of requests: nothing is looked up for it, and nothing allocated after the first request of its kind.

use super::received::Arrival;
use hyper::StatusCode;
use jackfield_shared::status::{LATENCY_BOUNDS, Latency, Web};
use std::array;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::time::Instant;

/// What was counted at one path.
#[derive(Debug)]
pub(crate) struct Tally {
    host: String,
    path: String,
    service: &'static str,
    /// In the order in which they were first answered with: there are few.
    statuses: RefCell<Vec<(StatusCode, u64)>>,
    /// Whether the controller does not know all of it.
    is_news: Cell<bool>,
    received: Cell<u64>,
    sent: Cell<u64>,
    sum_us: Cell<u64>,
    buckets: [Cell<u64>; LATENCY_BOUNDS.len() + 1],
}

impl Tally {
    pub(in crate::web) fn new(host: &str, path: &str, service: &'static str) -> Rc<Self> {
        Rc::new(Self {
            host: host.to_owned(),
            path: path.to_owned(),
            service,
            statuses: RefCell::default(),
            is_news: Cell::new(true),
            received: Cell::default(),
            sent: Cell::default(),
            sum_us: Cell::default(),
            buckets: array::from_fn(|_| Cell::default()),
        })
    }

    /// The name of the host as it is configured.
    pub(in crate::web) fn host(&self) -> &str {
        &self.host
    }

    /// The path as it is configured.
    pub(in crate::web) fn path(&self) -> &str {
        &self.path
    }

    fn count(&self, status: StatusCode, took_us: u64, received: u64, sent: u64) {
        self.is_news.set(true);
        let mut statuses = self.statuses.borrow_mut();
        match statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += 1,
            None => statuses.push((status, 1)),
        }
        let add = |to: &Cell<u64>, more| to.set(to.get().saturating_add(more));
        add(&self.received, received);
        add(&self.sent, sent);
        add(&self.sum_us, took_us);
        let bucket = LATENCY_BOUNDS.iter().take_while(|bound| **bound < took_us).count();
        if let Some(bucket) = self.buckets.get(bucket) {
            add(bucket, 1);
        }
    }

    /// What was counted so far, if that is more than when this was asked last; whose it is, is to be filled in.
    pub(in crate::web) fn news(&self) -> Option<Web> {
        self.is_news.replace(false).then(|| self.counters())
    }

    fn counters(&self) -> Web {
        let requests =
            self.statuses.borrow().iter().map(|(status, count)| (status.as_u16(), *count)).collect();
        let buckets = self.buckets.iter().map(Cell::get).collect();
        Web {
            host: self.host.clone(),
            path: self.path.clone(),
            service: self.service.to_owned(),
            requests,
            received_bytes: self.received.get(),
            sent_bytes: self.sent.get(),
            latency: Latency { sum_us: self.sum_us.get(), buckets },
            ..Web::default()
        }
    }
}

/// A request that is being answered: counted when the answer has been sent or given up.
#[derive(Debug)]
pub(super) struct Counted {
    tally: Rc<Tally>,
    began: Instant,
    status: StatusCode,
    arrival: Option<Rc<Arrival>>,
}

impl Counted {
    pub(super) const fn new(
        tally: Rc<Tally>,
        began: Instant,
        status: StatusCode,
        arrival: Option<Rc<Arrival>>,
    ) -> Self {
        Self { tally, began, status, arrival }
    }

    /// So many bytes of the answer's content were sent.
    pub(super) fn finish(&self, sent: u64) {
        let took_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        let received = self.arrival.as_ref().map_or(0, |arrival| arrival.received());
        self.tally.count(self.status, took_us, received, sent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_status_and_time() {
        let tally = Tally::new("a.test", "a/b", "static");
        for (status, us) in [(200, 0), (200, 500), (404, 501), (200, 20_000_000)] {
            tally.count(StatusCode::from_u16(status).unwrap(), us, 1, 10);
        }
        let web = tally.counters();
        assert_eq!((web.path.as_str(), web.service.as_str()), ("a/b", "static"));
        assert_eq!(web.requests, [(200, 3), (404, 1)].into());
        assert_eq!((web.received_bytes, web.sent_bytes, web.latency.sum_us), (4, 40, 20_001_001));
        assert_eq!((web.latency.buckets[0], web.latency.buckets[1], web.latency.buckets[14]), (2, 1, 1));
        assert_eq!(web.latency.buckets.iter().sum::<u64>(), 4);
        assert_eq!((tally.news(), tally.news()), (Some(web), None));
        tally.count(StatusCode::OK, 0, 0, 0);
        assert_eq!(tally.news(), Some(tally.counters()));
    }
}
