//! One HTTP connection, from its first octet to its end.

use super::access::Line;
use super::answer::Answer;
use super::body::Body;
use super::clock::{Busy, Clock, Limits};
use super::site::Site;
use crate::context::Context;
use crate::drain::{Drain, LAST_WORD};
use crate::net::accept::Open;
use crate::net::prefixed::Prefixed;
use crate::net::stream::{Peer, Stream};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

use super::watched::Watched;

/// Octets a request's head may have.
const HEAD: usize = 32 << 10;
/// Octets hyper buffers for one connection of HTTP/1, or one stream of HTTP/2.
const BUFFER: usize = 64 << 10;
/// Requests of one HTTP/2 connection that are answered at a time.
const STREAMS: u32 = 128;

/// The HTTP version a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

/// A client and what it is served.
pub(crate) struct Client {
    pub(crate) site: Rc<Site>,
    pub(crate) context: Rc<Context>,
    pub(crate) peer: Peer,
    /// Whether the connection is encrypted.
    pub(crate) secure: bool,
    pub(crate) drain: Drain,
    /// Counts the connection, also when it goes on as another protocol.
    pub(crate) _open: Rc<Open>,
}

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("HTTP: the client sent no complete request in time")]
    Late,
}

/// Serves requests until one side closes. `head_timeout` is how long a request's head may take.
pub(crate) async fn serve(
    stream: Prefixed<Stream>,
    http: Http,
    client: Client,
    head_timeout: Duration,
) -> Result<(), Error> {
    let limits = Limits { head: head_timeout, idle: client.site.options.client_timeout };
    let clock = Clock::new(http == Http::One);
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&clock)));
    let client = Rc::new(client);
    let service = service_fn(|request| {
        let (client, busy) = (Rc::clone(&client), clock.begin());
        async move { Ok::<_, Infallible>(respond(request, &client, busy).await) }
    });
    match http {
        Http::One => {
            let mut builder = http1::Builder::new();
            // The limits are ours: hyper's would close idle connections, too.
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(None)
                .max_header_size(HEAD)
                .max_buf_size(BUFFER);
            let connection = builder.serve_connection(io, service).with_upgrades();
            // A request that comes meanwhile is answered, with the word that it is the last.
            drive(pin!(connection), &clock, limits, &client.drain, LAST_WORD).await
        }
        Http::Two => {
            let mut builder = http2::Builder::new(LocalExecutor);
            builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
            builder.max_header_list_size(HEAD as u32).max_send_buf_size(BUFFER);
            let connection = builder.serve_connection(io, service);
            // GOAWAY says which requests were taken: nothing is lost by saying it at once.
            drive(pin!(connection), &clock, limits, &client.drain, Duration::ZERO).await
        }
    }
}

/// A connection that can be asked to come to its end.
trait Graceful: Future<Output = Result<(), hyper::Error>> {
    fn finish(self: Pin<&mut Self>);
}

impl<I, S> Graceful for http1::UpgradeableConnection<I, S>
where
    Self: Future<Output = Result<(), hyper::Error>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = Content>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Graceful for http2::Connection<I, S, LocalExecutor>
where
    Self: Future<Output = Result<(), hyper::Error>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<Incoming, ResBody = Content>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    LocalExecutor: hyper::rt::bounds::Http2ServerConnExec<S::Future, Content>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs a connection to its end, within its limits.
async fn drive<C: Graceful>(
    mut connection: Pin<&mut C>,
    clock: &Clock,
    limits: Limits,
    drain: &Drain,
    last_request: Duration,
) -> Result<(), Error> {
    let mut alarm = pin!(sleep_until(Instant::now() + limits.head));
    let mut last = pin!(drain.begun_for(last_request));
    let mut finishing = false;
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => return Ok(result?),
            () = last.as_mut(), if !finishing => {
                finishing = true;
                connection.as_mut().finish();
            }
            () = expired(clock, limits, alarm.as_mut()) => {
                if finishing || clock.is_in_head() {
                    return Err(Error::Late);
                }
                finishing = true;
                connection.as_mut().finish();
            }
        }
    }
}

/// Completes when the client's time is over. The alarm is not set anew for every request: it rings early and is
/// looked at then.
async fn expired(clock: &Clock, limits: Limits, mut alarm: Pin<&mut Sleep>) {
    poll_fn(|cx| {
        let Some(deadline) = clock.deadline(limits) else { return Poll::Pending };
        if deadline <= Instant::now() {
            return Poll::Ready(());
        }
        if alarm.is_elapsed() || deadline < alarm.deadline() {
            alarm.as_mut().reset(deadline);
        }
        while alarm.as_mut().poll(cx).is_ready() {
            alarm.as_mut().reset(deadline);
        }
        Poll::Pending
    })
    .await
}

async fn respond(request: Request<Incoming>, client: &Rc<Client>, busy: Busy) -> Response<Content> {
    let mut request = request.map(Some);
    let line = client.site.options.access_log.then(|| Line::of(&request, client.peer));
    let only_head = request.method() == Method::HEAD;
    let version = request.version();
    let mut answer = client.site.answer(&mut request, client).await;
    if only_head {
        without_content(&mut answer);
    }
    if version < Version::HTTP_2
        && client.drain.has_begun()
        && answer.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    let line = line.map(|line| line.answered(answer.status()));
    answer.map(|body| Content { body, sent: 0, line, _busy: busy })
}

/// The answer to HEAD: what GET would say of the content, without it.
fn without_content(answer: &mut Answer) {
    if matches!(answer.body(), Body::Proxied(_)) {
        return; // the backend was asked for the head, too
    }
    let length = answer.body().length();
    *answer.body_mut() = Body::Empty;
    if !matches!(answer.status(), StatusCode::NOT_MODIFIED | StatusCode::NO_CONTENT) {
        answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
}

/// The content of an answer, until it is sent or given up.
struct Content {
    body: Body,
    sent: u64,
    line: Option<Line>,
    _busy: Busy,
}

impl Drop for Content {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.write(self.sent);
        }
    }
}

impl HttpBody for Content {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let poll = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &poll {
            self.sent += frame.data_ref().map_or(0, |octets| octets.len() as u64);
        }
        poll
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Runs what hyper spawns in this thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalExecutor;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalExecutor
where
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
