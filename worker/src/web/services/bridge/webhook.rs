//! The path service `webhook`: whatever is sent to it is an event.

use super::checks::Checks;
use super::denial::Denial;
use super::{Outcome, within};
use crate::log::Throttle;
use crate::wamp::{Embedded, Reply, Router};
use crate::web::engine::answer::{Answer, content};
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use crate::web::services::cors;
use crate::web::services::service::{Answering, Service};
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, Response, StatusCode};
use jackfield_shared::config::{WebhookOptions, WebhookService};
use jackfield_wamp::{Dict, Payload, Value};
use std::rc::Rc;
use std::time::Duration;
use tracing::{debug, error, info};

/// Methods that it takes.
const METHODS: &str = "POST, PUT, OPTIONS";
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// How often it is reported that events can't be published.
const REPORT: Duration = Duration::from_secs(1);

/// The service.
#[derive(Debug)]
pub(crate) struct Webhook {
    topic: String,
    options: WebhookOptions,
    checks: Checks,
    session: Embedded,
    failing: Throttle,
}

impl Webhook {
    pub(crate) fn new(config: &WebhookService, router: Option<&Rc<Router>>) -> Result<Self, String> {
        let WebhookService { realm, role, options } = config;
        let topic = options.topic.clone().ok_or(
            "a webhook service has no \"topic\" among its options, to which it would publish what it gets",
        )?;
        let session = Embedded::new(router, realm, role, "webhook", options.max_waiting as usize)?;
        let (options, checks) = (options.clone(), Checks::of_webhook(options));
        Ok(Self { topic, options, checks, session, failing: Throttle::new(REPORT) })
    }

    async fn respond(&self, request: &mut Asked, client: &Client) -> Answer {
        let mut answer = match *request.method() {
            Method::POST | Method::PUT => self.take(request, client).await.unwrap_or_else(|denial| {
                debug!("{}: webhook: refused: {}", client.peer, denial.text);
                denial.answer()
            }),
            Method::OPTIONS => Response::new(Body::Empty),
            _ => {
                let text = "Events are sent to this address by POST or PUT.";
                Denial::new(StatusCode::METHOD_NOT_ALLOWED, text).answer()
            }
        };
        if !matches!(*request.method(), Method::POST | Method::PUT) {
            cors::allow(&mut answer, METHODS);
        }
        cors::open(request.headers(), &mut answer);
        answer
    }

    async fn take(&self, request: &mut Asked, client: &Client) -> Result<Answer, Denial> {
        let body = self.checks.take(request, client).await?;
        let body = String::from_utf8(body.into())
            .map_err(|e| Denial::malformed(format!("The content is not UTF-8: {}.", e.utf8_error())))?;
        if self.options.debug {
            info!("{}: webhook: received {body}", client.peer);
        }
        let event = Dict::new().with("headers", Value::from(told(request.headers()))).with("body", body);
        let publish = self.session.publish(self.topic.clone(), Dict::new(), Payload::one(event));
        let why = match within(self.options.timeout, publish).await {
            Outcome::Reply(Reply::Error(uri, payload)) => {
                let (args, _) = payload.decode().unwrap_or_default();
                let text = args.first().and_then(Value::as_str).unwrap_or_default();
                format!("{uri} {text}")
            }
            Outcome::Reply(_) => {
                let mut answer = content(TEXT, self.options.success_response.clone());
                *answer.status_mut() = StatusCode::ACCEPTED;
                return Ok(answer);
            }
            Outcome::Late => "the realm has not answered in time".to_owned(),
            Outcome::Failure(failure) => failure.to_string(),
        };
        if let Some(quiet) = self.failing.pass() {
            let more = if quiet > 0 { format!(" ({quiet} more before)") } else { String::new() };
            error!("{}: webhook: nothing is published to \"{}\": {why}{more}", client.peer, self.topic);
        }
        let mut answer = content(TEXT, self.options.error_response.clone());
        *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        Ok(answer)
    }
}

impl Service for Webhook {
    fn answer<'a>(&'a self, request: &'a mut Asked, _: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        Answering::later(self.respond(request, client))
    }
}

/// The headers of a request by their names as people write them, each with its values.
fn told(headers: &HeaderMap) -> Dict {
    let mut told = Dict::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let values: Vec<_> =
            values.map(|value| Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned())).collect();
        told.push(canonical(name.as_str()), values);
    }
    told
}

/// The name of a header with capitals, as the reference tells it: subscribers look for these.
fn canonical(name: &str) -> String {
    let special =
        ["Content-MD5", "DNT", "ETag", "P3P", "TE", "WWW-Authenticate", "X-XSS-Protection"].into_iter();
    if let Some(special) = { special }.find(|special| special.eq_ignore_ascii_case(name)) {
        return special.to_owned();
    }
    let capital = |part: &str| {
        let (first, rest) = part.split_at(part.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(capital).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_have_capitals() {
        for (name, expected) in [
            ("x-github-event", "X-Github-Event"),
            ("content-type", "Content-Type"),
            ("host", "Host"),
            ("te", "TE"),
            ("x--a", "X--A"),
        ] {
            assert_eq!(canonical(name), expected);
        }
    }

    #[test]
    fn a_header_that_is_there_twice_has_two_values() {
        let mut headers = HeaderMap::new();
        headers.append("x-a", HeaderValue::from_static("1"));
        headers.append("x-a", HeaderValue::from_static("2"));
        let values = vec![Value::from("1"), Value::from("2")];
        assert_eq!(told(&headers), Dict::new().with("X-A", values));
    }
}
