//! What clients send that no good client sends, and what is made of it: however it is cut into pieces, and never more than
//! hyper makes of it.

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
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

const LIMIT: usize = 8 << 10;

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

/// Heads, or what stands for them: what is expected of `GET / HTTP/1.1` with these fields.
const FIELDS: &[(&str, &str)] = &[
    ("", "GET /"),
    ("Host: x\r\n", "GET /"),
    ("Host:x\r\n", "GET /"),
    ("Host: \t x \t\r\n", "GET /"),
    ("Host:\r\n", "GET /"),
    ("Host : x\r\n", "400"),
    ("Host\t: x\r\n", "400"),
    (" Host: x\r\n", "400"),
    ("\tHost: x\r\n", "400"),
    ("Host: x\r\n folded\r\n", "400"),
    ("Host: x\r\n\tfolded\r\n", "400"),
    ("Host: x\r\n \r\n", "400"),
    ("Host: x\n", "400"),
    ("Host: x\nA: b\r\n", "400"),
    ("Host: x\r\nA: b\nC: d\r\n", "400"),
    ("Host: x\rA: b\r\n", "400"),
    ("Host: x\r\r\n", "400"),
    ("Host: x\r\n\rA: b\r\n", "400"),
    ("A: b\0c\r\n", "400"),
    ("A: b\x01c\r\n", "400"),
    ("A: b\x7fc\r\n", "400"),
    ("A: b\x0bc\r\n", "400"),
    ("A: b\x0cc\r\n", "400"),
    ("A: b\tc\r\n", "GET /"),
    ("A: b\u{e9}c\r\n", "GET /"),
    ("A\0: b\r\n", "400"),
    ("A B: c\r\n", "400"),
    ("A(: b\r\n", "400"),
    ("A): b\r\n", "400"),
    ("A<: b\r\n", "400"),
    ("A@: b\r\n", "400"),
    ("A,: b\r\n", "400"),
    ("A;: b\r\n", "400"),
    ("A\\: b\r\n", "400"),
    ("A\": b\r\n", "400"),
    ("A/: b\r\n", "400"),
    ("A[: b\r\n", "400"),
    ("A?: b\r\n", "400"),
    ("A=: b\r\n", "400"),
    ("A{: b\r\n", "400"),
    ("A\u{e9}: b\r\n", "400"),
    (": b\r\n", "400"),
    (":\r\n", "400"),
    ("nonsense\r\n", "400"),
    ("A_b: c\r\n", "GET /"),
    ("!#$%&'*+-.^_`|~9: c\r\n", "GET /"),
    ("GET / HTTP/1.1\r\n", "400"),
    ("Content-Length: 0\r\n", "GET /"),
    ("Content-Length: 00\r\n", "GET /"),
    ("Content-Length: +0\r\n", "400"),
    ("Content-Length: -0\r\n", "400"),
    ("Content-Length: 0x0\r\n", "400"),
    ("Content-Length: 0 0\r\n", "400"),
    ("Content-Length: 0,0\r\n", "400"),
    ("Content-Length: 0, 0\r\n", "400"),
    ("Content-Length: 0,\r\n", "400"),
    ("Content-Length:\r\n", "400"),
    ("Content-Length: \r\n", "400"),
    ("Content-Length: 0a\r\n", "400"),
    ("Content-Length: a0\r\n", "400"),
    ("Content-Length: 0.0\r\n", "400"),
    ("Content-Length: 0;\r\n", "400"),
    ("Content-Length: \"0\"\r\n", "400"),
    ("Content-Length: \u{b2}\r\n", "400"),
    ("Content-Length: 9223372036854775808\r\n", "400"),
    ("Content-Length: 18446744073709551616\r\n", "400"),
    ("Content-Length: 18446744073709551616000000\r\n", "400"),
    ("Content-Length: 0\r\nContent-Length: 0\r\n", "400"),
    ("Content-Length: 0\r\nContent-Length: 1\r\n", "400"),
    ("Content-Length: 1\r\ncontent-length: 0\r\n", "400"),
    ("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", "400"),
    ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", "400"),
    ("Transfer-Encoding: chunked\r\nContent-Length: x\r\n", "400"),
    ("Content-Length : 0\r\n", "400"),
    ("Content-Length\0: 0\r\n", "400"),
    ("Transfer-Encoding: xchunked\r\n", "400"),
    ("Transfer-Encoding: chunkedx\r\n", "400"),
    ("Transfer-Encoding: chunked, identity\r\n", "400"),
    ("Transfer-Encoding: chunked, chunked\r\n", "400"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "400"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "400"),
    ("Transfer-Encoding: chunked,\r\n", "400"),
    ("Transfer-Encoding: \"chunked\"\r\n", "400"),
    ("Transfer-Encoding: chunked;q=1\r\n", "400"),
    ("Transfer-Encoding: identity\r\n", "400"),
    ("Transfer-Encoding: gzip\r\n", "400"),
    ("Transfer-Encoding:\r\n", "400"),
    ("Transfer-Encoding: \r\n", "400"),
    ("Transfer-Encoding: \x0bchunked\r\n", "400"),
    ("Transfer-Encoding: \x0cchunked\r\n", "400"),
    ("Transfer-Encoding: chun ked\r\n", "400"),
    ("Transfer-Encoding: chunked \x01\r\n", "400"),
    ("Transfer-Encoding : chunked\r\n", "400"),
    ("Transfer\0-Encoding: chunked\r\n", "400"),
    ("Transfer-Encoding:\n chunked\r\n", "400"),
    ("Transfer-Encoding:\r\n chunked\r\n", "400"),
    ("Transfer-Encoding: chunked\r\n\t, identity\r\n", "400"),
    ("Transfer_Encoding: chunked\r\n", "GET /"),
    ("Content_Length: 5\r\n", "GET /"),
];

