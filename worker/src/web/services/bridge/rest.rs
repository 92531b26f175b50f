//! The path services `publisher` and `caller`: a request of HTTP is an event, or a call.

use super::checks::Checks;
use super::denial::Denial;
use super::{Outcome, within};
use crate::wamp::{Embedded, Reply, Router};
use crate::web::engine::answer::{Answer, JSON, content};
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest as Path;
use crate::web::engine::received::Asked;
use crate::web::services::cors;
use crate::web::services::service::{Answering, Service};
use hyper::{Method, Response, StatusCode};
use jackfield_shared::config::{RestOptions, RestService};
use jackfield_wamp::codec::decode_value;
use jackfield_wamp::{Dict, Payload, Serializer, Value};
use serde_json::json;
use std::rc::Rc;
use std::time::Duration;
use tracing::{debug, info};

/// Methods that it takes.
const METHODS: &str = "POST, PUT, OPTIONS";

/// The service.
#[derive(Debug)]
pub(crate) struct Rest {
    kind: Kind,
    checks: Checks,
    session: Embedded,
    timeout: Duration,
    debug: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Publisher,
    Caller,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Caller => "caller",
        }
    }

    /// The key of the URI.
    const fn key(self) -> &'static str {
        match self {
            Self::Publisher => "topic",
            Self::Caller => "procedure",
        }
    }

    /// Options that clients may give.
    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Publisher => &[
                "exclude_me",
                "exclude",
                "exclude_authid",
                "exclude_authrole",
                "eligible",
                "eligible_authid",
                "eligible_authrole",
                "retain",
            ],
            Self::Caller => &["timeout"],
        }
    }
}

/// What a client wants.
#[derive(Debug)]
struct Wanted {
    uri: String,
    options: Dict,
    payload: Payload,
}

impl Rest {
    /// Publishes events.
    pub(crate) fn publisher(config: &RestService, router: Option<&Rc<Router>>) -> Result<Self, String> {
        Self::new(Kind::Publisher, config, router)
    }

    /// Calls procedures.
    pub(crate) fn caller(config: &RestService, router: Option<&Rc<Router>>) -> Result<Self, String> {
        Self::new(Kind::Caller, config, router)
    }

    fn new(kind: Kind, config: &RestService, router: Option<&Rc<Router>>) -> Result<Self, String> {
        let RestService { realm, role, options } = config;
        let RestOptions { timeout, max_waiting, debug, .. } = options;
        let session = Embedded::new(router, realm, role, kind.name(), *max_waiting as usize)?;
        Ok(Self { kind, checks: Checks::of_rest(options), session, timeout: *timeout, debug: *debug })
    }

    async fn respond(&self, request: &mut Asked, client: &Client) -> Answer {
        let mut answer = match *request.method() {
            Method::POST | Method::PUT => match self.take(request, client).await {
                Ok(text) => content(JSON, text),
                Err(denial) => {
                    debug!("{}: {}: refused: {}", client.peer, self.kind.name(), denial.text);
                    denial.answer()
                }
            },
            Method::OPTIONS => Response::new(Body::Empty),
            _ => {
                let text = "Requests are sent to this address by POST or PUT.";
                Denial::new(StatusCode::METHOD_NOT_ALLOWED, text).answer()
            }
        };
        if !matches!(*request.method(), Method::POST | Method::PUT) {
            cors::allow(&mut answer, METHODS);
        }
        cors::open(request.headers(), &mut answer);
        answer
    }

    async fn take(&self, request: &mut Asked, client: &Client) -> Result<String, Denial> {
        let content = self.checks.take(request, client).await?;
        if self.debug {
            info!("{}: {}: received {}", client.peer, self.kind.name(), String::from_utf8_lossy(&content));
        }
        let Wanted { uri, options, payload } =
            Wanted::read(self.kind, &content).map_err(Denial::malformed)?;
        let outcome = match self.kind {
            Kind::Publisher => within(self.timeout, self.session.publish(uri, options, payload)).await,
            Kind::Caller => within(self.timeout, self.session.call(uri, options, payload)).await,
        };
        let text = match outcome {
            Outcome::Reply(reply) => told(&reply),
            Outcome::Late => {
                let text = format!("there was no answer within {} s", self.timeout.as_secs_f64());
                told(&Reply::Error("wamp.error.timeout".into(), Payload::one(text)))
            }
            Outcome::Failure(failure) => return Err(Denial::of(&failure)),
        };
        if self.debug {
            info!("{}: {}: sent {text}", client.peer, self.kind.name());
        }
        Ok(text)
    }
}

impl Service for Rest {
    fn answer<'a>(&'a self, request: &'a mut Asked, _: Path<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        Answering::later(self.respond(request, client))
    }
}

