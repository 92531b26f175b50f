//! One HTTP connection, from its first byte to its end: HTTP/1 is ours, HTTP/2 is a library's.

use super::body::Body;
use super::client::Client;
use super::clock::{Busy, Cause, Clock, Limits};
use super::one;
use super::received::{Incoming, Received};
use super::respond::{Account, Error, Site, respond};
use super::streams::{Streams, Taking};
use super::watched::Watched;
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming as InHttp2, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
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

/// Bytes that are buffered for one stream of HTTP/2.
const BUFFER: usize = 64 << 10;

/// The HTTP version a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Http {
    One,
    Two,
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
    let client = Rc::new(client);
    match http {
        Http::One => one::serve(stream, &*site, &client, limits).await,
        Http::Two => serve_two(stream, site, client, limits).await,
    }
}

async fn serve_two<S: Site + 'static>(
    stream: Prefixed<Stream>,
    site: Rc<S>,
    client: Rc<Client>,
    limits: Limits,
) -> Result<(), Error> {
    let clock = Clock::new();
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&clock)));
    let service = service_fn(|request: Request<InHttp2>| {
        let (site, client, busy) = (Rc::clone(&site), Rc::clone(&client), clock.begin());
        async move { Ok::<_, Infallible>(answer(request, &*site, &client, busy).await) }
    });
    let options = &client.options;
    let mut builder = http2::Builder::new(Streams { limit: limits.send });
    builder.timer(TokioTimer::new()).max_concurrent_streams(options.max_concurrent_streams);
    builder.enable_connect_protocol().max_header_list_size(options.max_head_size).max_send_buf_size(BUFFER);
    let connection = builder.serve_connection(io, service);
    // GOAWAY says which requests were taken: nothing is lost by saying it at once.
    drive(pin!(connection), &clock, limits, &client.drain).await
}

/// A connection that can be asked to come to its end.
trait Graceful: Future<Output = Result<(), hyper::Error>> {
    fn finish(self: Pin<&mut Self>);
}

impl<I, S> Graceful for http2::Connection<I, S, Streams>
where
    Self: Future<Output = Result<(), hyper::Error>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<InHttp2, ResBody = Content>,
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
) -> Result<(), Error> {
    let mut alarm = pin!(sleep_until(Instant::now() + limits.head));
    let mut last = pin!(drain.begun());
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
                    Cause::Frame => return Err(Error::Late),
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

/// Answers a request of a stream.
async fn answer<S: Site>(
    request: Request<InHttp2>,
    site: &S,
    client: &Rc<Client>,
    busy: Busy,
) -> Response<Content> {
    let began = Instant::now();
    let timeout = client.options.body_timeout;
    let mut request = request.map(|content| Some(Received::new(Incoming::Two(content), timeout)));
    let content = request.body().as_ref().filter(|content| !content.is_end_stream());
    let (taking, arrival) = (Taking::current(), content.map(Received::arrival));
    if request.method() == Method::CONNECT {
        // It may go on as another protocol, for which the connection is there as well.
        request.extensions_mut().insert(busy.clone());
    }
    let (answer, account) = respond(&mut request, site, client, began, arrival.clone()).await;
    if let Some(arrival) = arrival {
        spawn_local(arrival.discard());
    }
    if let Some(taking) = &taking {
        taking.set(true);
    }
    answer.map(|body| Content { body, account, taking, _busy: busy })
}

/// The content of an answer by HTTP/2, until it is sent or given up.
struct Content {
    body: Body,
    account: Account,
    /// Whether the client is to take something.
    taking: Option<Rc<Taking>>,
    _busy: Busy,
}

impl Drop for Content {
    fn drop(&mut self) {
        if let Some(taking) = &self.taking {
            taking.set(false);
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
            self.account.sent += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
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
