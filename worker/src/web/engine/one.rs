//! A connection of HTTP/1: one request after the other, in one task with what answers it.

use super::access::Line;
use super::answer::{Answer, failure};
use super::body::Body;
use super::client::Client;
use super::clock::Limits;
use super::encode::{self, Asking, Framed};
use super::head::{Head, Look, NoRequest};
use super::out::Out;
use super::received::{Incoming, Received};
use super::refusal;
use super::respond::{Account, Error, Site, respond};
use super::sendfile::poll_send;
use super::upgrade;
use super::wire::{Content, Wire};
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use hyper::StatusCode;
use hyper::body::{Body as _, Frame};
use jackfield_shared::drain::LAST_WORD;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may go on sending what was answered before it had sent all, and how much, if it is no request.
const LINGER: Duration = Duration::from_secs(5);
const MOST: usize = 1 << 20;

/// What comes of waiting for a request.
enum Next {
    Request(Box<Head>),
    /// No other comes.
    End,
    NoRequest(NoRequest),
}

/// A connection, and how long its client may take.
struct Connection<'c> {
    wire: Rc<RefCell<Wire>>,
    client: &'c Rc<Client>,
    limits: Limits,
    /// Rings early, and is set anew then: not with each request.
    alarm: Pin<Box<Sleep>>,
    /// Whether a request has begun to come, and since when, or since when it is waited for.
    in_head: bool,
    since: Instant,
}

/// Serves requests until one side closes, or it goes on as another protocol.
pub(super) async fn serve<S: Site>(
    stream: Prefixed<Stream>,
    site: &S,
    client: &Rc<Client>,
    limits: Limits,
) -> Result<(), Error> {
    let since = Instant::now();
    let alarm = Box::pin(sleep_until(since + limits.head));
    let mut connection = Connection { wire: Wire::new(stream), client, limits, alarm, in_head: true, since };
    let mut last = pin!(client.drain.begun_for(LAST_WORD));
    loop {
        match connection.next(last.as_mut()).await? {
            Next::Request(head) => {
                if !connection.answer(*head, site).await? {
                    return Ok(());
                }
            }
            Next::End => return connection.close(None).await,
            Next::NoRequest(reason) => {
                connection.refuse(reason).await?;
                return Err(Error::NoRequest(reason.text));
            }
        }
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.wire.borrow_mut().shut();
    }
}