/// Request lines.
const LINES: &[(&str, &str)] = &[
    ("GET / HTTP/1.1", "GET /"),
    ("GET / HTTP/1.0", "GET /"),
    ("get / HTTP/1.1", "get /"),
    ("M-SEARCH / HTTP/1.1", "M-SEARCH /"),
    ("OPTIONS * HTTP/1.1", "OPTIONS *"),
    ("GET http://a.test/x?y HTTP/1.1", "GET http://a.test/x?y"),
    ("CONNECT a.test:80 HTTP/1.1", "CONNECT a.test:80"),
    ("GET /%00 HTTP/1.1", "GET /%00"),
    ("GET / HTTP/1.2", "400"),
    ("GET / HTTP/2.0", "400"),
    ("GET / HTTP/0.9", "400"),
    ("GET / HTTP/1", "400"),
    ("GET / HTTP/1.", "400"),
    ("GET / HTTP/1.11", "400"),
    ("GET / HTTP/01.1", "400"),
    ("GET / HTTP/1,1", "400"),
    ("GET / http/1.1", "400"),
    ("GET / HTTPS/1.1", "400"),
    ("GET / HTTP /1.1", "400"),
    ("GET / HTTP/ 1.1", "400"),
    ("GET / HTTP/+1.1", "400"),
    ("GET / HTTP/1.1 ", "400"),
    ("GET / HTTP/1.1\t", "400"),
    ("GET / HTTP/1.1 x", "400"),
    ("GET /", "400"),
    ("GET", "400"),
    ("GET ", "400"),
    ("GET  / HTTP/1.1", "400"),
    ("GET /  HTTP/1.1", "400"),
    ("GET\t/ HTTP/1.1", "400"),
    ("GET /\tHTTP/1.1", "400"),
    (" GET / HTTP/1.1", "400"),
    ("\tGET / HTTP/1.1", "400"),
    ("GET / a HTTP/1.1", "400"),
    ("GET /a b HTTP/1.1", "400"),
    ("GET \0 HTTP/1.1", "400"),
    ("GET /\0 HTTP/1.1", "400"),
    ("GET /\x01 HTTP/1.1", "400"),
    ("GET /\x7f HTTP/1.1", "400"),
    ("GET /\x0b HTTP/1.1", "400"),
    ("GET / HTTP/1.1\r", "400"),
    ("GET /\rHTTP/1.1", "400"),
    ("GET /\nHTTP/1.1", "400"),
    ("G\0T / HTTP/1.1", "400"),
    ("G\u{e9}T / HTTP/1.1", "400"),
    ("G(T / HTTP/1.1", "400"),
    ("G:T / HTTP/1.1", "400"),
    ("GET,POST / HTTP/1.1", "400"),
    ("\"GET\" / HTTP/1.1", "400"),
    ("GET http:// HTTP/1.1", "400"),
    ("GET http://a b/ HTTP/1.1", "400"),
    ("GET http://[::1/ HTTP/1.1", "400"),
    ("GET //\\ HTTP/1.1", "GET //\\"),
    ("\u{16}\u{3}\u{1}", "400"),
    ("PRI * HTTP/2.0", "400"),
    ("{\"json\": 1}", "400"),
    ("SSH-2.0-x", "400"),
    ("\n\nGET / HTTP/1.1", "400"),
    ("\r\n\r\nGET / HTTP/1.1", "GET /"),
    ("\r\rGET / HTTP/1.1", "400"),
];

