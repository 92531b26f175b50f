//! ERROR messages and their URIs.

use super::{Effect, Effects};
use crate::{Dict, Id, Message, Outgoing, Payload};
use std::rc::Rc;

pub(crate) const INVALID_URI: &str = "wamp.error.invalid_uri";
pub(crate) const INVALID_ARGUMENT: &str = "wamp.error.invalid_argument";
pub(crate) const NO_SUCH_SUBSCRIPTION: &str = "wamp.error.no_such_subscription";
pub(crate) const NO_SUCH_REGISTRATION: &str = "wamp.error.no_such_registration";
pub(crate) const NO_SUCH_PROCEDURE: &str = "wamp.error.no_such_procedure";
pub(crate) const NO_SUCH_SESSION: &str = "wamp.error.no_such_session";
pub(crate) const ALREADY_EXISTS: &str = "wamp.error.procedure_already_exists";
pub(crate) const DIFFERENT_POLICY: &str = "wamp.error.procedure_exists_with_different_invocation_policy";
pub(crate) const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
pub(crate) const AUTHORIZATION_FAILED: &str = "wamp.error.authorization_failed";
pub(crate) const FEATURE_NOT_SUPPORTED: &str = "wamp.error.feature_not_supported";
pub(crate) const CANCELED: &str = "wamp.error.canceled";
pub(crate) const NETWORK_FAILURE: &str = "wamp.error.network_failure";
pub(crate) const TIMEOUT: &str = "wamp.error.timeout";
/// What [`TIMEOUT`] says to people.
pub(crate) const TIMEOUT_REACHED: &str = "timeout reached";
pub(crate) const TESTAMENT: &str = "wamp.error.testament_error";
pub(crate) const HISTORY_UNAVAILABLE: &str = "wamp.error.history_unavailable";
pub(crate) const MAX_CONCURRENCY: &str = "crossbar.error.max_concurrency_reached";
pub(crate) const LIMIT_REACHED: &str = "jackfield.error.limit_reached";

/// An ERROR that answers a request of the kind `request_type`.
pub(crate) fn message(request_type: u64, request: Id, error: &str, payload: Payload) -> Message {
    Message::Error { request_type, request, details: Dict::new(), error: error.to_owned(), payload }
}

/// Answers a request by an ERROR with a text for people.
pub(crate) fn refuse(out: &mut Effects, to: Id, request_type: u64, request: Id, error: &str, text: String) {
    let message = message(request_type, request, error, Payload::one(text));
    out.push(Effect::Send { to, message: Rc::new(Outgoing::new(message)) });
}

/// A URI or name of a client, short enough for a text for people.
pub(crate) fn short(text: &str) -> &str {
    let mut end = text.len().min(200);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
