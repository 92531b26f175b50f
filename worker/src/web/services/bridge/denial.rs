//! Requests that are not taken.

use crate::wamp::Failure;
use crate::web::engine::answer::{Answer, JSON, content};
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};
use serde_json::json;

/// Why a request is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Denial {
    pub(super) status: StatusCode,
    /// For people.
    pub(super) text: String,
}

impl Denial {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// The request is not as it has to be.
    pub(super) fn malformed(text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    /// It can't be shown who has sent it.
    pub(super) fn unauthorized(text: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, text)
    }

    pub(super) fn of(failure: &Failure) -> Self {
        let status = match failure {
            Failure::Refused(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Failure::Gone | Failure::Busy => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, failure.to_string())
    }

    pub(super) fn answer(self) -> Answer {
        let Self { status, text } = self;
        let mut answer = content(JSON, json!({"error": text, "args": [], "kwargs": {}}).to_string());
        *answer.status_mut() = status;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}
