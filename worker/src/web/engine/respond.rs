//! A request and its answer, in whatever version of HTTP.

use super::access::Line;
use super::answer::{Answer, one_too_many, too_long};
use super::body::Body;
use super::client::Client;
use super::received::{Arrival, Asked};
use super::request;
use super::request_id::Id;
use super::tally::{Counted, Tally};
use hyper::body::Body as _;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::{Method, StatusCode, Version};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::Instant;

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("HTTP: {0}")]
    Io(#[from] std::io::Error),
    #[error("HTTP: the client went before it had its answer")]
    Gone,
    #[error("HTTP: {0}")]
    NoRequest(&'static str),
    #[error("HTTP: the client sent no complete request in time")]
    Late,
    #[error("HTTP: the client took nothing of an answer for {} s (`send_timeout`)", .0.as_secs_f64())]
    Stalled(Duration),
}

/// What answers the requests of a connection.
pub(crate) trait Site {
    /// Answers a request, and says where it is counted.
    async fn answer(&self, request: &mut Asked, client: &Rc<Client>) -> (Answer, Rc<Tally>);

    /// Where requests are counted that don't come to a service.
    fn unrouted(&self) -> Rc<Tally>;
}

/// What is told of a request when it has been answered, or was given up.
pub(super) struct Account {
    pub(super) sent: u64,
    line: Option<Line>,
    counted: Counted,
}

impl Drop for Account {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.write(self.sent);
        }
        self.counted.finish(self.sent);
    }
}

/// Answers a request whose head came at `began`. `arrival` is what becomes of its content.
pub(super) async fn respond<S: Site>(
    request: &mut Asked,
    site: &S,
    client: &Rc<Client>,
    began: Instant,
    arrival: Option<Rc<Arrival>>,
) -> (Answer, Account) {
    let options = &client.options;
    let line = options.access_log.then(|| Line::of(request, client.peer, options.access_log_format));
    let only_head = request.method() == Method::HEAD;
    let version = request.version();
    let (mut answer, tally) = if let Some(refused) = request::refuse(request) {
        (refused, site.unrouted())
    } else if client.open.is_one_too_many() {
        (one_too_many(request.headers()), site.unrouted())
    } else if is_too_long(request, options.max_body_size) {
        (too_long(request.headers(), options.max_body_size), site.unrouted())
    } else {
        request::normalize(request);
        match client.tls.as_ref().filter(|tls| !tls.permit(request::host(request))) {
            Some(_) => (request::misdirected(request), site.unrouted()),
            None => site.answer(request, client).await,
        }
    };
    if only_head {
        without_content(&mut answer);
    }
    if version < Version::HTTP_2
        && (client.drain.has_begun() || client.open.is_one_too_many())
        && answer.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let line = line.map(|line| {
        let id = answer.extensions_mut().remove::<Id>().map(|Id(id)| id);
        line.answered(answer.status(), id)
    });
    let counted = Counted::new(tally, began, answer.status(), arrival);
    (answer, Account { sent: 0, line, counted })
}

/// Whether the client has said that it will send more than the limit.
fn is_too_long(request: &Asked, limit: u64) -> bool {
    limit > 0 && request.body().as_ref().is_some_and(|content| content.size_hint().lower() > limit)
}

/// The answer to HEAD: what GET would say of the content, without it.
fn without_content(answer: &mut Answer) {
    if matches!(answer.body(), Body::Foreign(_)) {
        return; // the backend was asked for the head, too; what a script says is thrown away
    }
    let length = answer.body().length();
    *answer.body_mut() = Body::Empty;
    if !matches!(answer.status(), StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT) {
        answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
}
