//! The head of an answer of HTTP/1, as it is sent, and how its content is framed.

use super::body::Body;
use hyper::body::Body as _;
use hyper::ext::ReasonPhrase;
use hyper::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap, HeaderName, TRAILER, TRANSFER_ENCODING};
use hyper::{Method, Response, StatusCode, Version};
use std::cell::RefCell;
use std::io::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// How the content of an answer is told from what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framed {
    /// There is none, whatever the fields say.
    Nothing,
    /// It has so many bytes.
    Length(u64),
    Chunked,
    /// It ends with the connection.
    ToTheEnd,
}

/// What of a request decides how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asking {
    pub(super) only_head: bool,
    pub(super) connect: bool,
    pub(super) version: Version,
    pub(super) takes_trailers: bool,
}

impl Asking {
    pub(super) fn of<B>(request: &hyper::Request<B>, takes_trailers: bool) -> Self {
        let method = request.method();
        let (only_head, connect) = (method == Method::HEAD, method == Method::CONNECT);
        Self { only_head, connect, version: request.version(), takes_trailers }
    }

    /// How the answer's content is framed.
    pub(super) fn framed(self, answer: &Response<Body>) -> Framed {
        let status = answer.status();
        let is_empty = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
            || (self.connect && status.is_success());
        if self.only_head || is_empty {
            return Framed::Nothing;
        }
        let said = || answer.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
        match answer.body().size_hint().exact().or_else(said) {
            Some(length) => Framed::Length(length),
            None if self.version == Version::HTTP_11 => Framed::Chunked,
            None => Framed::ToTheEnd,
        }
    }
}

/// Whether the answer says that it is the last one.
pub(super) fn closes(headers: &HeaderMap) -> bool {
    let tokens = headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
    tokens.map(<[u8]>::trim_ascii).any(|token| token.eq_ignore_ascii_case(b"close"))
}

/// Writes the head of an answer. `close`: it is the last one.
pub(super) fn head(
    out: &mut Vec<u8>,
    answer: &Response<Body>,
    framed: Framed,
    asking: Asking,
    close: bool,
    now: Instant,
) {
    let status = answer.status();
    if status == StatusCode::OK && asking.version == Version::HTTP_11 && answer.extensions().is_empty() {
        out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    } else {
        out.extend_from_slice(if asking.version == Version::HTTP_11 { b"HTTP/1.1 " } else { b"HTTP/1.0 " });
        out.extend_from_slice(status.as_str().as_bytes());
        out.push(b' ');
        let reason = answer.extensions().get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
        let usual = || status.canonical_reason().unwrap_or("<none>").as_bytes();
        out.extend_from_slice(reason.unwrap_or_else(usual));
        out.extend_from_slice(b"\r\n");
    }
    let says_close = closes(answer.headers());
    if close && !says_close {
        out.extend_from_slice(b"connection: close\r\n");
    } else if !close && asking.version == Version::HTTP_10 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    let may_have_length = !status.is_informational() && status != StatusCode::NO_CONTENT;
    for (name, value) in answer.headers() {
        // Where the content ends is said once, by us.
        let is_ours = name == TRANSFER_ENCODING
            || (name == CONTENT_LENGTH && (framed != Framed::Nothing || !may_have_length));
        if !is_ours {
            field(out, name, value.as_bytes());
        }
    }
    match framed {
        Framed::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        Framed::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framed::Nothing | Framed::ToTheEnd => {}
    }
    if !answer.headers().contains_key(DATE) {
        date(out, now);
    }
    out.extend_from_slice(b"\r\n");
}

fn field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

fn decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Begins a chunk.
pub(super) fn chunk(out: &mut Vec<u8>, length: usize) {
    let _ = write!(out, "{length:x}\r\n"); // into memory
}

/// Ends the chunks, with those of the trailers that the answer has announced.
pub(super) fn end(out: &mut Vec<u8>, announced: Option<&HeaderMap>, trailers: Option<&HeaderMap>) {
    out.extend_from_slice(b"0\r\n");
    if let (Some(announced), Some(trailers)) = (announced, trailers) {
        for (name, value) in trailers {
            if is_announced(announced, name) {
                field(out, name, value.as_bytes());
            }
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether a trailer was named, and is none that changes how the message is read (RFC 9110, section 6.5.1).
fn is_announced(headers: &HeaderMap, name: &HeaderName) -> bool {
    const NEVER: [&str; 13] = [
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "host",
        "keep-alive",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
    ];
    !NEVER.contains(&name.as_str()) && crate::fields::has_token(headers, &TRAILER, name.as_str())
}

thread_local! {
    /// The field `Date`, and until when it is right.
    static NOW: RefCell<Option<(Instant, Vec<u8>)>> = const { RefCell::new(None) };
}

/// Writes the field `Date`, which is made once a second.
pub(super) fn date(out: &mut Vec<u8>, now: Instant) {
    NOW.with_borrow_mut(|kept| {
        let kept = match kept {
            Some((until, text)) if now < *until => text,
            stale => {
                let time = SystemTime::now();
                let past = time.duration_since(UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
                let until = now + Duration::from_nanos(1_000_000_000 - u64::from(past));
                let text = format!("date: {}\r\n", httpdate::fmt_http_date(time)).into_bytes();
                &stale.insert((until, text)).1
            }
        };
        out.extend_from_slice(kept);
    });
}
