//! The head of a request of HTTP/1 (RFC 9112), read strictly: what readers on the way could understand in two ways is
//! refused, above all where its content ends.

use super::refusal::is_of_browser;
use bytes::{Bytes, BytesMut};
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE,
};
use hyper::{Method, Request, StatusCode, Uri, Version};
use memchr::memmem;
use std::mem::MaybeUninit;

/// Fields of a head.
const MOST_FIELDS: usize = 100;
/// Bytes of a target; more are not kept by the type that targets have.
const LONGEST_TARGET: usize = 65_534;
/// What ends a head.
const END: &[u8] = b"\r\n\r\n";

/// How long the content of a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Framing {
    Length(u64),
    Chunked,
}

/// A head that was read.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: Request<()>,
    pub(super) framing: Framing,
    /// Whether another request may follow.
    pub(super) keep_alive: bool,
    /// Whether the client waits for a word before it sends the content.
    pub(super) expects_continue: bool,
    /// Whether it takes fields behind the content of an answer.
    pub(super) takes_trailers: bool,
    /// Whether it wants to go on with another protocol.
    pub(super) upgrades: bool,
}

/// Why there is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRequest {
    pub(super) status: StatusCode,
    pub(super) text: &'static str,
    /// Whether a browser has sent it, as far as is known.
    pub(super) of_browser: bool,
}

/// Where the head at the beginning of `input` is looked for: not with each byte that comes.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Bytes in which there is no end.
    searched: usize,
    /// Bytes from which on mistakes are looked for in what is not complete.
    next: usize,
}

impl Look {
    /// Takes the head of a request from the beginning of `input`; `None`: it is not complete. It may have `limit` bytes.
    ///
    /// # Errors
    /// Why there is no request.
    pub(super) fn take(&mut self, input: &mut BytesMut, limit: usize) -> Result<Option<Head>, NoRequest> {
        // RFC 9112, section 2.2: after the content of a request some clients send an empty line.
        while input.starts_with(b"\r\n") {
            let _ = input.split_to(2);
            *self = Self::default();
        }
        let from = self.searched.saturating_sub(END.len() - 1);
        let end = memmem::find(&input[from..], END).map(|at| from + at + END.len());
        let refused =
            |(status, text), input: &[u8]| NoRequest { status, text, of_browser: is_of_browser(input) };
        match end {
            Some(end) if end <= limit => {
                *self = Self::default();
                let head = input.split_to(end).freeze();
                parse(&head).map(Some).map_err(|e| refused(e, &head))
            }
            None if input.len() <= limit => {
                self.searched = input.len();
                if input.len() >= self.next && !input.is_empty() {
                    self.next = 2 * input.len();
                    look(input).map_err(|e| refused(e, input))?;
                }
                Ok(None)
            }
            _ => {
                let text = "The head of the request is too long; in a browser, for the cookies of this site perhaps.";
                Err(refused((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text), input))
            }
        }
    }

    /// Looks at what there is when nothing more comes.
    pub(super) fn at_end(&self, input: &[u8]) -> Result<(), NoRequest> {
        look(input).map_err(|(status, text)| NoRequest { status, text, of_browser: is_of_browser(input) })
    }
}

type Wrong = (StatusCode, &'static str);

const fn bad(text: &'static str) -> Wrong {
    (StatusCode::BAD_REQUEST, text)
}

const NO_REQUEST: Wrong = bad("What was sent is no request of HTTP.");

fn wrong(error: httparse::Error) -> Wrong {
    match error {
        httparse::Error::TooManyHeaders => {
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "A request has 100 fields at most.")
        }
        _ => NO_REQUEST,
    }
}

/// Whether what is not complete can become a head.
fn look(part: &[u8]) -> Result<(), Wrong> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_request_with_uninit_headers(&mut parsed, part, &mut fields) {
        Ok(httparse::Status::Partial) => Ok(()),
        // Its lines end in another way than they have to.
        Ok(httparse::Status::Complete(_)) => Err(NO_REQUEST),
        Err(e) => Err(wrong(e)),
    }
}