impl Connection<'_> {
    async fn next(&mut self, mut last: Pin<&mut impl Future<Output = ()>>) -> Result<Next, Error> {
        let limit = self.client.options.max_head_size as usize;
        let mut look = Look::default();
        poll_fn(|cx| {
            loop {
                let mut wire = self.wire.borrow_mut();
                match look.take(&mut wire.input, limit) {
                    Ok(Some(head)) => return Poll::Ready(Ok(Next::Request(Box::new(head)))),
                    Ok(None) => {}
                    Err(reason) => return Poll::Ready(Ok(Next::NoRequest(reason))),
                }
                match wire.poll_fill(cx) {
                    Poll::Ready(Ok(0)) => {
                        let end = look.at_end(&wire.input).map_or_else(Next::NoRequest, |()| Next::End);
                        return Poll::Ready(Ok(end));
                    }
                    Poll::Ready(Ok(_)) => {}
                    Poll::Ready(Err(e)) => return Poll::Ready(Err(e.into())),
                    Poll::Pending => break,
                }
            }
            // A request that comes meanwhile is answered, with the word that it is the last.
            if last.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(Next::End));
            }
            if !self.in_head && !self.wire.borrow().input.is_empty() {
                self.in_head = true;
                self.since = Instant::now();
            }
            let limit = if self.in_head { Some(self.limits.head) } else { self.limits.idle };
            let Some(limit) = limit else { return Poll::Pending };
            ready!(poll_alarm(&mut self.alarm, cx, self.since + limit));
            Poll::Ready(if self.in_head { Err(Error::Late) } else { Ok(Next::End) })
        })
        .await
    }

    /// Answers a request; whether another may follow.
    async fn answer<S: Site>(&mut self, head: Head, site: &S) -> Result<bool, Error> {
        let began = Instant::now();
        let content = Content::new(&self.wire, head.framing, head.expects_continue);
        let timeout = self.client.options.body_timeout;
        let content = content.map(|content| Received::new(Incoming::One(content), timeout));
        let arrival = content.as_ref().map(Received::arrival);
        let mut request = head.request.map(|()| content);
        let asking = Asking::of(&request, head.takes_trailers);
        let ticket = head.upgrades.then(|| upgrade::offer(&mut request));
        let (mut answer, mut account) = {
            let mut answering = pin!(respond(&mut request, site, self.client, began, arrival));
            poll_fn(|cx| {
                if let Poll::Ready(answer) = answering.as_mut().poll(cx) {
                    return Poll::Ready(Ok(answer));
                }
                self.wire.borrow_mut().poll_gone(cx).map(|()| Err(Error::Gone))
            })
            .await?
        };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            if let Some(ticket) = ticket {
                drop(request);
                let framed = Framed::Nothing;
                self.send(answer, &mut account, framed, asking, false, began).await?;
                if let Some(stream) = self.wire.borrow_mut().take() {
                    ticket.give(stream);
                }
                return Ok(false);
            }
            let text = "A request that wants to go on with another protocol has no content.";
            answer = failure(request.headers(), StatusCode::BAD_REQUEST, text);
        }
        drop(request);
        self.wire.borrow_mut().answer_begins();
        let framed = asking.framed(&answer);
        let mut close = !head.keep_alive
            || asking.connect
            || framed == Framed::ToTheEnd
            || encode::closes(answer.headers());
        if !close && self.wire.borrow().is_settled() {
            close = poll_fn(|cx| Poll::Ready(!self.wire.borrow_mut().is_read(cx))).await;
        }
        self.send(answer, &mut account, framed, asking, close, began).await?;
        drop(account);
        if !close && poll_fn(|cx| Poll::Ready(self.wire.borrow_mut().is_read(cx))).await {
            (self.in_head, self.since) = (false, Instant::now());
            return Ok(true);
        }
        self.close(None).await?;
        Ok(false)
    }

    /// Sends an answer, as far as it goes.
    async fn send(
        &mut self,
        answer: Answer,
        account: &mut Account,
        framed: Framed,
        asking: Asking,
        close: bool,
        now: Instant,
    ) -> Result<(), Error> {
        let Self { wire, client, limits, alarm, .. } = self;
        let near = wire.borrow_mut().stream()?.is_plain().then(|| client.peer.is_near());
        let mut out = Out::new();
        encode::head(out.begin(), &answer, framed, asking, close, now);
        let (parts, mut body) = answer.into_parts();
        let announced = asking.takes_trailers.then_some(&parts.headers);
        let mut left = match framed {
            Framed::Nothing => 0,
            Framed::Length(length) => length,
            Framed::Chunked | Framed::ToTheEnd => u64::MAX,
        };
        let mut ended = left == 0;
        // How much of a file the kernel may send, as was looked up.
        let mut by_kernel = 0;
        let mut stalled = None;
        let sent = poll_fn(|cx| {
            loop {
                if let (Body::File(file), true, false, 0) = (&body, near.is_some(), ended, by_kernel) {
                    by_kernel = file.to_send().min(left);
                }
                let mut waits = false;
                while !ended && by_kernel == 0 && out.has_room() {
                    let frame = match Pin::new(&mut body).poll_frame(cx) {
                        Poll::Pending => {
                            waits = true;
                            break;
                        }
                        Poll::Ready(frame) => frame.transpose(),
                    };
                    let frame = match frame {
                        Ok(frame) => frame,
                        Err(e) => {
                            // What came before the fault is sent, as far as the socket takes it.
                            let _ = out.poll(cx, &mut wire.borrow_mut(), false);
                            return Poll::Ready(Err(e));
                        }
                    };
                    match frame.map(Frame::into_data) {
                        Some(Ok(mut bytes)) => {
                            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
                            left -= bytes.len() as u64;
                            account.sent += bytes.len() as u64;
                            out.push(bytes, framed == Framed::Chunked);
                            ended = left == 0;
                        }
                        Some(Err(frame)) if framed == Framed::Chunked => {
                            ended = true;
                            encode::end(out.begin(), announced, frame.trailers_ref());
                        }
                        Some(Err(_)) => {}
                        None => {
                            ended = true;
                            if framed == Framed::Chunked {
                                encode::end(out.begin(), None, None);
                            } else if framed != Framed::ToTheEnd && left > 0 {
                                let _ = out.poll(cx, &mut wire.borrow_mut(), false);
                                let text = "the content of the answer is shorter than was said";
                                return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, text)));
                            }
                        }
                    }
                }
                let mut poll = out.poll(cx, &mut wire.borrow_mut(), by_kernel > 0);
                let mut moved = out.has_moved();
                if let (Poll::Ready(Ok(())), Body::File(file), Some(near), 1..) =
                    (&poll, &mut body, near, by_kernel)
                {
                    poll = poll_send(cx, wire.borrow_mut().stream()?, file.part(by_kernel), near).map_ok(
                        |count| {
                            let count = count as u64;
                            moved = true;
                            file.sent(count);
                            (left, by_kernel) = (left - count, by_kernel - count);
                            account.sent += count;
                            ended = left == 0;
                        },
                    );
                }
                if moved {
                    stalled = None;
                }
                match poll {
                    Poll::Ready(Err(e)) => return Poll::Ready(Err(e)),
                    Poll::Ready(Ok(())) if ended && out.is_empty() => return Poll::Ready(Ok(true)),
                    Poll::Ready(Ok(())) if waits => {
                        let gone = wire.borrow_mut().poll_gone(cx);
                        return gone.map(|()| Err(io::ErrorKind::ConnectionAborted.into()));
                    }
                    Poll::Ready(Ok(())) => {}
                    Poll::Pending if limits.send.is_zero() => return Poll::Pending,
                    Poll::Pending => {
                        let since = *stalled.get_or_insert_with(Instant::now);
                        return poll_alarm(alarm, cx, since + limits.send).map(|()| Ok(false));
                    }
                }
            }
        })
        .await;
        out.give_back();
        match sent {
            Ok(true) => Ok(()),
            Ok(false) => {
                // What waits in the socket would keep it for many minutes more.
                wire.borrow_mut().stream()?.reset_when_closed();
                Err(Error::Stalled(limits.send))
            }
            Err(e) => {
                if framed == Framed::ToTheEnd {
                    // Its end must not look like that of the content.
                    wire.borrow_mut().stream()?.reset_when_closed();
                }
                Err(e.into())
            }
        }
    }

    /// Answers what is no request, and says so to more than the client.
    async fn refuse(&mut self, reason: NoRequest) -> Result<(), Error> {
        let NoRequest { status, text, of_browser } = reason;
        let mut out = Out::new();
        let length = refusal::write(out.begin(), status, text, of_browser);
        let Self { wire, client, limits, alarm, .. } = self;
        client.open.failed();
        let options = &client.options;
        if options.access_log {
            Line::of_no_request(client.peer, options.access_log_format, status).write(length as u64);
        }
        let end = Instant::now() + limits.send;
        let sent = poll_fn(|cx| {
            if let Poll::Ready(sent) = out.poll(cx, &mut wire.borrow_mut(), false) {
                return Poll::Ready(sent.map(|()| true));
            }
            if limits.send.is_zero() { Poll::Pending } else { poll_alarm(alarm, cx, end).map(|()| Ok(false)) }
        })
        .await?;
        out.give_back();
        if !sent {
            wire.borrow_mut().stream()?.reset_when_closed();
            return Err(Error::Stalled(limits.send));
        }
        self.close(Some(MOST)).await
    }

    /// Ends our direction, and takes what the client still sends: a socket that is closed with bytes unread resets the
    /// connection, and the client may lose the answer. `most`: how many bytes are taken.
    async fn close(&mut self, most: Option<usize>) -> Result<(), Error> {
        let lingers = most.is_some() || self.wire.borrow().may_send_more();
        self.wire.borrow_mut().break_off();
        let end = Instant::now() + LINGER;
        let (mut ended, mut taken) = (false, 0);
        let Self { wire, alarm, .. } = self;
        poll_fn(|cx| {
            if poll_alarm(alarm, cx, end).is_ready() {
                return Poll::Ready(Ok(()));
            }
            let mut wire = wire.borrow_mut();
            if !ended {
                ready!(Pin::new(wire.stream()?).poll_shutdown(cx))?;
                ended = true;
            }
            loop {
                if !lingers {
                    break;
                }
                wire.input.clear();
                match ready!(wire.poll_fill(cx)) {
                    Ok(count) if count > 0 => taken += count,
                    _ => break,
                }
                if most.is_some_and(|most| taken > most) {
                    break;
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

/// Completes at `deadline`. The alarm is not set anew for every request: it rings early and is looked at then.
fn poll_alarm(alarm: &mut Pin<Box<Sleep>>, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
    if alarm.is_elapsed() || deadline < alarm.deadline() {
        alarm.as_mut().reset(deadline);
    }
    while alarm.as_mut().poll(cx).is_ready() {
        if deadline <= Instant::now() {
            return Poll::Ready(());
        }
        alarm.as_mut().reset(deadline);
    }
    Poll::Pending
}
