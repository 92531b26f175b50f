//! Links between routers (`rlinks`), without I/O: two sessions, one with each router, and what one does for the other.
//!
//! What clients of one router have subscribed to or registered is mirrored at the other: the link subscribes and registers
//! there, and brings the events and calls that come of it back. It learns what there is by the meta API, all of it after
//! each connect: a [`Bridge`] begins with two fresh sessions that have nothing, and its sessions end with it.
//!
//! Nothing goes in a circle: what has come over a link says so (`forward_for`) and does not go over another one, and what is
//! there for links alone is not mirrored.

mod bridge;
mod calls;
mod end;
mod look;
mod mirror;

pub use bridge::Bridge;

use crate::{Dict, Value};

/// The key of `authextra` that says that a session is one of a link, and of which.
pub const MARK: &str = "rlink";

/// Which of the two routers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The one that the link is configured at.
    Local,
    /// The other one.
    Remote,
}

impl Side {
    /// The other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Local => Self::Remote,
            Self::Remote => Self::Local,
        }
    }
}

/// What a link does.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Brings events of the remote router to subscribers of the local one.
    pub local_events: bool,
    /// Brings events of the local router to subscribers of the remote one.
    pub remote_events: bool,
    /// Brings calls at the remote router to callees of the local one.
    pub local_invocations: bool,
    /// Brings calls at the local router to callees of the remote one.
    pub remote_invocations: bool,
    /// Who gets none of the events that are brought to the remote router.
    pub exclude_authid: Vec<String>,
}

impl Terms {
    const fn mirrors(&self, side: Side, kind: Kind) -> bool {
        match (side, kind) {
            (Side::Local, Kind::Subscription) => self.local_events,
            (Side::Remote, Kind::Subscription) => self.remote_events,
            (Side::Local, Kind::Registration) => self.local_invocations,
            (Side::Remote, Kind::Registration) => self.remote_invocations,
        }
    }
}

/// What is mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Subscription,
    Registration,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Subscription, Self::Registration];

    /// The URI of a procedure or event of the meta API.
    fn meta(self, name: &str) -> String {
        match self {
            Self::Subscription => format!("wamp.subscription.{name}"),
            Self::Registration => format!("wamp.registration.{name}"),
        }
    }

    const fn members(self) -> &'static str {
        match self {
            Self::Subscription => "list_subscribers",
            Self::Registration => "list_callees",
        }
    }
}

/// The roles that a session of a link announces.
#[must_use]
pub fn roles() -> Dict {
    let role = |features: &[&str]| {
        let features = features.iter().fold(Dict::new(), |dict, feature| dict.with(*feature, true));
        Value::from(Dict::new().with("features", features))
    };
    let calls = ["call_canceling", "progressive_call_results", "progressive_call_invocations"];
    let callee = ["caller_identification", "pattern_based_registration", "shared_registration"];
    let mut callee: Vec<_> = calls.into_iter().chain(callee).collect();
    callee.extend(["registration_revocation", "payload_passthru_mode"]);
    Dict::new()
        .with("caller", role(&[&calls[..], &["payload_passthru_mode"]].concat()))
        .with("callee", role(&callee))
        .with(
            "publisher",
            role(&["publisher_exclusion", "subscriber_blackwhite_listing", "payload_passthru_mode"]),
        )
        .with(
            "subscriber",
            role(&[
                "publisher_identification",
                "pattern_based_subscription",
                "subscription_revocation",
                "payload_passthru_mode",
            ]),
        )
}

/// Whether the details of a session say that it is one of a link: of ours and Crossbar.io's own by the mark, of others of
/// Crossbar.io's by their role.
fn is_link(details: &Value) -> bool {
    let marked =
        details.get("authextra").and_then(|extra| extra.get(MARK)).is_some_and(|id| id.as_str().is_some());
    marked || details.get("authrole").and_then(Value::as_str) == Some(MARK)
}

/// Whether options or details say that what they are about has come over a link.
pub(crate) fn is_forwarded(details: &Dict) -> bool {
    details.get("forward_for").and_then(Value::as_list).is_some_and(|hops| !hops.is_empty())
}

/// Whether a URI is none of an application's.
fn is_own(uri: &str) -> bool {
    uri == "wamp" || uri.starts_with("wamp.") || uri.starts_with(LOCK)
}

/// Stands before the id of a link in the URI that the process registers which serves the link.
pub const LOCK: &str = "jackfield.rlink.";
