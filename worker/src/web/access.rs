//! The access log: a line for each request, like the "combined" format of other servers without its time, which
//! the record has.

use crate::net::stream::Peer;
use hyper::header::{HeaderName, REFERER, USER_AGENT};
use hyper::{Request, StatusCode};
use std::fmt::Write;
use tracing::info;

/// A line that is written when the answer has been sent.
#[derive(Debug)]
pub(super) struct Line {
    asked: String,
    from: String,
    status: StatusCode,
}

impl Line {
    pub(super) fn of<B>(request: &Request<B>, peer: Peer) -> Self {
        let mut asked = match peer {
            Peer::Tcp(address) => format!("{} - - ", address.ip()),
            peer @ (Peer::Unix | Peer::Onion) => format!("{peer} - - "),
        };
        let target = request.uri().to_string();
        // Writing to a String can't fail.
        let _ = write!(
            asked,
            "\"{} {} {:?}\"",
            request.method(),
            target.as_bytes().escape_ascii(),
            request.version()
        );
        let said = |name: HeaderName| {
            let value = request.headers().get(name).map_or(&b"-"[..], |value| value.as_bytes());
            value.escape_ascii().to_string()
        };
        let from = format!("\"{}\" \"{}\"", said(REFERER), said(USER_AGENT));
        Self { asked, from, status: StatusCode::OK }
    }

    /// The request was answered with `status`.
    pub(super) fn answered(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// So many octets of content were sent.
    pub(super) fn write(&self, octets: u64) {
        info!("{} {} {octets} {}", self.asked, self.status.as_u16(), self.from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_forge_a_line() {
        let mut request = Request::new(());
        *request.uri_mut() = "/a?b=%22".parse().unwrap();
        request.headers_mut().insert(USER_AGENT, "x\" \u{1f980}".parse().unwrap());
        let line = Line::of(&request, Peer::Tcp(([127, 0, 0, 1], 9).into()));
        assert_eq!(line.asked, "127.0.0.1 - - \"GET /a?b=%22 HTTP/1.1\"");
        assert_eq!(line.from, r#""-" "x\" \xf0\x9f\xa6\x80""#);
    }
}
