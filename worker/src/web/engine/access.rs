//! The access log: a line for each request, in the formats that other servers write. In those of one line the time is
//! left out: the record has it.

use super::request::target;
use crate::net::stream::Peer;
use hyper::header::{HOST, HeaderName, HeaderValue, REFERER, USER_AGENT};
use hyper::{Request, StatusCode};
use jackfield_shared::config::AccessLogFormat;
use serde_json::json;
use tokio::time::Instant;
use tracing::info;

/// A line that is written when the answer has been sent.
#[derive(Debug)]
pub(in crate::web) struct Line {
    format: AccessLogFormat,
    began: Instant,
    client: String,
    method: String,
    target: String,
    version: String,
    host: String,
    referrer: String,
    agent: String,
    status: StatusCode,
    /// The id of the request, if it has one.
    id: Option<HeaderValue>,
}

impl Line {
    pub(in crate::web) fn of<B>(request: &Request<B>, peer: Peer, format: AccessLogFormat) -> Self {
        let said = |name: HeaderName| {
            let value = request.headers().get(name).map_or(&b"-"[..], |value| value.as_bytes());
            value.escape_ascii().to_string()
        };
        let authority = request.uri().authority().map(ToString::to_string);
        Self {
            format,
            began: Instant::now(),
            client: name_of(peer),
            method: request.method().to_string(),
            target: target(request).as_bytes().escape_ascii().to_string(),
            version: format!("{:?}", request.version()),
            host: authority.unwrap_or_else(|| said(HOST)),
            referrer: said(REFERER),
            agent: said(USER_AGENT),
            status: StatusCode::OK,
            id: None,
        }
    }

    /// What can't be read as a request was answered with `status`.
    pub(in crate::web) fn of_no_request(peer: Peer, format: AccessLogFormat, status: StatusCode) -> Self {
        let none = || "-".to_owned();
        let (client, began) = (name_of(peer), Instant::now());
        let (method, target, version) = Default::default();
        let (host, referrer, agent) = (none(), none(), none());
        Self { format, began, client, method, target, version, host, referrer, agent, status, id: None }
    }

    /// The request, which may have an id, was answered with `status`.
    pub(in crate::web) fn answered(mut self, status: StatusCode, id: Option<HeaderValue>) -> Self {
        self.status = status;
        self.id = id;
        self
    }

    /// So many bytes of content were sent.
    pub(in crate::web) fn write(&self, bytes: u64) {
        info!("{}", self.text(bytes));
    }

    fn text(&self, bytes: u64) -> String {
        let Self { client, method, target, version, host, referrer, agent, .. } = self;
        let status = self.status.as_u16();
        let request = if method.is_empty() { "-".into() } else { format!("{method} {target} {version}") };
        match self.format {
            AccessLogFormat::Common => {
                format!("{client} - - \"{request}\" {status} {bytes}")
            }
            AccessLogFormat::Combined => {
                format!("{client} - - \"{request}\" {status} {bytes} \"{referrer}\" \"{agent}\"")
            }
            AccessLogFormat::Json => {
                let mut line = json!({
                    "client": client, "method": method, "target": target, "version": version, "host": host,
                    "status": status, "bytes": bytes, "referrer": referrer, "agent": agent,
                    "duration_s": self.began.elapsed().as_secs_f64(),
                });
                if let Some(id) = self.id.as_ref().and_then(|id| id.to_str().ok()) {
                    line["request_id"] = id.into();
                }
                line.to_string()
            }
        }
    }
}

fn name_of(peer: Peer) -> String {
    match peer {
        Peer::Tcp(address) => address.ip().to_string(),
        peer @ (Peer::Unix | Peer::Onion) => peer.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: AccessLogFormat) -> String {
        let mut request = Request::new(());
        *request.uri_mut() = "/a?b=%22".parse().unwrap();
        request.headers_mut().insert(USER_AGENT, "x\" \u{1f980}".parse().unwrap());
        let line = Line::of(&request, Peer::Tcp(([127, 0, 0, 1], 9).into()), format);
        line.answered(StatusCode::NOT_FOUND, Some(HeaderValue::from_static("id1"))).text(12)
    }

    #[test]
    fn a_client_cannot_forge_a_line() {
        assert_eq!(line(AccessLogFormat::Common), "127.0.0.1 - - \"GET /a?b=%22 HTTP/1.1\" 404 12");
        let combined = line(AccessLogFormat::Combined);
        assert!(combined.ends_with(r#" 404 12 "-" "x\" \xf0\x9f\xa6\x80""#), "{combined}");
        let object: serde_json::Value = serde_json::from_str(&line(AccessLogFormat::Json)).unwrap();
        assert_eq!((&object["target"], &object["status"]), (&json!("/a?b=%22"), &json!(404)));
        assert_eq!(object["agent"], r#"x\" \xf0\x9f\xa6\x80"#);
        assert_eq!(object["request_id"], "id1");
        assert!(object["duration_s"].as_f64().unwrap() >= 0.0);
    }
}