fn parse(head: &Bytes) -> Result<Head, Wrong> {
    // A line feed alone is the end of a line for some and not for others.
    if memchr::memchr_iter(b'\n', head).any(|at| at == 0 || head[at - 1] != b'\r') {
        return Err(NO_REQUEST);
    }
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_request_with_uninit_headers(&mut parsed, head, &mut fields) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(NO_REQUEST),
        Err(e) => return Err(wrong(e)),
    }
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(NO_REQUEST);
    };
    if target.len() > LONGEST_TARGET {
        return Err((StatusCode::URI_TOO_LONG, "The address is too long."));
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|_| NO_REQUEST)?;
    *request.uri_mut() = Uri::from_maybe_shared(head.slice_ref(target.as_bytes())).map_err(|_| NO_REQUEST)?;
    *request.version_mut() = if version == 1 { Version::HTTP_11 } else { Version::HTTP_10 };
    let mut said = Said::default();
    let mut headers = HeaderMap::with_capacity(parsed.headers.len());
    for field in parsed.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| NO_REQUEST)?;
        let value = HeaderValue::from_maybe_shared(head.slice_ref(field.value)).map_err(|_| NO_REQUEST)?;
        said.note(&name, field.value)?;
        headers.append(name, value);
    }
    *request.headers_mut() = headers;
    said.head(request)
}

/// What the fields say about the connection and the content.
#[derive(Debug, Default)]
struct Said {
    length: Option<u64>,
    coding: bool,
    /// How often the coding is `chunked`, and whether it is the last one.
    chunked: (usize, bool),
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
    takes_trailers: bool,
    upgrades: bool,
}

fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

impl Said {
    fn note(&mut self, name: &HeaderName, value: &[u8]) -> Result<(), Wrong> {
        if name == CONTENT_LENGTH {
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(value).ok().filter(|_| is_number).and_then(|v| v.parse().ok());
            let length = length.filter(|length| i64::try_from(*length).is_ok());
            if self.length.is_some() {
                return Err(bad("A request has one Content-Length."));
            }
            self.length = Some(length.ok_or(bad("Content-Length is no length."))?);
        } else if name == TRANSFER_ENCODING {
            self.coding = true;
            if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
                return Err(bad("Transfer-Encoding is no list of codings."));
            }
            for coding in tokens(value) {
                let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
                self.chunked = (self.chunked.0 + usize::from(is_chunked), is_chunked);
            }
        } else if name == CONNECTION {
            for token in tokens(value) {
                self.close |= token.eq_ignore_ascii_case(b"close");
                self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if name == EXPECT {
            self.expects_continue |= value.eq_ignore_ascii_case(b"100-continue");
        } else if name == TE {
            self.takes_trailers |= tokens(value).any(|token| token.eq_ignore_ascii_case(b"trailers"));
        } else if name == UPGRADE {
            self.upgrades = true;
        }
        Ok(())
    }

    fn head(self, request: Request<()>) -> Result<Head, Wrong> {
        let is_new = request.version() == Version::HTTP_11;
        let framing = match (self.coding, self.length) {
            (true, Some(_)) => {
                return Err(bad("A request has Content-Length or Transfer-Encoding, and not both."));
            }
            (true, None) if !is_new => return Err(bad("Transfer-Encoding is not known to HTTP/1.0.")),
            (true, None) if self.chunked != (1, true) => {
                return Err(bad("The last transfer coding, and no other, is chunked."));
            }
            (true, None) => Framing::Chunked,
            (false, length) => Framing::Length(length.unwrap_or(0)),
        };
        Ok(Head {
            request,
            framing,
            keep_alive: !self.close && (is_new || self.keep_alive),
            expects_continue: is_new && self.expects_continue && framing != Framing::Length(0),
            takes_trailers: is_new && self.takes_trailers,
            upgrades: is_new && self.upgrades && framing == Framing::Length(0),
        })
    }
}
