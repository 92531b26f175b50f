//! Two connections whose messages are carried from one to the other: `websocket-reverseproxy`. Each has its own options
//! and pings; limits and rules hold on both.

use super::extension::Agreement;
use super::session::{SERVICE_RESTART, Session, Side};
use crate::drain::Drain;
use crate::net::backlog::Scratch;
use jackfield_shared::config::WebsocketOptions;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

/// A side is gone without a word (RFC 6455 section 7.4.1).
const GOING_AWAY: u16 = 1001;
/// The backend is (IANA registry of RFC 6455 section 11.7).
const BAD_GATEWAY: u16 = 1014;

/// One of the two connections.
pub(crate) struct End<'a, S> {
    pub(crate) io: S,
    pub(crate) options: &'a WebsocketOptions,
    pub(crate) compression: Option<Agreement>,
}

/// Carries messages until one side closes; the other is told with the same code. At the deadline of `drain` the client
/// is told with close code 1012.
///
/// # Errors
/// When a connection fails.
pub(crate) async fn relay<S, T>(
    client: End<'_, S>,
    backend: End<'_, T>,
    drain: &Drain,
    scratch: &Scratch,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut front = Session::new(Side::Server, client.options, client.compression, None);
    let mut back = Session::new(Side::Client, backend.options, backend.compression, None);
    // The backend may have more to say before it closes, too.
    front.defers_close = true;
    let (mut client, mut backend) = (client.io, backend.io);
    let carried = tokio::select! {
        result = poll_fn(|cx| carry(cx, (&mut front, &mut client), (&mut back, &mut backend), scratch)) => result,
        () = drain.closing() => {
            front.close(Some(SERVICE_RESTART), "the service restarts");
            Ok(())
        }
    };
    if let Some((code, reason)) = front.closed.clone() {
        if back.open {
            back.encoder.close(code, &reason, back.out.tail());
            let limit = front.close_timeout;
            let rest = poll_fn(|cx| carry(cx, (&mut front, &mut client), (&mut back, &mut backend), scratch));
            // It is in time, or late; the client is answered either way.
            let _ = timeout(limit, rest).await;
            back.open = false;
        }
        front.answer_close();
    } else if back.open {
        back.close(Some(GOING_AWAY), "");
    } else if front.open {
        let lost = || (Some(BAD_GATEWAY), "the server behind is gone".to_owned());
        let (code, reason) = back.closed.take().unwrap_or_else(lost);
        front.close(code, &reason);
    }
    tokio::join!(front.finish(&mut client, scratch), back.finish(&mut backend, scratch));
    carried
}

/// Ready when one of them has ended; of a client that has sent its Close, the backend is heard out.
fn carry<S, T>(
    cx: &mut Context<'_>,
    (front, client): (&mut Session, &mut S),
    (back, backend): (&mut Session, &mut T),
    scratch: &Scratch,
) -> Poll<io::Result<()>>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let is_closing = front.closed.is_some();
    while back.open && (front.open || is_closing) {
        // Each is read from only while the other takes what comes of it.
        let to_back = front.open && !back.is_backed_up();
        let moved = front.poll(client, cx, scratch, to_back, &mut |opcode, payload, _, _| {
            back.encoder.message(opcode, payload, back.out.tail());
        })?;
        let to_front = !front.is_backed_up();
        let moved_back = back.poll(backend, cx, scratch, to_front, &mut |opcode, payload, _, _| {
            front.encoder.message(opcode, payload, front.out.tail());
        })?;
        if moved.is_pending() && moved_back.is_pending() {
            // What the second has written into the first must be on its way before anybody waits.
            let _ = front.out.poll_flush(cx, client)?;
            return Poll::Pending;
        }
    }
    Poll::Ready(Ok(()))
}
