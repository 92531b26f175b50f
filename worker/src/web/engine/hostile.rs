//! What clients send that no good client sends, and what is made of it: however it is cut into pieces, and never more than
//! hyper makes of it.

mod table;

use super::chunked::{Chunked, Piece};
use super::head::{Framing, Look};
use bytes::{Bytes, BytesMut};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::io::{self, Cursor};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use table::{LIMIT, table};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// What is made of what comes in pieces: the requests with their contents, then how it ends: the status of what is no
/// request, `!` for a malformed content, `.` for an end within a request.
fn made_of<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> (Vec<String>, String) {
    enum At {
        Head(Look),
        Content(Framing, Chunked),
    }
    let (mut requests, mut input, mut keep_alive) = (Vec::<String>::new(), BytesMut::new(), true);
    let mut at = At::Head(Look::default());
    let mut begun = String::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match &mut at {
                At::Head(_) if !keep_alive => return (requests, String::new()),
                At::Head(look) => match look.take(&mut input, LIMIT) {
                    Ok(None) => break,
                    Ok(Some(head)) => {
                        let request = &head.request;
                        begun = format!("{} {} ", request.method(), request.uri());
                        keep_alive = head.keep_alive && request.method() != Method::CONNECT;
                        at = At::Content(head.framing, Chunked::new());
                    }
                    Err(reason) => return (requests, reason.status.as_u16().to_string()),
                },
                At::Content(Framing::Length(left), _) => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    begun.push_str(&String::from_utf8_lossy(&input.split_to(count)));
                    *left -= count as u64;
                    if *left > 0 {
                        break;
                    }
                    requests.push(begun.trim_end().to_owned());
                    at = At::Head(Look::default());
                }
                At::Content(Framing::Chunked, chunked) => match chunked.next(&mut input) {
                    Ok(None) => break,
                    Ok(Some(Piece::Data(data))) => begun.push_str(&String::from_utf8_lossy(&data)),
                    Ok(Some(end)) => {
                        if let Piece::Trailers(fields) = end {
                            write!(begun, " +{}", fields.len()).unwrap();
                        }
                        requests.push(begun.trim_end().to_owned());
                        at = At::Head(Look::default());
                    }
                    Err(_) => return (requests, "!".into()),
                },
            }
        }
    }
    let end = match at {
        At::Head(_) if !keep_alive || input.is_empty() => String::new(),
        At::Head(look) => look.at_end(&input).map_or_else(|e| e.status.as_u16().to_string(), |()| ".".into()),
        At::Content(..) => ".".into(),
    };
    (requests, end)
}

fn said(bytes: &[u8]) -> String {
    let (mut requests, end) = made_of([bytes]);
    requests.extend(Some(end).filter(|end| !end.is_empty()));
    requests.join(" | ")
}

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Cuts it into pieces of up to so many bytes.
fn cut<'b>(bytes: &'b [u8], random: &mut Random, most: usize) -> Vec<&'b [u8]> {
    let (mut pieces, mut left) = (vec![], bytes);
    while !left.is_empty() {
        let (piece, rest) = left.split_at((1 + random.below(most)).min(left.len()));
        pieces.push(piece);
        left = rest;
    }
    pieces
}

#[test]
fn of_what_is_hostile_nothing_is_understood() {
    let table = table();
    assert!(table.len() >= 200, "{}", table.len());
    for (bytes, outcome) in table {
        assert_eq!(said(&bytes), outcome, "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn how_it_is_cut_makes_no_difference() {
    let mut random = Random(0x5eed);
    for (bytes, _) in table() {
        let whole = made_of([&bytes[..]]);
        for most in [1, 2, 3, 7, 40, 1000] {
            assert_eq!(
                made_of(cut(&bytes, &mut random, most)),
                whole,
                "{:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}

/// Nothing comes.
struct Quiet;

impl AsyncRead for Quiet {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// The requests that hyper makes of it, with their contents, as far as those are whole.
fn by_hyper(bytes: &[u8]) -> Vec<String> {
    let requests = RefCell::new(vec![]);
    let noted = &requests;
    let service = service_fn(|mut request: Request<Incoming>| async move {
        let mut said = format!("{} {} ", request.method(), request.uri());
        let content = request.body_mut();
        while let Some(frame) = poll_fn(|cx| Pin::new(&mut *content).poll_frame(cx)).await {
            let Ok(frame) = frame else { return Ok(Response::new(http_body_util::Empty::<Bytes>::new())) };
            match frame.into_data() {
                Ok(data) => said.push_str(&String::from_utf8_lossy(&data)),
                Err(trailers) => {
                    let count = trailers.trailers_ref().map_or(0, hyper::HeaderMap::len);
                    write!(said, " +{count}").unwrap();
                }
            }
        }
        noted.borrow_mut().push(said.trim_end().to_owned());
        Ok::<_, Infallible>(Response::new(http_body_util::Empty::<Bytes>::new()))
    });
    // A connection on which nothing more comes, and which does not end: hyper gives up who has ended.
    let stream = tokio::io::join(Cursor::new(bytes.to_vec()).chain(Quiet), tokio::io::sink());
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let mut context = Context::from_waker(Waker::noop());
    let _ = (0..64).any(|_| connection.as_mut().poll(&mut context).is_ready());
    requests.take()
}

#[test]
fn never_more_is_understood_than_hyper_understands() {
    let seeds = table();
    let mut random = Random(0xd1ff);
    const WORDS: [&[u8]; 20] = [
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b"\0",
        b":",
        b";",
        b",",
        b"0",
        b"5",
        b"chunked",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"0\r\n\r\n",
        b"\x0b",
        b"\xff",
        b"close",
        b"identity",
    ];
    for case in 0..20_000 {
        let mut bytes = seeds[random.below(seeds.len())].0.clone();
        if bytes.len() > 4000 {
            continue;
        }
        for _ in 0..random.below(4) {
            let at = random.below(bytes.len() + 1);
            match random.below(4) {
                0 => drop(bytes.splice(at..at, WORDS[random.below(WORDS.len())].iter().copied())),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 if at < bytes.len() => bytes[at] = random.below(256) as u8,
                _ => {
                    let other = &seeds[random.below(seeds.len())].0;
                    let from = random.below(other.len() + 1);
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                    bytes.truncate(4000);
                }
            }
        }
        let (mut ours, _) = made_of([&bytes[..]]);
        // hyper waits there for what goes on as another protocol; here it is the last request.
        ours.retain(|said| !said.starts_with("CONNECT "));
        let theirs = by_hyper(&bytes);
        assert!(
            theirs.starts_with(&ours),
            "case {case}: {:?}\n{ours:?}\n{theirs:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}
