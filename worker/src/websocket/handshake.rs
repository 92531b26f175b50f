//! The opening handshake, server side (RFC 6455 section 4.2).

use super::extension::{self, Agreement};
use crate::fields::{has_token, set};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::ext::Protocol;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use jackfield_shared::config::WebsocketOptions;
use sha1::{Digest, Sha1};
use std::borrow::Cow;

/// RFC 6455 section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The name of Origin in the drafts.
const DRAFT_ORIGIN: &str = "sec-websocket-origin";
const SERVER: HeaderValue = HeaderValue::from_static(concat!("jackfield/", env!("CARGO_PKG_VERSION")));

/// Why a request does not become a WebSocket connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It does not ask for one: answer 426 with a page for people.
    NotWebSocket,
    /// It asks for a version we don't speak: 426 with `Sec-WebSocket-Version: 13`.
    Version,
    /// It is malformed: 400.
    Malformed(&'static str),
    /// It comes from a page whose origin `allowed_origins` does not name: 403.
    Origin(String),
}

/// Checks a request; the answer is the one to send before the connection is a WebSocket: `101 Switching Protocols`, or
/// 200 to the CONNECT of HTTP/2. `protocol` is the subprotocol taken of those offered.
///
/// # Errors
/// The reason why the request must be refused.
pub(crate) fn handshake<B>(
    request: &Request<B>,
    options: &WebsocketOptions,
    protocol: Option<&HeaderValue>,
) -> Result<(Response<()>, Option<Agreement>), Refusal> {
    let headers = request.headers();
    let is_connect = is_extended_connect(request);
    if !is_connect {
        check_upgrade(request)?;
    }
    if !versions(options)
        .any(|version| headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|v| v == version))
    {
        return Err(Refusal::Version);
    }
    check_origin(request, options)?;

    let mut response = if is_connect { Response::new(()) } else { switching(headers)? };
    let answer = response.headers_mut();
    if let Some(protocol) = protocol {
        answer.insert(header::SEC_WEBSOCKET_PROTOCOL, protocol.clone());
    }
    let deflate = options.compression.as_ref().and_then(|compression| compression.deflate.as_ref());
    let agreed = deflate.and_then(|config| {
        let (agreement, said) = extension::agree(headers, config)?;
        answer.insert(header::SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_str(&said).ok()?);
        Some(agreement)
    });
    if options.show_server_version {
        answer.insert(header::SERVER, SERVER);
    }
    Ok((response, agreed))
}

/// Whether the request is a WebSocket handshake of HTTP/2 (RFC 8441 section 5).
pub(crate) fn is_extended_connect<B>(request: &Request<B>) -> bool {
    let protocol = request.extensions().get::<Protocol>();
    request.method() == Method::CONNECT && protocol.is_some_and(|protocol| protocol.as_str() == "websocket")
}

/// Looks for what a handshake of HTTP/1.1 has.
fn check_upgrade<B>(request: &Request<B>) -> Result<(), Refusal> {
    let headers = request.headers();
    if !has_token(headers, &header::UPGRADE, "websocket") {
        return Err(Refusal::NotWebSocket);
    }
    if request.method() != Method::GET || request.version() != Version::HTTP_11 {
        return Err(Refusal::Malformed("a WebSocket handshake is a GET request of HTTP/1.1"));
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") {
        return Err(Refusal::Malformed("the header Connection does not name Upgrade"));
    }
    if !headers.contains_key(header::HOST) {
        return Err(Refusal::Malformed("the header Host is missing"));
    }
    Ok(())
}

/// The answer of HTTP/1.1, which proves that the request was read.
fn switching(headers: &HeaderMap) -> Result<Response<()>, Refusal> {
    let key = match single(headers, &header::SEC_WEBSOCKET_KEY) {
        Some(key) if STANDARD.decode(key).is_ok_and(|k| k.len() == 16) => key,
        _ => return Err(Refusal::Malformed("the header Sec-WebSocket-Key is not 16 bytes in base64")),
    };
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    answer.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    set(answer, header::SEC_WEBSOCKET_ACCEPT, &accept_key(key));
    Ok(response)
}

/// The versions spoken, as Sec-WebSocket-Version says them: that of RFC 6455, and that of the drafts hybi-08 to -12,
/// whose frames are the same.
pub(crate) fn versions(options: &WebsocketOptions) -> impl Iterator<Item = &'static str> + use<> {
    let versions = [(options.enable_rfc6455, "13"), (options.enable_hybi10, "8")];
    versions.into_iter().filter_map(|(enabled, version)| enabled.then_some(version))
}

/// RFC 6455 section 4.2.2, step 5.4.
pub(crate) fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(|v| v.as_bytes().trim_ascii())
}