impl Wanted {
    /// Reads the content of a request; the error is a sentence.
    fn read(kind: Kind, content: &[u8]) -> Result<Self, String> {
        let value = decode_value(Serializer::Json, content).map_err(|e| format!("The content is {e}."))?;
        let is = value.describe();
        let Some(body) = value.into_dict() else {
            return Err(format!("The content is {is}, where a dictionary is expected."));
        };
        let key = kind.key();
        let Some(uri) = body.get(key).map(|uri| uri.as_str().ok_or(uri.describe())) else {
            return Err(format!("The content has no \"{key}\"."));
        };
        let uri = uri.map_err(|is| format!("\"{key}\" is {is}, where a string is expected."))?.to_owned();
        let args = match body.get("args") {
            None => Vec::new(),
            Some(Value::List(list)) => list.clone(),
            Some(other) => {
                return Err(format!("\"args\" is {}, where a list is expected.", other.describe()));
            }
        };
        let dict = |key: &str| match body.get(key) {
            None => Ok(Dict::new()),
            Some(value) => value
                .clone()
                .into_dict()
                .ok_or_else(|| format!("\"{key}\" is {}, where a dictionary is expected.", value.describe())),
        };
        let (kwargs, mut options) = (dict("kwargs")?, dict("options")?);
        options.0.retain(|(key, value)| kind.options().contains(&key.as_str()) && *value != Value::Null);
        Ok(Self { uri, options, payload: Payload::of(args, kwargs) })
    }
}

/// A reply in JSON.
fn told(reply: &Reply) -> String {
    match reply {
        Reply::Published(id) => json!({"id": id}).to_string(),
        Reply::Result(payload) => match payload.to_json() {
            (None, None) => r#"{"args":[null]}"#.to_owned(),
            (Some(args), None) => format!(r#"{{"args":{args}}}"#),
            (None, Some(kwargs)) => format!(r#"{{"kwargs":{kwargs}}}"#),
            (Some(args), Some(kwargs)) => format!(r#"{{"args":{args},"kwargs":{kwargs}}}"#),
        },
        Reply::Error(uri, payload) => {
            let (args, kwargs) = payload.to_json();
            let (args, kwargs) = (args.unwrap_or("[]".into()), kwargs.unwrap_or("{}".into()));
            format!(r#"{{"error":{},"args":{args},"kwargs":{kwargs}}}"#, json!(uri))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_request_is_refused_by_name() {
        for (content, expected) in [
            ("", "JSON"),
            ("{", "JSON"),
            ("{} {}", "JSON"),
            ("[]", "a list, where a dictionary"),
            ("{}", "no \"topic\""),
            (r#"{"procedure": "a.b"}"#, "no \"topic\""),
            (r#"{"topic": 1}"#, "\"topic\" is an integer"),
            (r#"{"topic": "a.b", "args": {}}"#, "\"args\" is a dictionary"),
            (r#"{"topic": "a.b", "kwargs": []}"#, "\"kwargs\" is a list"),
            (r#"{"topic": "a.b", "options": "x"}"#, "\"options\" is a string"),
        ] {
            let error = Wanted::read(Kind::Publisher, content.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{content}: {error}");
        }
    }

    #[test]
    fn options_that_are_not_for_clients_are_left_out() {
        let content = br#"{"topic": "a.b", "args": null, "options": {"acknowledge": false, "retain": true,
            "exclude": null, "disclose_me": true, "forward_for": []}}"#;
        let wanted = Wanted::read(Kind::Publisher, content).unwrap();
        assert_eq!(wanted.options, Dict::new().with("retain", true));
        let content = br#"{"procedure": "a.b", "options": {"receive_progress": true, "timeout": 5}}"#;
        let wanted = Wanted::read(Kind::Caller, content).unwrap();
        assert_eq!(wanted.options, Dict::new().with("timeout", 5));
    }

    #[test]
    fn replies_are_told_as_the_reference_tells_them() {
        let kwargs = Dict::new().with("k", true);
        let args = vec![Value::Int(1 << 70), Value::Null];
        for (reply, expected) in [
            (Reply::Published(5), r#"{"id":5}"#),
            (Reply::Result(Payload::None), r#"{"args":[null]}"#),
            (Reply::Result(Payload::one("x")), r#"{"args":["x"]}"#),
            (Reply::Result(Payload::of(vec![], kwargs.clone())), r#"{"kwargs":{"k":true}}"#),
            (
                Reply::Result(Payload::of(args, kwargs)),
                r#"{"args":[1180591620717411303424,null],"kwargs":{"k":true}}"#,
            ),
            (Reply::Error("a.\"b".into(), Payload::None), r#"{"error":"a.\"b","args":[],"kwargs":{}}"#),
        ] {
            assert_eq!(told(&reply), expected);
        }
    }
}
