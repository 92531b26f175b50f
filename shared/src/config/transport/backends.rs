//! Backends of relays and reverse proxies: what each is, how one is chosen, and how they are checked.

use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::diagnostic::Path;
use super::super::endpoint::ConnectingEndpoint;

choice! {
    /// How one of several backends is chosen.
    pub enum Balance {
        /// The one with the fewest connections open, or requests under way, for its weight, in this process.
        LeastConnections = "least-connections",
        /// One after the other, each as often as its weight says.
        RoundRobin = "round-robin",
        /// Of two drawn at random, more often those of more weight, the one that has less to do.
        RandomTwo = "random-two",
        /// The same one for the same client address; to each as many addresses as its weight says.
        Hash = "hash",
    }
}

object! {
    /// Health checks of backends.
    pub struct Health as "health checks" {
        /// Seconds between two checks of a backend; a check may take as long.
        pub interval as "interval": Duration = seconds(0.1..=3600.0), default(json!(5), Duration::from_secs(5));
        /// Successes in a row until a backend is used again.
        pub rise as "rise": u16 = int(1..=1000), default(2);
        /// Failures in a row until a backend is left out.
        pub fall as "fall": u16 = int(1..=1000), default(3);
    }
}

object! {
    /// How many requests may be tried again at another backend, where the first took no connection. It keeps backends that are
    /// overloaded from being asked for several times what they can't do. Each process counts for itself.
    pub struct RetryBudget as "a retry budget" {
        /// Of all requests, this share.
        pub share as "share": f64 = fraction(), default(0.2);
        /// And so many a second, so that few requests may be tried again, too.
        pub minimum as "minimum": u32 = int(0..=1_000_000), default(10);
    }
    absent default;
}

/// A number from 0 to 1.
fn fraction() -> impl Rule<Out = f64> {
    then(named("a number from 0 to 1", seconds(0.0..=1.0)), |part, _, _| Some(part.as_secs_f64()))
}

object! {
    /// A server, and how much of the load it gets.
    pub struct Backend as "a backend" {
        /// Where it is.
        pub endpoint as "endpoint": ConnectingEndpoint = nested::<ConnectingEndpoint>(), flatten;
        /// How much it gets, compared with the others.
        pub weight as "weight": u16 = int(1..=1000), default(1);
        /// It is asked only if none of those that are no backup is up.
        pub backup as "backup": bool = boolean(), default(false);
    }
}

impl From<ConnectingEndpoint> for Backend {
    fn from(endpoint: ConnectingEndpoint) -> Self {
        Self { endpoint, weight: 1, backup: false }
    }
}

/// What is wrong with a list of backends as a whole.
pub(crate) fn check_backends(list: &[Backend], fields: &Fields<'_>, cx: &mut Context<'_>) {
    if !list.is_empty() && list.iter().all(|backend| backend.backup) {
        let message = "every one is a \"backup\", so none is asked first; leave it out at one of them";
        cx.error_at("backends", fields.span_of("backends"), message.to_owned());
    }
}

/// The backends of a section at `at`, with their places.
pub(crate) fn backends<'a>(list: &'a [Backend], at: &Path) -> Vec<(Path, &'a ConnectingEndpoint)> {
    let at = at.key("backends");
    list.iter().enumerate().map(|(index, backend)| (at.index(index), &backend.endpoint)).collect()
}