/// Programs send no Origin; pages always do. A page from the endpoint's own host is always welcome.
fn check_origin<B>(request: &Request<B>, options: &WebsocketOptions) -> Result<(), Refusal> {
    let headers = request.headers();
    let Some(origin) = headers.get(header::ORIGIN).or_else(|| headers.get(DRAFT_ORIGIN)) else {
        return Ok(());
    };
    let origin = origin.to_str().map_err(|_| Refusal::Malformed("the header Origin is not text"))?;
    let allowed = if origin == "null" {
        options.allow_null_origin
    } else {
        let asked = request.uri().authority().map(|authority| authority.as_str());
        let own =
            asked.or_else(|| headers.get(header::HOST)?.to_str().ok()).map(|host| external(host, options));
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        own.is_some_and(|own| own.eq_ignore_ascii_case(authority))
            || options.allowed_origins.iter().any(|pattern| origin_matches(pattern, origin))
    };
    if allowed { Ok(()) } else { Err(Refusal::Origin(origin.to_owned())) }
}

/// The authority that clients see: the host they name, with `external_port` where that is set.
pub(crate) fn external<'a>(host: &'a str, options: &WebsocketOptions) -> Cow<'a, str> {
    let Some(port) = options.external_port else { return host.into() };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    format!("{name}:{port}").into()
}

/// A pattern of `allowed_origins`: `*` stands for any text; the origin is compared as the browser wrote it
/// and with its scheme's default port spelt out.
fn origin_matches(pattern: &str, origin: &str) -> bool {
    let default_port = match origin.split_once("://") {
        Some(("http" | "ws", _)) => ":80",
        Some(("https" | "wss", _)) => ":443",
        _ => "",
    };
    wildcard(pattern, origin) || wildcard(pattern, &format!("{origin}{default_port}"))
}

fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(extra: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::new(());
        for (name, value) in [
            ("host", "example.org:8080"),
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ]
        .iter()
        .chain(extra)
        {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().remove(&name);
            if !value.is_empty() {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
        }
        request
    }

    fn options(origins: &[&str]) -> WebsocketOptions {
        WebsocketOptions {
            allowed_origins: origins.iter().map(|o| (*o).to_owned()).collect(),
            allow_null_origin: false,
            ..WebsocketOptions::default()
        }
    }

    #[test]
    fn the_example_of_the_rfc() {
        let response = handshake(&request(&[]), &WebsocketOptions::default(), None).unwrap().0;
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()[header::SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!response.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn what_is_no_handshake_is_refused_with_its_reason() {
        let refused = |extra: &[(&str, &str)]| {
            handshake(&request(extra), &WebsocketOptions::default(), None).unwrap_err()
        };
        assert_eq!(refused(&[("upgrade", "")]), Refusal::NotWebSocket);
        assert_eq!(refused(&[("sec-websocket-version", "7")]), Refusal::Version);
        assert_eq!(refused(&[("sec-websocket-version", "")]), Refusal::Version);
        for (header, value) in [("connection", "close"), ("host", ""), ("sec-websocket-key", "c2hvcnQ=")] {
            assert!(matches!(refused(&[(header, value)]), Refusal::Malformed(_)), "{header}");
        }
        let mut post = request(&[]);
        *post.method_mut() = Method::POST;
        assert!(matches!(handshake(&post, &WebsocketOptions::default(), None), Err(Refusal::Malformed(_))));
    }

    #[test]
    fn a_subprotocol_is_answered_only_if_one_was_taken() {
        let (response, _) =
            handshake(&request(&[("sec-websocket-protocol", "chat")]), &WebsocketOptions::default(), None)
                .unwrap();
        assert!(!response.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL));
        let chat = HeaderValue::from_static("chat");
        let (response, _) = handshake(&request(&[]), &WebsocketOptions::default(), Some(&chat)).unwrap();
        assert_eq!(response.headers()[header::SEC_WEBSOCKET_PROTOCOL], "chat");
    }

    #[test]
    fn origins() {
        let ok = |origin: &str, allowed: &[&str]| {
            handshake(&request(&[("origin", origin)]), &options(allowed), None).is_ok()
        };
        assert!(ok("https://any.org", &["*"]));
        assert!(ok("http://example.org:8080", &[]));
        assert!(!ok("http://evil.org", &[]));
        assert!(!ok("null", &["*"]));
        assert!(ok("https://a.example.com", &["https://*.example.com:443"]));
        assert!(ok("https://a.example.com", &["https://*.example.com"]));
        assert!(!ok("https://a.example.com.evil.org", &["https://*.example.com"]));
        assert!(ok("http://127.0.0.1:9000", &["http://127.0.0.1:*"]));
    }
}
