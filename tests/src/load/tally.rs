//! What clients count.

use super::Kind;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What one client has counted.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Its kind.
    pub kind: Kind,
    /// Answers that came whole.
    pub answered: u64,
    /// The longest that a client was without an answer.
    pub longest: Duration,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that the server ended as it should: after it had said so.
    pub told: u64,
    /// Connection attempts that were refused.
    pub refused: u64,
    /// Connections that ended, or were reset, without an answer to a request.
    pub reset: u64,
    /// Answers that were not whole.
    pub short: u64,
    /// Everything else that should not be.
    pub other: u64,
    /// Local ports of TCP connections that failed.
    pub victims: Vec<u16>,
    /// The first failures, as texts.
    pub failures: Vec<String>,
    /// When the last answer came, or the client began.
    last: Instant,
}

impl Tally {
    pub(super) fn new(kind: Kind) -> Self {
        let (victims, failures) = (Vec::new(), Vec::new());
        let (answered, connections, told) = (0, 0, 0);
        let (longest, last) = (Duration::ZERO, Instant::now());
        Self {
            kind,
            answered,
            longest,
            connections,
            told,
            refused: 0,
            reset: 0,
            short: 0,
            other: 0,
            victims,
            failures,
            last,
        }
    }

    /// An answer came whole.
    pub(super) fn answer(&mut self) {
        self.answered += 1;
        self.end();
    }

    /// The client's time without an answer is over, one way or the other.
    pub(super) fn end(&mut self) {
        let now = Instant::now();
        self.longest = self.longest.max(now - self.last);
        self.last = now;
    }

    pub(super) fn failed(&mut self, Failure(what, text): Failure, from: Option<SocketAddr>) {
        *match what {
            What::Refused => &mut self.refused,
            What::Reset => &mut self.reset,
            What::Short => &mut self.short,
            What::Other => &mut self.other,
        } += 1;
        if what != What::Refused {
            self.victims.extend(from.map(|from| from.port()));
        }
        if self.failures.len() < 5 {
            self.failures.push(format!("{:?}: {what:?}: {text}", self.kind));
        }
    }
}

/// Why a client did not get what it wanted.
#[derive(Debug)]
pub(super) struct Failure(What, String);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Refused,
    Reset,
    Short,
    Other,
}

impl Failure {
    /// A connection attempt failed.
    pub(super) fn connecting(error: io::Error) -> Self {
        let what = match error.kind() {
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => What::Refused,
            io::ErrorKind::ConnectionReset => What::Reset,
            _ => What::Other,
        };
        Self(what, format!("connecting: {error}"))
    }

    /// Sending a request, or waiting for the beginning of its answer, failed.
    pub(super) fn asking(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Self(What::Other, format!("no answer: {error}"))
            }
            _ => Self(What::Reset, format!("instead of an answer: {error}")),
        }
    }

    /// The rest of an answer did not come.
    pub(super) fn reading(error: &io::Error) -> Self {
        Self::short(error.to_string())
    }

    /// An answer is not whole.
    pub(super) fn short(text: impl Into<String>) -> Self {
        Self(What::Short, text.into())
    }

    /// Something else.
    pub(super) fn other(text: impl Into<String>) -> Self {
        Self(What::Other, text.into())
    }
}

/// What all clients have counted.
#[derive(Clone, Debug, Default)]
pub struct Report(pub BTreeMap<Kind, Tally>);

impl Report {
    pub(super) fn add(&mut self, tally: Tally) {
        let Some(total) = self.0.get_mut(&tally.kind) else {
            self.0.insert(tally.kind, tally);
            return;
        };
        total.answered += tally.answered;
        total.longest = total.longest.max(tally.longest);
        total.connections += tally.connections;
        total.told += tally.told;
        total.refused += tally.refused;
        total.reset += tally.reset;
        total.short += tally.short;
        total.other += tally.other;
        total.victims.extend(tally.victims);
        total.failures.extend(tally.failures);
        total.failures.truncate(5);
    }

    /// Everything that should not have been.
    pub fn failures(&self) -> u64 {
        self.0.values().map(|t| t.refused + t.reset + t.short + t.other).sum()
    }

    /// Answers over all kinds.
    pub fn answered(&self) -> u64 {
        self.0.values().map(|t| t.answered).sum()
    }

    /// Panics with the figures unless nothing failed and every kind of client got answers.
    pub fn assert_clean(&self) {
        assert_eq!(self.failures(), 0, "\n{self}");
        assert!(self.0.values().all(|tally| tally.answered > 0), "a kind of client did nothing\n{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["answered", "connections", "told", "refused", "reset", "short", "other"];
        write!(f, "{:24}", "client")?;
        heads.iter().try_for_each(|head| write!(f, "{head:>12}"))?;
        for t in self.0.values() {
            write!(f, "\n{:24}", format!("{:?}", t.kind))?;
            for count in [t.answered, t.connections, t.told, t.refused, t.reset, t.short, t.other] {
                write!(f, "{count:>12}")?;
            }
        }
        self.0.values().flat_map(|t| &t.failures).try_for_each(|failure| write!(f, "\n  {failure}"))
    }
}