/// Contents in chunks.
const CHUNKS: &[(&str, &str)] = &[
    ("0\r\n\r\n", "POST /"),
    ("5\r\nhello\r\n0\r\n\r\n", "POST / hello"),
    ("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", "POST / hello world"),
    ("05\r\nhello\r\n00\r\n\r\n", "POST / hello"),
    ("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "POST / 01234567890123456789"),
    ("5;a\r\nhello\r\n0;b=\"c\"\r\n\r\n", "POST / hello"),
    ("5;a=\u{e9}\r\nhello\r\n0\r\n\r\n", "POST / hello"),
    ("1\r\na\r\n0\r\nX: y\r\n\r\n", "POST / a +1"),
    ("1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n", "POST / a +2"),
    ("0\r\n\r\nGET /b HTTP/1.1\r\n\r\n", "POST / | GET /b"),
    ("1\r\na\r\n0\r\n\r\nnonsense\r\n\r\n", "POST / a | 400"),
    ("", "."),
    ("5\r\nhel", "."),
    ("5\r\nhello", "."),
    ("5\r\nhello\r\n", "."),
    ("5\r\nhello\r\n0\r\n", "."),
    ("0\r\nX: y\r\n", "."),
    ("ffffffffffffffff\r\nx", "."),
    ("\r\n", "!"),
    ("\r\n0\r\n\r\n", "!"),
    (" 0\r\n\r\n", "!"),
    ("0 \r\n\r\n", "!"),
    ("0\t\r\n\r\n", "!"),
    ("5 ;a\r\nhello\r\n0\r\n\r\n", "!"),
    ("+5\r\nhello\r\n0\r\n\r\n", "!"),
    ("-5\r\nhello\r\n0\r\n\r\n", "!"),
    ("0x5\r\nhello\r\n0\r\n\r\n", "!"),
    ("5h\r\nhello\r\n0\r\n\r\n", "!"),
    ("g\r\nhello\r\n0\r\n\r\n", "!"),
    ("5_0\r\nhello\r\n0\r\n\r\n", "!"),
    ("5.\r\nhello\r\n0\r\n\r\n", "!"),
    (";a\r\nhello\r\n0\r\n\r\n", "!"),
    ("00000000000000005\r\nhello\r\n0\r\n\r\n", "!"),
    ("10000000000000000\r\nhello\r\n0\r\n\r\n", "!"),
    ("5\nhello\r\n0\r\n\r\n", "!"),
    ("5\rhello\r\n0\r\n\r\n", "!"),
    ("5\r\rhello\r\n0\r\n\r\n", "!"),
    ("5;a\nhello\r\n0\r\n\r\n", "!"),
    ("5;a\rb\r\nhello\r\n0\r\n\r\n", "!"),
    ("5;a\0\r\nhello\r\n0\r\n\r\n", "!"),
    ("5;\x7f\r\nhello\r\n0\r\n\r\n", "!"),
    ("3\r\nhello\r\n0\r\n\r\n", "!"),
    ("6\r\nhello\r\n0\r\n\r\n", "!"),
    ("5\r\nhello0\r\n\r\n", "!"),
    ("5\r\nhello\n0\r\n\r\n", "!"),
    ("5\r\nhello\r0\r\n\r\n", "!"),
    ("5\r\nhello\r\n\r\n0\r\n\r\n", "!"),
    ("0\r\n\n", "!"),
    ("0\n\r\n", "!"),
    ("0\r\nX: y\n\r\n", "!"),
    ("0\r\nX : y\r\n\r\n", "!"),
    ("0\r\n X: y\r\n\r\n", "!"),
    ("0\r\nX: y\r\n z\r\n\r\n", "!"),
    ("0\r\nnonsense\r\n\r\n", "!"),
    ("0\r\nX: y\0\r\n\r\n", "!"),
    ("0\r\nX: y\rz\r\n\r\n", "!"),
];

/// Whole inputs with their outcomes.
fn table() -> Vec<(Vec<u8>, String)> {
    let fields = FIELDS.iter().map(|(fields, outcome)| (format!("GET / HTTP/1.1\r\n{fields}\r\n"), *outcome));
    let lines = LINES.iter().map(|(line, outcome)| (format!("{line}\r\nHost: x\r\n\r\n"), *outcome));
    let chunks = CHUNKS.iter().map(|(chunks, outcome)| {
        (format!("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), *outcome)
    });
    let whole = [
        ("GET / HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n", "GET / | GET /b"),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\n\r\n", "GET /"),
        ("GET / HTTP/1.1\r\nConnection: a, Close\r\n\r\nGET /b HTTP/1.1\r\n\r\n", "GET /"),
        ("GET / HTTP/1.0\r\n\r\nGET /b HTTP/1.1\r\n\r\n", "GET /"),
        ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\n\r\n", "GET / | GET /b"),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\n\r\n", "POST / hello | GET /b"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello\r\n\r\nGET /b HTTP/1.1\r\n\r\n",
            "POST / hello | GET /b",
        ),
        ("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel", "."),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "POST /"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n", "POST /"),
        ("GET / HTTP/1.1\r\nHost: x\r\n", "."),
        ("GET / HT", "."),
        ("\r\n", ""),
        ("", ""),
    ];
    let all =
        fields.chain(lines).chain(chunks).chain(whole.map(|(text, outcome)| (text.to_owned(), outcome)));
    let mut all: Vec<_> = all.map(|(text, outcome)| (text.into_bytes(), outcome.to_owned())).collect();
    let many = |count| (0..count).map(|n| format!("X{n}: y\r\n")).collect::<String>();
    let long = |length| "x".repeat(length);
    for (text, outcome) in [
        (format!("GET / HTTP/1.1\r\n{}\r\n", many(100)), "GET /"),
        (format!("GET / HTTP/1.1\r\n{}\r\n", many(101)), "431"),
        (format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", long(LIMIT)), "431"),
        (format!("GET / HTTP/1.1\r\nA: {}", long(LIMIT)), "431"),
        (format!("GET /{} HTTP/1.1\r\n\r\n", long(LIMIT)), "431"),
        (format!("{} / HTTP/1.1\r\n\r\n", long(LIMIT)), "431"),
        (format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0;{}\r\n\r\n", long(20_000)), "!"),
        (
            format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: {}\r\n\r\n", long(20_000)),
            "!",
        ),
        (format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{}\r\n", many(101)), "!"),
    ] {
        all.push((text.into_bytes(), outcome.to_owned()));
    }
    all.push((b"G\x80T / HTTP/1.1\r\n\r\n".to_vec(), "400".into()));
    all.push((b"GET / HTTP/1.1\r\nA\xff: b\r\n\r\n".to_vec(), "400".into()));
    all
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
