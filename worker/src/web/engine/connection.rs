//! One HTTP connection, from its first byte to its end.

use super::access::Line;
use super::answer::{Answer, one_too_many, too_long};
use super::body::Body;
use super::client::Client;
use super::clock::{Busy, Cause, Clock, Limits};
use super::frames::Frames;
use super::received::{Asked, Received};
use super::refusal::Refusal;
use super::request;
use super::request_id::Id;
use super::sendfile::Outlet;
use super::streams::{Streams, Taking};
use super::tally::{Counted, Tally};
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use jackfield_shared::drain::{Drain, LAST_WORD};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::{Instant, Sleep, sleep_until};

use super::watched::Watched;

/// Bytes hyper buffers for one connection of HTTP/1, or one stream of HTTP/2.
const BUFFER: usize = 64 << 10;

/// The HTTP version a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
}

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
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

/// Serves requests until one side closes. `head_timeout` is how long a request's head may take.
pub(crate) async fn serve<S: Site + 'static>(
    stream: Prefixed<Stream>,
    http: Http,
    site: Rc<S>,
    client: Client,
    head_timeout: Duration,
) -> Result<(), Error> {
    let options = &client.options;
    let limits = Limits { head: head_timeout, idle: options.client_timeout, send: options.send_timeout };
    let (head, streams) = (options.max_head_size, options.max_concurrent_streams);
    let clock = Clock::new(http == Http::One);
    // HTTP/2 and TLS have to see what they frame and encrypt.
    let outlet =
        (http == Http::One && stream.get_ref().is_plain()).then(|| Outlet::new(client.peer.is_near()));
    let frames = (http == Http::Two).then(Frames::new);
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&clock), frames, outlet.clone()));
    let client = Rc::new(client);
    let service = service_fn(|request: Request<Incoming>| {
        if !request.body().is_end_stream() {
            clock.expect_content();
        }
        let (site, client) = (Rc::clone(&site), Rc::clone(&client));
        let (busy, outlet) = (clock.begin(), outlet.clone());
        async move {
            let mut response = respond(request, &*site, &client, busy).await;
            if let (Some(outlet), Body::File(file)) = (outlet, &mut response.body_mut().body) {
                file.send_by(outlet);
            }
            Ok::<_, Infallible>(response)
        }
    });
    match http {
        Http::One => {
            let mut builder = http1::Builder::new();
            // The limits are ours: hyper's would close idle connections, too.
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(None)
                .max_header_size(head as usize)
                .max_buf_size(BUFFER);
            let connection = builder.serve_connection(io, service).with_upgrades();
            // A request that comes meanwhile is answered, with the word that it is the last.
            let result = drive(pin!(connection), &clock, limits, &client.drain, LAST_WORD).await;
            if let Some(Refusal { status, length }) = clock.refusal() {
                client.open.failed();
                let options = &client.options;
                if options.access_log {
                    Line::of_no_request(client.peer, options.access_log_format, status).write(length as u64);
                }
            }
            result
        }
        Http::Two => {
            let mut builder = http2::Builder::new(Streams { limit: limits.send });
            builder.timer(TokioTimer::new()).max_concurrent_streams(streams).enable_connect_protocol();
            builder.max_header_list_size(head).max_send_buf_size(BUFFER);
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

impl<I, S> Graceful for http2::Connection<I, S, Streams>
where
    Self: Future<Output = Result<(), hyper::Error>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<Incoming, ResBody = Content>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    Streams: hyper::rt::bounds::Http2ServerConnExec<S::Future, Content>,
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
    let mut not_before = Instant::now();
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => return Ok(result?),
            () = last.as_mut(), if !finishing => {
                finishing = true;
                connection.as_mut().finish();
            }
            cause = expired(clock, limits, not_before, alarm.as_mut()) => {
                match cause {
                    Cause::Send => {
                        clock.break_off();
                        let _ = poll_fn(|cx| Poll::Ready(connection.as_mut().poll(cx))).await;
                        return Err(Error::Stalled(limits.send));
                    }
                    Cause::Head => return Err(Error::Late),
                    Cause::Idle if finishing => return Err(Error::Late),
                    Cause::Idle => finishing = true,
                }
                connection.as_mut().finish();
                // HTTP/2 asks the client whether more is on its way, and closes when it has answered.
                not_before = Instant::now() + LAST_WORD;
            }
        }
    }
}

/// Completes when the client's time is over, and not before that instant. The alarm is not set anew for every request: it rings early and is
/// looked at then.
async fn expired(clock: &Clock, limits: Limits, not_before: Instant, mut alarm: Pin<&mut Sleep>) -> Cause {
    poll_fn(|cx| {
        let Some((deadline, cause)) = clock.deadline(limits) else { return Poll::Pending };
        let deadline = deadline.max(not_before);
        if deadline <= Instant::now() {
            return Poll::Ready(cause);
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

async fn respond<S: Site>(
    request: Request<Incoming>,
    site: &S,
    client: &Rc<Client>,
    busy: Busy,
) -> Response<Content> {
    let options = &client.options;
    let began = Instant::now();
    let mut request = request.map(|content| Some(Received::new(content, options.body_timeout)));
    let content = request.body().as_ref().filter(|content| !content.is_end_stream());
    let (taking, arrival) = (Taking::current(), content.map(Received::arrival));
    let line = options.access_log.then(|| Line::of(&request, client.peer, options.access_log_format));
    let only_head = request.method() == Method::HEAD;
    let version = request.version();
    if request.method() == Method::CONNECT {
        // It may go on as another protocol, for which the connection is there as well.
        request.extensions_mut().insert(busy.clone());
    }
    let (mut answer, tally) = if let Some(refused) = request::refuse(&request) {
        (refused, site.unrouted())
    } else if client.open.is_one_too_many() {
        (one_too_many(request.headers()), site.unrouted())
    } else if is_too_long(&request, options.max_body_size) {
        (too_long(request.headers(), options.max_body_size), site.unrouted())
    } else {
        request::normalize(&mut request);
        match client.tls.as_ref().filter(|tls| !tls.permit(request::host(&request))) {
            Some(_) => (request::misdirected(&request), site.unrouted()),
            None => site.answer(&mut request, client).await,
        }
    };
    if let Some(arrival) = arrival.as_ref().filter(|_| version == Version::HTTP_2) {
        spawn_local(Rc::clone(arrival).discard());
    }
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
    if let Some(taking) = &taking {
        taking.set(true);
    }
    answer.map(|body| Content { body, sent: 0, line, counted, taking, _busy: busy })
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

/// The content of an answer, until it is sent or given up.
struct Content {
    body: Body,
    sent: u64,
    line: Option<Line>,
    counted: Counted,
    /// In HTTP/2, whether the client is to take something.
    taking: Option<Rc<Taking>>,
    _busy: Busy,
}

impl Drop for Content {
    fn drop(&mut self) {
        if let Some(taking) = &self.taking {
            taking.set(false);
        }
        if let Some(line) = &self.line {
            line.write(self.sent);
        }
        self.counted.finish(self.sent);
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
            self.sent += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        }
        if let Some(taking) = &self.taking {
            taking.set(poll.is_ready());
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
