//! Responses.

use super::accept::wants_page;
use super::body::Body;
use super::pages;
use bytes::Bytes;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, Method, Response, StatusCode};

/// What a service says to a request.
pub(crate) type Answer = Response<Body>;

/// A page.
pub(crate) const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
/// JSON, and that it is.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
/// What keeps caches from keeping an answer.
pub(crate) const UNCACHED: HeaderValue =
    HeaderValue::from_static("no-store, no-cache, must-revalidate, max-age=0");
/// Text for programs and terminals.
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Methods of services that are only read.
const READING: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// A response with content.
pub(crate) fn content(kind: HeaderValue, content: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Body::Full(content.into()));
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Something went other than the client wished: a page for people, a line for programs. `explanation` is a
/// sentence.
pub(crate) fn failure(asked: &HeaderMap, status: StatusCode, explanation: &str) -> Answer {
    let mut response = if wants_page(asked) {
        content(HTML, pages::failure(status, explanation))
    } else {
        let reason = status.canonical_reason().unwrap_or("Error");
        content(TEXT, format!("{} {reason}: {explanation}\n", status.as_u16()))
    };
    *response.status_mut() = status;
    response
}

/// There is nothing.
pub(crate) fn not_found(asked: &HeaderMap) -> Answer {
    failure(asked, StatusCode::NOT_FOUND, "There is nothing at this address.")
}

/// The content of a request is longer than `limit` bytes.
pub(crate) fn too_long(asked: &HeaderMap, limit: u64) -> Answer {
    let text = format!("The content of a request has {limit} bytes here at most.");
    failure(asked, StatusCode::PAYLOAD_TOO_LARGE, &text)
}

/// The client asks too often, or has too many connections; it may try again after so many seconds.
pub(crate) fn too_many(asked: &HeaderMap, explanation: &str, wait: u64) -> Answer {
    let mut answer = failure(asked, StatusCode::TOO_MANY_REQUESTS, explanation);
    answer.headers_mut().insert(RETRY_AFTER, wait.max(1).into());
    answer
}

/// The client has a connection more than it may.
pub(in crate::web) fn one_too_many(asked: &HeaderMap) -> Answer {
    too_many(asked, "There are too many connections from your address. Close some of them.", 1)
}

/// What to say to a method other than GET and HEAD, where only those make sense.
pub(crate) fn unless_reading(method: &Method, asked: &HeaderMap) -> Option<Answer> {
    let mut response = match *method {
        Method::GET | Method::HEAD => return None,
        Method::OPTIONS => {
            let mut response = Response::new(Body::Empty);
            *response.status_mut() = StatusCode::NO_CONTENT;
            response
        }
        _ => failure(asked, StatusCode::METHOD_NOT_ALLOWED, "This address can only be read (GET, HEAD)."),
    };
    response.headers_mut().insert(ALLOW, READING);
    Some(response)
}
