//! What lets pages of any origin use a service of programs.

use crate::web::engine::answer::{Answer, UNCACHED};
use hyper::HeaderMap;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, CACHE_CONTROL, HeaderValue, ORIGIN,
};

/// Lets the page that asks read the answer, and lets nobody keep it.
pub(in crate::web) fn open(asked: &HeaderMap, answer: &mut Answer) {
    let origin = asked.get(ORIGIN).filter(|origin| *origin != "null").cloned();
    let headers = answer.headers_mut();
    let any = HeaderValue::from_static("*");
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.unwrap_or(any));
    headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    headers.insert(CACHE_CONTROL, UNCACHED);
    if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
    }
}

/// Names the methods that an address takes.
pub(in crate::web) fn allow(answer: &mut Answer, methods: &'static str) {
    for name in [ALLOW, ACCESS_CONTROL_ALLOW_METHODS] {
        answer.headers_mut().insert(name, HeaderValue::from_static(methods));
    }
}
