//! The response for a file: whether it has to be sent, and which part of it (RFC 9110, sections 13 and 14).

use super::found::{Content, Found};
use super::parts::Parts;
use super::range::Range;
use super::validators::{Validators, seconds};
use crate::fields::set;
use crate::web::engine::answer::{Answer, failure};
use crate::web::engine::body::Body;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use hyper::{Response, StatusCode};

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the client means another state of the file (section 13.1.1 and 13.1.4).
pub(in crate::web) fn has_other(asked: &HeaderMap, validators: &Validators) -> bool {
    match (text(asked, &IF_MATCH), text(asked, &IF_UNMODIFIED_SINCE)) {
        // A weak tag never matches here, and ours are strong.
        (Some(tags), _) => !tags.split(',').map(str::trim).any(|tag| tag == "*" || tag == validators.etag),
        (None, Some(date)) => {
            httpdate::parse_http_date(date).is_ok_and(|date| seconds(validators.modified) > seconds(date))
        }
        (None, None) => false,
    }
}

/// Whether the client has the file as it is.
pub(in crate::web) fn is_fresh(asked: &HeaderMap, validators: &Validators) -> bool {
    match (text(asked, &IF_NONE_MATCH), text(asked, &IF_MODIFIED_SINCE)) {
        (Some(tags), _) => validators.is_named_in(tags),
        (None, Some(date)) => validators.is_not_newer_than(date),
        (None, None) => false,
    }
}

/// Which part the client asks for, given that it wants a part only of the state that it knows (section 13.1.5).
pub(in crate::web) fn range(asked: &HeaderMap, validators: &Validators, size: u64) -> Range {
    let known = text(asked, &IF_RANGE).is_none_or(|condition| {
        condition == validators.etag
            || httpdate::parse_http_date(condition).is_ok_and(|d| seconds(d) == seconds(validators.modified))
    });
    match text(asked, &RANGE) {
        Some(range) if known => Range::parse(range, size),
        _ => Range::Whole,
    }
}

/// The response for `file`, whose media type is `kind`.
pub(super) fn file(asked: &HeaderMap, file: &Found, kind: HeaderValue) -> Answer {
    let size = file.size;
    let own;
    let validators = match &file.told {
        Some(told) => &told.validators,
        None => {
            own = Validators::of(size, file.modified);
            &own
        }
    };
    let mut response = if has_other(asked, validators) {
        return failure(asked, StatusCode::PRECONDITION_FAILED, "The file is not the one that you mean.");
    } else if is_fresh(asked, validators) {
        status(StatusCode::NOT_MODIFIED)
    } else {
        match range(asked, validators, size) {
            Range::Whole => with(StatusCode::OK, file.content.part(0, size), kind),
            Range::Parts(parts) => match parts[..] {
                [(start, end)] => {
                    let body = file.content.part(start, end);
                    let mut response = with(StatusCode::PARTIAL_CONTENT, body, kind);
                    set(response.headers_mut(), CONTENT_RANGE, &format!("bytes {start}-{}/{size}", end - 1));
                    response
                }
                _ => several(&file.content, &parts, size, &kind),
            },
            Range::Unsatisfiable => {
                let text = format!("The file has {size} bytes, none of which is in the range asked for.");
                let mut response = failure(asked, StatusCode::RANGE_NOT_SATISFIABLE, &text);
                set(response.headers_mut(), CONTENT_RANGE, &format!("bytes */{size}"));
                return response;
            }
        }
    };
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(told) = &file.told {
        headers.insert(ETAG, told.etag.clone());
        headers.insert(LAST_MODIFIED, told.last_modified.clone());
    } else {
        set(headers, ETAG, &validators.etag);
        set(headers, LAST_MODIFIED, &httpdate::fmt_http_date(validators.modified));
    }
    response
}

fn with(code: StatusCode, body: Body, kind: HeaderValue) -> Answer {
    let mut response = status(code);
    *response.body_mut() = body;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn several(file: &Content, parts: &[(u64, u64)], size: u64, kind: &HeaderValue) -> Answer {
    // Its bytes are random, so that it is in no file; without randomness it is merely unusual.
    let boundary =
        getrandom::u64().map_or_else(|_| "jackfield".into(), |number| format!("jackfield-{number:016x}"));
    let body = Parts::new(file, parts, size, kind.to_str().unwrap_or_default(), &boundary);
    let mut response = with(StatusCode::PARTIAL_CONTENT, Body::Pieces(Box::new(body)), kind.clone());
    set(response.headers_mut(), CONTENT_TYPE, &format!("multipart/byteranges; boundary={boundary}"));
    response
}

fn status(status: StatusCode) -> Answer {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}
