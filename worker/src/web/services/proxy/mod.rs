//! The path service `reverseproxy`: requests are carried to other web servers, as they come in and without being
//! kept, and so are their answers.

mod body;
mod check;
mod exchange;
mod headers;
mod pool;
mod sticky;
mod tunnel;
mod upload;
mod websocket;

pub(in crate::web) use headers::{GOES_ROUND, add_hop, goes_round, looped, remove_ambiguous};

use super::service::{Answering, Service};
use crate::backends::{Backend, Backends, DRAINED, Retries};
use crate::connect::Means;
use crate::log::Throttle;
use crate::net::pipes::Pipes;
use crate::web::engine::answer::{Answer, failure, too_long};
use crate::web::engine::client::Client;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use exchange::{Failure, Kind, exchange};
use headers::Outgoing;
use hyper::header::SET_COOKIE;
use hyper::{Method, StatusCode};
use jackfield_shared::config::{self, Reverseproxy};
use jackfield_shared::drain::Drain;
use jackfield_shared::status;
use jackfield_shared::tls::Files;
use pool::Pool;
use std::rc::Rc;
use std::time::Duration;
use tracing::error;
use tunnel::Joined;
use upload::Upload;
use websocket::Handshake;

/// How often it is reported that no backend answers.
const REPORT: Duration = Duration::from_secs(1);

/// A reverse proxy, ready to serve.
#[derive(Debug)]
pub(crate) struct Proxy {
    config: Reverseproxy,
    backends: Backends,
    /// One for each backend.
    pools: Vec<Rc<Pool>>,
    pipes: Rc<Pipes>,
    retries: Retries,
    failing: Throttle,
}

impl Proxy {
    pub(crate) fn new(config: &Reverseproxy, means: Means<'_>) -> Result<Self, String> {
        let checks = config.health.as_ref().map(|health| &health.checks);
        let backends = Backends::new(&config.backends, config.balance, checks, means)?;
        let pool = |backend: &config::Backend| Rc::new(Pool::new(&backend.endpoint, config.http2));
        let pools = config.backends.iter().map(pool).collect();
        let (pipes, failing) = (Rc::default(), Throttle::new(REPORT));
        let retries = Retries::new(&config.retry_budget);
        Ok(Self { config: config.clone(), backends, pools, pipes, retries, failing })
    }

    /// Carries a request to a backend, and its answer back.
    async fn carry(&self, request: &mut Asked, rest: Rest<'_>, client: &Rc<Client>) -> Answer {
        let handshake = match Handshake::of(request) {
            Ok(handshake) => handshake,
            Err(e) => {
                error!("{}: no random numbers for a WebSocket handshake: {e}", client.peer);
                return failure(request.headers(), StatusCode::INTERNAL_SERVER_ERROR, "Try again.");
            }
        };
        if request.method() == Method::CONNECT && handshake.is_none() {
            let text = "Of CONNECT, this address takes WebSocket's.";
            return failure(request.headers(), StatusCode::NOT_IMPLEMENTED, text);
        }
        if goes_round(request.headers()) {
            if self.failing.pass().is_some() {
                error!("{}: {GOES_ROUND}", client.peer);
            }
            return looped(request.headers());
        }
        let limit = client.options.max_body_size;
        let mut upload = Upload::of(request, limit);
        let mut failures = Vec::new();
        let sticky = self.config.sticky.as_ref();
        let kept = sticky.and_then(|sticky| sticky::kept(sticky, request.headers()));
        let backends = self.backends.order(client.peer, kept);
        self.retries.request();
        for backend in &backends {
            let Some(pool) = self.pools.get(backend.index) else { continue };
            let handshake = handshake.as_ref();
            let outgoing =
                Outgoing { request, handshake, rest, client, config: &self.config, host: &pool.host };
            match exchange(backend, pool, &outgoing, &mut upload, self.config.timeout).await {
                Ok(answer) => {
                    match tunnel::unless_upgraded(answer, request, handshake, client, self.joined()) {
                        Ok(mut answer) => {
                            if let Some(sticky) = sticky.filter(|_| kept != Some(backend.index))
                                && let Some(cookie) = sticky::keep(sticky, backend.index, client.is_secure())
                            {
                                answer.headers_mut().append(SET_COOKIE, cookie);
                            }
                            return answer;
                        }
                        Err(reason) => {
                            failures.push(Failure::sent(backend, reason));
                            break;
                        }
                    }
                }
                Err(failure) => {
                    let again = failure.kind == Kind::NotSent;
                    if failure.kind == Kind::Sent && upload.fault().is_none() && !upload.is_too_long() {
                        backend.failed(&failure);
                    }
                    failures.push(failure);
                    if !again || (failures.len() < backends.len() && !self.retries.take()) {
                        break;
                    }
                }
            }
        }
        if upload.is_too_long() {
            return too_long(request.headers(), limit);
        }
        if let Some(fault) = upload.fault() {
            return fault.answer(request.headers(), request.version());
        }
        self.report(&failures, client);
        let status = status_of(&failures, &backends);
        let text = match status {
            StatusCode::GATEWAY_TIMEOUT => "The server behind this address did not answer in time.",
            StatusCode::SERVICE_UNAVAILABLE => "No server behind this address is up.",
            _ => "The server behind this address can't be reached, or broke off.",
        };
        failure(request.headers(), status, text)
    }

    fn joined(&self) -> Joined {
        Joined { pipes: Rc::clone(&self.pipes), idle_timeout: self.config.idle_timeout }
    }

    fn report(&self, failures: &[Failure], client: &Client) {
        if let Some(quiet) = self.failing.pass() {
            let more = if quiet > 0 { format!(" ({quiet} more requests before)") } else { String::new() };
            let failures: Vec<_> = failures.iter().map(ToString::to_string).collect();
            let failures = if failures.is_empty() { DRAINED.to_owned() } else { failures.join("; ") };
            error!("{}: no answer from a backend: {failures}{more}", client.peer);
        }
    }
}

impl Service for Proxy {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        Answering::later(self.carry(request, rest, client))
    }

    fn renew(&self, files: &Files) -> Result<(), String> {
        self.backends.renew(files)
    }

    fn backends(&self) -> Vec<status::Backend> {
        self.backends.state()
    }

    fn begin(&self, drain: &Drain) {
        let Some(health) = self.config.health.clone() else { return };
        let config = self.config.clone();
        let check = async move |backend: &Backend| check::check(&config, &health, backend).await;
        self.backends.begin(drain, check);
    }
}

fn status_of(failures: &[Failure], backends: &[Rc<Backend>]) -> StatusCode {
    if backends.iter().all(|backend| !backend.healthy.get()) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if failures.iter().any(|failure| failure.late) {
        StatusCode::GATEWAY_TIMEOUT
    } else {
        StatusCode::BAD_GATEWAY
    }
}
