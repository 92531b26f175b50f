//! What the fuzz target of HTTP calls.

use super::chunked::{Chunked, Piece};
use super::head::{Framing, Look};
use super::request::{normalize, refuse, target};
use bytes::BytesMut;
use hyper::header::{COOKIE, HOST};

/// Bytes of a head.
const LIMIT: usize = 32 << 10;

/// Whatever a client sends: its requests are refused, or understood in one way only.
pub(crate) fn fuzz(bytes: &[u8]) {
    let mut input = BytesMut::from(bytes);
    loop {
        let mut look = Look::default();
        let head = match look.take(&mut input, LIMIT) {
            Ok(Some(head)) => head,
            Ok(None) => {
                let _ = look.at_end(&input); // what is not complete is refused or not
                return;
            }
            Err(_) => return,
        };
        let mut request = head.request.map(|()| None);
        if refuse(&request).is_none() {
            normalize(&mut request);
            for name in [HOST, COOKIE] {
                assert!(request.headers().get_all(&name).iter().count() <= 1, "{name} more than once");
            }
            assert!(matches!(target(&request).as_bytes(), [b'/' | b'*', ..]), "{:?}", request.uri());
        }
        match head.framing {
            Framing::Length(length) if length > input.len() as u64 => return,
            Framing::Length(length) => drop(input.split_to(length as usize)),
            Framing::Chunked => {
                let mut chunked = Chunked::new();
                loop {
                    match chunked.next(&mut input) {
                        Ok(Some(Piece::Data(data))) => assert!(!data.is_empty(), "a piece of nothing"),
                        Ok(Some(_)) => break,
                        Ok(None) | Err(_) => return,
                    }
                }
            }
        }
    }
}
