//! Answers to what never becomes a request. What hyper can't read as one it refuses by itself: it says so by a head alone,
//! and tells nobody but the client. On its way there that head is replaced by an answer with content.

use super::pages;
use bytes::Bytes;
use hyper::StatusCode;
use std::time::SystemTime;

/// An answer that hyper has given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) struct Refusal {
    pub(in crate::web) status: StatusCode,
    /// Bytes of content in the answer of ours.
    pub(in crate::web) length: usize,
}

/// hyper's own answers, up to the date and the empty line.
const BARE: [(StatusCode, &str); 3] = [
    (StatusCode::BAD_REQUEST, "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: "),
    (
        StatusCode::URI_TOO_LONG,
        "HTTP/1.1 414 URI Too Long\r\nconnection: close\r\ncontent-length: 0\r\ndate: ",
    ),
    (
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\ndate: ",
    ),
];
/// Its end: a date of RFC 9110, section 5.6.7, and the empty line.
const REST: usize = "Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n".len();

/// The answer instead of `bytes`, if they are one of hyper's own. `page`: for a browser, as far as is known.
pub(in crate::web) fn instead_of(bytes: &[u8], page: bool) -> Option<(Refusal, Bytes)> {
    let whole = |head: &str| bytes.starts_with(head.as_bytes()) && bytes.len() == head.len() + REST;
    let (status, head) = BARE.into_iter().find(|(_, head)| whole(head))?;
    let text = match status {
        StatusCode::BAD_REQUEST => "What was sent is no request of HTTP.",
        StatusCode::URI_TOO_LONG => "The address is too long.",
        _ => "The head of the request is too long; in a browser, for the cookies of this site perhaps.",
    };
    let (fields, content) = said(status, text, page);
    let length = content.len();
    let mut answer = head.replace("content-length: 0", &fields).into_bytes();
    answer.extend_from_slice(bytes.get(head.len()..)?);
    answer.extend_from_slice(content.as_bytes());
    Some((Refusal { status, length }, answer.into()))
}

/// The answer where TLS is spoken, to the beginning of a request without.
pub(crate) fn without_tls(part: &[u8]) -> String {
    let text = "This port speaks TLS: its addresses begin with https.";
    let (fields, content) = said(StatusCode::BAD_REQUEST, text, is_of_browser(part));
    let date = httpdate::fmt_http_date(SystemTime::now());
    format!("HTTP/1.1 400 Bad Request\r\nconnection: close\r\n{fields}\r\ndate: {date}\r\n\r\n{content}")
}

/// The fields about the content, and the content, as a page or as text.
fn said(status: StatusCode, text: &str, page: bool) -> (String, String) {
    let (kind, content) = if page {
        ("text/html", pages::failure(status, text))
    } else {
        let reason = status.canonical_reason().unwrap_or("Error");
        ("text/plain", format!("{} {reason}: {text}\n", status.as_u16()))
    };
    (format!("content-type: {kind}; charset=utf-8\r\ncontent-length: {}", content.len()), content)
}

/// Whether so much of a head shows that a browser sends it.
pub(in crate::web) fn is_of_browser(part: &[u8]) -> bool {
    const PAGE: &[u8] = b"text/html";
    part.windows(PAGE.len()).any(|window| window == PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_answers_of_hyper_are_replaced() {
        let bare = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\
                    date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n";
        let (refusal, answer) = instead_of(bare.as_bytes(), false).unwrap();
        let text = "400 Bad Request: What was sent is no request of HTTP.\n";
        assert_eq!(refusal, Refusal { status: StatusCode::BAD_REQUEST, length: text.len() });
        let expected = format!(
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n\
             content-length: {}\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n{text}",
            text.len()
        );
        assert_eq!(answer, expected.as_bytes());
        assert!(instead_of(format!("x{bare}").as_bytes(), false).is_none());
        assert!(instead_of(&bare.as_bytes()[..bare.len() - 1], false).is_none());
        assert!(instead_of(bare.replace("close", "Close").as_bytes(), false).is_none());
        let page = instead_of(bare.as_bytes(), true).unwrap().1;
        assert!(page.ends_with(b"</html>\n"));
    }
}
