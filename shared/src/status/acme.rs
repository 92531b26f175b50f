//! Certificates that the node gets by itself.

use crate::named::named;
use serde::{Deserialize, Serialize};

/// A certificate that the node gets by itself, and renews.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acme {
    /// The names that it is for.
    pub domains: Vec<String>,
    /// URL of the directory that it comes from.
    pub directory: String,
    /// How it is.
    pub state: AcmeState,
    /// Why the last order has failed, if it has.
    pub reason: Option<String>,
    /// How many orders have failed one after another.
    pub failures: u32,
    /// The end of the time that it is valid for, in seconds since the Unix epoch; absent: there is none yet.
    pub not_after: Option<i64>,
    /// When the directory is asked next, in seconds since the Unix epoch; absent: it is being asked.
    pub next: Option<i64>,
}

/// How a certificate is that the node gets by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AcmeState {
    /// It is there.
    Valid,
    /// The directory is, or is about to be, asked for one.
    Ordering,
    /// The last order has failed; it is tried again. What there was stays in use.
    Failing,
}

named!(AcmeState {
    Valid = "valid",
    Ordering = "ordering",
    Failing = "failing",
});
