//! What the fuzz target of HTTP calls.

use super::answer::Answer;
use super::body::Body;
use super::refusal::instead_of;
use super::request::{normalize, refuse, target};
use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{COOKIE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::Cursor;

/// Whatever a client sends: its requests are refused, or understood in one way only.
pub(crate) async fn fuzz(bytes: &[u8]) {
    let stream = tokio::io::join(Cursor::new(bytes.to_vec()), tokio::io::sink());
    let service = service_fn(|request: Request<Incoming>| {
        let mut request = request.map(|_| None);
        let answer = refuse(&request).unwrap_or_else(|| {
            normalize(&mut request);
            for name in [HOST, COOKIE] {
                assert!(request.headers().get_all(&name).iter().count() <= 1, "{name} more than once");
            }
            assert!(matches!(target(&request).as_bytes(), [b'/' | b'*', ..]), "{:?}", request.uri());
            Answer::new(Body::Empty)
        });
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await; // what hyper refuses
    for page in [false, true] {
        instead_of(bytes, page);
    }
}
