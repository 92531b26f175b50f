//! Answers to what never becomes a request: they have content, as those of services do.

use super::encode::date;
use super::pages;
use hyper::StatusCode;
use std::time::SystemTime;
use tokio::time::Instant;

/// Writes the answer to what is no request; how long its content is. `page`: for a browser, as far as is known.
pub(in crate::web) fn write(out: &mut Vec<u8>, status: StatusCode, text: &str, page: bool) -> usize {
    let (fields, content) = said(status, text, page);
    let reason = status.canonical_reason().unwrap_or("Error");
    out.extend_from_slice(
        format!("HTTP/1.1 {} {reason}\r\nconnection: close\r\n{fields}\r\n", status.as_u16()).as_bytes(),
    );
    date(out, Instant::now());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(content.as_bytes());
    content.len()
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
    fn what_is_no_request_is_answered_with_content() {
        let mut out = Vec::new();
        let text = "What was sent is no request of HTTP.";
        let length = write(&mut out, StatusCode::BAD_REQUEST, text, false);
        let said = String::from_utf8(out).unwrap();
        let (head, content) = said.split_once("\r\n\r\n").unwrap();
        assert!(
            head.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain"),
            "{head}"
        );
        assert!(head.contains(&format!("content-length: {length}\r\ndate: ")), "{head}");
        assert_eq!(
            (content, length),
            ("400 Bad Request: What was sent is no request of HTTP.\n", content.len())
        );
        let mut page = Vec::new();
        write(&mut page, StatusCode::BAD_REQUEST, text, true);
        assert!(page.ends_with(b"</html>\n"));
    }
}
