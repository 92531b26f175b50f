//! The path service `longpoll`: WAMP for clients that have HTTP alone. `open` begins a session; `NAME/send`,
//! `NAME/receive` and `NAME/close` go on with it.

use super::content::{Failure, limit, read};
use super::cors;
use super::service::{Answering, Service};
use crate::siblings::Silent;
use crate::wamp::{self, Action, Done, Opening, Router};
use crate::web::engine::answer::{Answer, JSON, content, failure, not_found, too_long};
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use bytes::Bytes;
use hyper::header::{HeaderValue, RETRY_AFTER, SET_COOKIE};
use hyper::{HeaderMap, Method, Response, StatusCode, Version};
use jackfield_shared::config::LongpollService;
use jackfield_wamp::Serializer;
use serde_json::{Value, json};
use std::rc::Rc;
use tracing::info;

const METHODS: &str = "POST, OPTIONS";

/// Bytes of a request to open a session, at most.
const LONGEST_OPENING: u64 = 64 << 10;

/// The service.
#[derive(Debug)]
pub(crate) struct Longpoll {
    clients: Rc<wamp::Longpoll>,
    debug: bool,
}

impl Longpoll {
    pub(crate) fn new(config: &LongpollService, router: Option<&Rc<Router>>) -> Result<Self, String> {
        Ok(Self { clients: wamp::Longpoll::new(config, router)?, debug: config.options.debug })
    }

    async fn respond(&self, request: &mut Asked, rest: Rest<'_>, client: &Client) -> Answer {
        let mut answer = match *request.method() {
            Method::POST => self.take(request, rest, client).await.unwrap_or_else(|answer| answer),
            Method::OPTIONS => Response::new(Body::Empty),
            _ => {
                let text = "This address speaks WAMP over HTTP long-polling, by POST.";
                failure(request.headers(), StatusCode::METHOD_NOT_ALLOWED, text)
            }
        };
        if *request.method() != Method::POST {
            cors::allow(&mut answer, METHODS);
        }
        cors::open(request.headers(), &mut answer);
        answer
    }

    async fn take(&self, request: &mut Asked, rest: Rest<'_>, client: &Client) -> Result<Answer, Answer> {
        let Some((name, rest)) = rest.split() else { return Err(not_found(request.headers())) };
        if name == "open" && rest.is_root() {
            return self.open(request, client).await;
        }
        let Some((action, _)) = rest.split().filter(|(_, rest)| rest.is_root()) else {
            return Err(not_found(request.headers()));
        };
        let action = match &*action {
            "send" => {
                let bytes = body(request, limit([client.options.max_body_size, 0])).await?;
                self.log(client, "received", &bytes);
                Action::Send(bytes)
            }
            "receive" => Action::Receive,
            "close" => Action::Close,
            _ => return Err(not_found(request.headers())),
        };
        let done = if self.clients.has(&name) {
            Ok(self.clients.act(&name, action).await)
        } else {
            client.context.siblings.pass(&name, action).await
        };
        match done {
            Ok(Some(Done::Nothing)) => Ok(nothing()),
            Ok(Some(Done::Messages(serializer, bytes))) => {
                self.log(client, "sent", &bytes);
                let kind = match serializer {
                    Serializer::Json => JSON,
                    Serializer::Msgpack => HeaderValue::from_static("application/x-msgpack"),
                    Serializer::Cbor => HeaderValue::from_static("application/cbor"),
                };
                Ok(content(kind, bytes))
            }
            Ok(None) => {
                let text = "There is no such session, or it has ended.";
                Err(failure(request.headers(), StatusCode::NOT_FOUND, text))
            }
            Err(Silent) => {
                let text = "The process that has the session does not answer. Try again later.";
                let mut answer = failure(request.headers(), StatusCode::SERVICE_UNAVAILABLE, text);
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
                Err(answer)
            }
        }
    }

    async fn open(&self, request: &mut Asked, client: &Client) -> Result<Answer, Answer> {
        let body = body(request, limit([client.options.max_body_size, LONGEST_OPENING])).await?;
        let opening: Option<Value> = serde_json::from_slice(&body).ok();
        let protocols = opening.as_ref().and_then(|opening| opening.get("protocols")?.as_array());
        let Some(protocols) = protocols else {
            let text = "A session is opened by JSON like {\"protocols\": [\"wamp.2.json\"]}.";
            return Err(failure(request.headers(), StatusCode::BAD_REQUEST, text));
        };
        let protocols = protocols.iter().filter_map(Value::as_str);
        match self.clients.open(protocols, request.headers(), client.who(), client.drain.clone()) {
            Opening::Opened { name, protocol, set_cookie } => {
                client.context.siblings.open(&self.clients);
                let mut answer = content(JSON, json!({"transport": name, "protocol": protocol}).to_string());
                if let Some(cookie) = set_cookie {
                    answer.headers_mut().insert(SET_COOKIE, cookie);
                }
                Ok(answer)
            }
            Opening::Unspoken => {
                let text = "None of these protocols is spoken here; wamp.2.json, wamp.2.msgpack and wamp.2.cbor are, \
                            each also with .batched.";
                Err(failure(request.headers(), StatusCode::BAD_REQUEST, text))
            }
            Opening::Full => {
                let text = "There are as many sessions as may be. Try again later.";
                let mut answer = failure(request.headers(), StatusCode::SERVICE_UNAVAILABLE, text);
                answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
                Err(answer)
            }
        }
    }

    fn log(&self, client: &Client, what: &str, bytes: &Bytes) {
        if self.debug {
            info!("{}: longpoll: {what} {}", client.peer, String::from_utf8_lossy(bytes));
        }
    }
}

impl Service for Longpoll {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        Answering::later(self.respond(request, rest, client))
    }
}

fn nothing() -> Answer {
    let mut answer = Response::new(Body::Empty);
    *answer.status_mut() = StatusCode::NO_CONTENT;
    answer
}

async fn body(request: &mut Asked, most: u64) -> Result<Bytes, Answer> {
    let refused = |failure, asked: &HeaderMap, version: Version| match failure {
        Failure::TooLong(most) => too_long(asked, most),
        Failure::Fault(fault) => fault.answer(asked, version),
    };
    let version = request.version();
    read(request, most).await.map_err(|failure| refused(failure, request.headers(), version))
}
