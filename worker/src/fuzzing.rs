//! What the fuzz targets of `tests/fuzz` call: each takes bytes as a peer may send them, and panics where a promise of the
//! reader is broken. No part of the program calls any of it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// A PROXY protocol header.
pub fn proxy_protocol(bytes: &[u8]) {
    crate::net::proxy_protocol::fuzz(bytes);
}

/// The answers of a SOCKS5 proxy.
pub fn socks(bytes: &[u8]) {
    finish(crate::connect::fuzz_socks(bytes));
}

/// The replies of tor's control port.
pub fn tor_control(bytes: &[u8]) {
    crate::publish::fuzz_control(bytes);
}

/// Frames of WebSocket; the first byte chooses the rules for them.
pub fn websocket(bytes: &[u8]) {
    crate::websocket::fuzz(bytes);
}

/// RawSocket's handshake, and its frames.
pub fn rawsocket(bytes: &[u8]) {
    crate::rawsocket::fuzz(bytes);
}

/// Requests of HTTP/1.1.
pub fn http(bytes: &[u8]) {
    crate::web::fuzz_http(bytes);
}

/// A form (`multipart/form-data`) whose boundary is `XX`.
pub fn form(bytes: &[u8]) {
    crate::web::fuzz_form(bytes);
}

/// A ZIP archive.
pub fn zip(bytes: &[u8]) {
    crate::web::fuzz_zip(bytes);
}

/// Runs a future that waits for nothing but itself.
fn finish(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    let is_done = (0..100_000).any(|_| matches!(future.as_mut().poll(&mut context), Poll::Ready(())));
    assert!(is_done, "what has all of its input goes on for ever");
}
