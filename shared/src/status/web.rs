//! Paths of web servers in the answer.

use crate::named::named;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Upper bounds of the buckets of [`Latency`], in microseconds; a last bucket has what took longer.
pub const LATENCY_BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];

/// What was counted at a path of a web server, by processes that are gone, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Web {
    /// Id of its worker.
    pub worker: String,
    /// Id of its transport.
    pub transport: String,
    /// The name of the host, as it is configured; empty: all that have no paths of their own.
    #[serde(default)]
    pub host: String,
    /// The path as it is configured, with those that it is below: `api/users`; empty: what was answered by no path service.
    pub path: String,
    /// Type of the path service: `static`, …; empty: none.
    pub service: String,
    /// Requests that were answered, by the status of the answer.
    pub requests: BTreeMap<u16, u64>,
    /// Bytes of the content of requests.
    pub received_bytes: u64,
    /// Bytes of the content of answers.
    pub sent_bytes: u64,
    /// How long answers took, from the end of the request's head to the end of the answer.
    pub latency: Latency,
}

/// What several processes tell of one place, to be added up.
pub trait Told: Clone {
    /// The place: what is told of the same one belongs together.
    fn place(&self) -> [&str; 4];

    /// Adds what another process tells of it.
    fn add(&mut self, other: &Self);
}

/// Adds what is told to what is known, in the order of places.
pub fn gather<'a, T: Told + 'a>(known: &mut Vec<T>, told: impl IntoIterator<Item = &'a T>) {
    join(known, told.into_iter().cloned(), |first, later| first.add(later));
}

/// Puts what is told in the place of what was known, in the order of places.
pub fn renew<T: Told>(known: &mut Vec<T>, told: Vec<T>) {
    if !told.is_empty() {
        join(known, told, std::mem::swap);
    }
}

fn join<T: Told>(known: &mut Vec<T>, told: impl IntoIterator<Item = T>, with: impl Fn(&mut T, &mut T)) {
    known.extend(told);
    known.sort_by(|one, other| one.place().cmp(&other.place()));
    known.dedup_by(|later, first| {
        let is_same = later.place() == first.place();
        if is_same {
            with(first, later);
        }
        is_same
    });
}

impl Told for Web {
    fn place(&self) -> [&str; 4] {
        [&self.transport, &self.host, &self.path, &self.service]
    }

    fn add(&mut self, other: &Self) {
        for (status, count) in &other.requests {
            *self.requests.entry(*status).or_default() += count;
        }
        self.received_bytes += other.received_bytes;
        self.sent_bytes += other.sent_bytes;
        self.latency.add(&other.latency);
    }
}

/// How long something took, as a histogram.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// All of it, in microseconds.
    pub sum_us: u64,
    /// How many took at most so long as [`LATENCY_BOUNDS`] says, and longer than the bound before.
    pub buckets: Vec<u64>,
}

impl Default for Latency {
    fn default() -> Self {
        Self { sum_us: 0, buckets: vec![0; LATENCY_BOUNDS.len() + 1] }
    }
}

impl Latency {
    fn add(&mut self, other: &Self) {
        self.sum_us += other.sum_us;
        for (bucket, count) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += count;
        }
    }
}

/// A backend of a relay or reverse proxy, as all processes of its worker see it together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Id of the worker.
    pub worker: String,
    /// Id of the transport.
    pub transport: String,
    /// The name of the host of the reverse proxy, as it is configured.
    #[serde(default)]
    pub host: String,
    /// The path of the reverse proxy; empty: a relay.
    pub path: String,
    /// Where it is.
    pub address: String,
    /// Whether it is asked.
    pub state: BackendState,
    /// Connections, or requests, that are open.
    pub open: u64,
    /// Connections, or requests, so far.
    pub requests: u64,
    /// Of those, how many have failed for its sake.
    pub errors: u64,
    /// Why the last of them did.
    pub last_error: Option<String>,
}

impl Told for Backend {
    fn place(&self) -> [&str; 4] {
        [&self.transport, &self.host, &self.path, &self.address]
    }

    fn add(&mut self, other: &Self) {
        self.state = self.state.max(other.state);
        self.open += other.open;
        self.requests += other.requests;
        self.errors += other.errors;
        self.last_error = self.last_error.take().or_else(|| other.last_error.clone());
    }
}

/// Whether a backend is asked; of what several processes say, the worst holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendState {
    /// It is.
    #[default]
    Up,
    /// It has refused a connection a moment ago, or health checks do not find it well.
    Down,
    /// Somebody has taken it out by hand.
    Drained,
}

named!(BackendState {
    Up = "up",
    Down = "down",
    Drained = "drained",
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_added_up_path_by_path() {
        let web = |path: &str, status, count| {
            let mut latency = Latency { sum_us: 10, ..Latency::default() };
            latency.buckets[0] = count;
            let requests = [(status, count)].into();
            Web { path: path.into(), requests, sent_bytes: 5, latency, ..Web::default() }
        };
        let mut all = Vec::new();
        gather(&mut all, &[web("/", 200, 2), web("a", 404, 1)]);
        gather(&mut all, &[web("/", 200, 3), web("/", 500, 1)]);
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].requests, [(200, 5), (500, 1)].into());
        assert_eq!((all[0].sent_bytes, all[0].latency.sum_us, all[0].latency.buckets[0]), (15, 30, 6));
        renew(&mut all, vec![web("a", 200, 9), web("b", 200, 1)]);
        assert_eq!(all.iter().map(|web| &*web.path).collect::<Vec<_>>(), ["/", "a", "b"]);
        assert_eq!(all[1].requests, [(200, 9)].into());
        let text = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Web>>(&text).unwrap(), all);
    }
}
