//! One request to one backend.

use super::body::Proxied;
use super::headers::Outgoing;
use super::pool::{self, MOST_FIELDS, Pool};
use super::upload::Upload;
use crate::backends::Backend;
use crate::connect::ConnectError;
use crate::web::engine::received::idle_for;
use hyper::header::TRANSFER_ENCODING;
use hyper::{Method, Response};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

/// What a failed exchange leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The backend has seen nothing of the request: another may.
    NotSent,
    /// It may have acted on it.
    Sent,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Failure {
    backend: String,
    reason: String,
    pub(super) kind: Kind,
    /// For lack of time.
    pub(super) late: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a connection fails with names the backend already.
        if self.reason.starts_with(&self.backend) {
            return f.write_str(&self.reason);
        }
        write!(f, "{}: {}", self.backend, self.reason)
    }
}

impl Failure {
    /// A backend has answered something that is no answer.
    pub(super) fn sent(backend: &Backend, reason: String) -> Self {
        Self { backend: backend.connector.to_string(), reason, kind: Kind::Sent, late: false }
    }
}

/// Sends the request and waits for the head of the answer, at most `timeout` without a sign of life (zero: for ever).
/// A kept connection that the backend has just closed is replaced by a new one.
pub(super) async fn exchange(
    backend: &Rc<Backend>,
    pool: &Rc<Pool>,
    outgoing: &Outgoing<'_>,
    upload: &mut Upload,
    timeout: Duration,
) -> Result<Response<Proxied>, Failure> {
    let failed =
        |kind, late, reason: String| Failure { backend: backend.connector.to_string(), reason, kind, late };
    let in_use = backend.begin();
    let mut kept = pool.take().await;
    loop {
        let is_kept = kept.is_some();
        let mut sender = match kept.take() {
            Some(sender) => sender,
            // Boxed, so that requests on kept connections do not hold the room that connecting needs.
            None => match Box::pin(pool.connect(&backend.connector)).await {
                Ok(sender) => {
                    backend.accepted();
                    sender
                }
                Err(e) => {
                    backend.refused(&e);
                    let late = matches!(e, pool::Error::Connect(ConnectError::Timeout { .. }));
                    return Err(failed(Kind::NotSent, late, e.to_string()));
                }
            },
        };
        if outgoing.handshake.is_some() && !sender.takes_websocket().await {
            let reason = "it takes no WebSocket over HTTP/2 (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441)";
            return Err(failed(Kind::NotSent, false, reason.into()));
        }
        let activity = Rc::clone(&upload.activity);
        activity.touch();
        let request = outgoing.for_version(sender.is_two()).map(|()| upload.begin());
        let sent = tokio::select! {
            biased;
            sent = sender.send(request) => sent,
            () = idle_for(&activity, upload.arrival.as_deref(), timeout) => {
                let reason = format!("no answer within {} s (`timeout`)", timeout.as_secs_f64());
                return Err(failed(Kind::Sent, true, reason));
            }
        };
        match sent {
            Ok(answer) => {
                let mut answer = answer.map(|body| Proxied::new(body, pool, sender, in_use, timeout));
                if answer.headers().contains_key(TRANSFER_ENCODING)
                    && let Err(e) = answer.body_mut().begin().await
                {
                    return Err(failed(Kind::Sent, false, format!("the content of its answer: {e}")));
                }
                return Ok(answer);
            }
            Err(mut e) => {
                let unsent = e.take_message();
                let is_unsent = unsent.is_some();
                if let Some(request) = unsent {
                    upload.restore(request.into_body());
                }
                let may_repeat = is_unsent || (upload.is_empty() && is_idempotent(outgoing));
                if is_kept && may_repeat {
                    continue;
                }
                let kind = if is_unsent { Kind::NotSent } else { Kind::Sent };
                let reason = if e.error().is_parse_too_large() {
                    format!(
                        "the head of its answer has more than {MOST_FIELDS} fields, or is longer than 64 KiB"
                    )
                } else {
                    e.error().to_string()
                };
                return Err(failed(kind, false, reason));
            }
        }
    }
}

/// Whether doing it twice is as good as once (RFC 9110, section 9.2.2).
fn is_idempotent(outgoing: &Outgoing<'_>) -> bool {
    let methods = [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE];
    outgoing.handshake.is_some() || methods.contains(outgoing.request.method())
}
