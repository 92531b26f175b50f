//! The handshake of WebSocket between versions of HTTP: what HTTP/1.1 says by `Upgrade` (RFC 6455, section 4) is a CONNECT
//! with a `:protocol` in HTTP/2 (RFC 8441), which has no key and no proof that it was read.

use crate::fields::{has_token, set};
use crate::web::engine::received::Asked;
use crate::websocket::{accept_key, is_extended_connect, new_key};
use hyper::ext::Protocol;
use hyper::header::{CONNECTION, HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE};
use hyper::{Method, Request, StatusCode};
use std::io;

/// What a client says that wants to go on with WebSocket.
#[derive(Debug)]
pub(super) struct Handshake {
    /// The client's, or, where it speaks HTTP/2, one of ours.
    key: String,
    /// Whether the client speaks HTTP/2.
    by_two: bool,
}

impl Handshake {
    /// That of a request, if it is one.
    ///
    /// # Errors
    /// If the system has no random numbers.
    pub(super) fn of(request: &Asked) -> io::Result<Option<Self>> {
        let headers = request.headers();
        if is_extended_connect(request) {
            return Ok(Some(Self { key: new_key()?, by_two: true }));
        }
        let upgrades =
            has_token(headers, &UPGRADE, "websocket") && has_token(headers, &CONNECTION, "upgrade");
        let key = headers.get(SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
        let key = key.filter(|_| upgrades && request.method() == Method::GET);
        Ok(key.map(|key| Self { key: key.to_owned(), by_two: false }))
    }

    /// Says it to a backend of HTTP/2, or of HTTP/1.1.
    pub(super) fn ask<B>(&self, request: &mut Request<B>, two: bool) {
        if two {
            *request.method_mut() = Method::CONNECT;
            request.extensions_mut().insert(Protocol::from_static("websocket"));
            request.headers_mut().remove(SEC_WEBSOCKET_KEY);
        } else {
            *request.method_mut() = Method::GET;
            let headers = request.headers_mut();
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            set(headers, SEC_WEBSOCKET_KEY, &self.key);
        }
    }

    /// Makes a backend's consent, by HTTP/2 or HTTP/1.1, what the client expects; the status that says so.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn consent(&self, headers: &mut HeaderMap, by_two: bool) -> Result<StatusCode, &'static str> {
        if self.by_two {
            let proof = headers.remove(SEC_WEBSOCKET_ACCEPT);
            let expected = accept_key(self.key.as_bytes());
            if !by_two && proof.is_none_or(|proof| proof.as_bytes() != expected.as_bytes()) {
                return Err("its Sec-WebSocket-Accept does not fit the key");
            }
            return Ok(StatusCode::OK);
        }
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        if by_two {
            set(headers, SEC_WEBSOCKET_ACCEPT, &accept_key(self.key.as_bytes()));
        }
        Ok(StatusCode::SWITCHING_PROTOCOLS)
    }
}
