//! Two connections whose messages are carried from one to the other: `websocket-reverseproxy`. Each has its own options
//! and pings; limits and rules hold on both.

use super::extension::Agreement;
use super::session::{SERVICE_RESTART, Session, room};
use super::side::Side;
use crate::net::backlog::Scratch;
use crate::net::budget::Budget;
use jackfield_shared::config::WebsocketOptions;
use jackfield_shared::drain::Drain;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
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
    budget: &Rc<Budget>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut front = Session::new(Side::Server, client.options, client.compression, None, budget);
    let mut back = Session::new(Side::Client, backend.options, backend.compression, None, budget);
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
    let (taken, _) = tokio::join!(front.finish(&mut client, scratch), back.finish(&mut backend, scratch));
    carried.and(taken)
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
        // First, for what comes of it decides what may be read.
        front.flush(cx, client)?;
        back.flush(cx, backend)?;
        if !back.open || !(front.open || is_closing) {
            break;
        }
        // Each is read from only while the other takes what comes of it; whether it takes what comes of the other doesn't
        // matter, or two that both send would wait for each other.
        let to_back = front.open && !back.is_backed_up();
        let moved = front.poll(client, cx, scratch, to_back, &mut |opcode, payload, _, _| {
            back.encoder.message(opcode, payload, back.out.tail());
            room(back.out.waiting())
        })?;
        let to_front = !front.is_backed_up();
        let moved_back = back.poll(backend, cx, scratch, to_front, &mut |opcode, payload, _, _| {
            front.encoder.message(opcode, payload, front.out.tail());
            room(front.out.waiting())
        })?;
        if moved.is_pending() && moved_back.is_pending() {
            return Poll::Pending;
        }
    }
    Poll::Ready(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::super::deflate::Direction;
    use super::super::frame::{Opcode, header_len, unmask};
    use super::*;
    use jackfield_shared::drain::Drainer;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, duplex, split};
    use tokio::time::Instant;

    const MIB: usize = 1 << 20;

    /// A binary message in one frame.
    fn message(mask: Option<[u8; 4]>, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0x82, if mask.is_some() { 0xFF } else { 127 }];
        out.extend((payload.len() as u64).to_be_bytes());
        out.extend(mask.iter().flatten());
        let start = out.len();
        out.extend(payload);
        if let Some(mask) = mask {
            unmask(&mut out[start..], mask, 0);
        }
        out
    }

    /// The first byte and the payload of the next frame.
    async fn frame(from: &mut ReadHalf<DuplexStream>) -> io::Result<(u8, Vec<u8>)> {
        let mut head = [0; 14];
        from.read_exact(&mut head[..2]).await?;
        let whole = header_len(head[1]);
        from.read_exact(&mut head[2..whole]).await?;
        let extended = whole - 2 - if head[1] & 0x80 == 0 { 0 } else { 4 };
        let length = match extended {
            2 => u16::from_be_bytes([head[2], head[3]]).into(),
            8 => u64::from_be_bytes(head[2..10].try_into().unwrap()) as usize,
            _ => usize::from(head[1] & 0x7F),
        };
        let mut payload = vec![0; length];
        from.read_exact(&mut payload).await?;
        if head[1] & 0x80 != 0 {
            unmask(&mut payload, head[whole - 4..whole].try_into().unwrap(), 0);
        }
        Ok((head[0], payload))
    }

    async fn joined(
        client: DuplexStream,
        backend: DuplexStream,
        options: &WebsocketOptions,
    ) -> io::Result<()> {
        let (_drainer, drain) = Drainer::new();
        let (scratch, budget) = (Scratch::new(), Budget::new(1 << 30));
        let end = |io| End { io, options, compression: None };
        relay(end(client), end(backend), &drain, &scratch, &budget).await
    }

    #[tokio::test]
    async fn two_that_both_send_do_not_wait_for_each_other() {
        let (client, front) = duplex(64 << 10);
        let (backend, back) = duplex(64 << 10);
        let (mut from_client, mut to_client) = split(client);
        let (mut from_backend, mut to_backend) = split(backend);
        let options = WebsocketOptions::default();
        let echo = async {
            // It reads nothing while it writes.
            while let Ok((0x82, payload)) = frame(&mut from_backend).await {
                to_backend.write_all(&message(None, &payload)).await.unwrap();
            }
        };
        let sent: Vec<_> = (0..6_u8).map(|n| vec![n; 2 * MIB]).collect();
        let send = async {
            for payload in &sent {
                to_client.write_all(&message(Some([1, 2, 3, 4]), payload)).await.unwrap();
            }
        };
        let receive = async {
            for expected in &sent {
                assert!(frame(&mut from_client).await.unwrap() == (0x82, expected.clone()));
            }
        };
        let talk = async { tokio::join!(send, receive) };
        tokio::select! {
            done = tokio::time::timeout(Duration::from_secs(20), talk) => drop(done.expect("both wait")),
            ended = joined(front, back, &options) => panic!("{ended:?}"),
            () = echo => panic!("the backend was closed"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_left_is_missed_though_the_other_takes_nothing() {
        let (mut client, front) = duplex(64 << 10);
        let (_backend, back) = duplex(64 << 10);
        let options = WebsocketOptions::default();
        let start = Instant::now();
        let leave = async {
            let message = message(Some([1, 2, 3, 4]), &vec![0; MIB]);
            let _ = tokio::time::timeout(Duration::from_secs(1), client.write_all(&message)).await;
            drop(client);
        };
        let (ended, ()) = tokio::join!(joined(front, back, &options), leave);
        assert!(ended.is_err() || start.elapsed() < options.send_timeout, "{ended:?}");
        assert!(start.elapsed() <= options.send_timeout + Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unfinished_message_ends_both() {
        let (client, front) = duplex(64 << 10);
        let (backend, back) = duplex(64 << 10);
        let (mut from_client, mut to_client) = split(client);
        let (mut from_backend, _to_backend) = split(backend);
        let options = WebsocketOptions::default();
        let start = Instant::now();
        let talk = async {
            let message = message(Some([1, 2, 3, 4]), &vec![0; MIB]);
            to_client.write_all(&message[..message.len() - 1]).await.unwrap();
            let (first, payload) = frame(&mut from_client).await.unwrap();
            assert_eq!((first, &payload[..2]), (0x88, &1008_u16.to_be_bytes()[..]));
            assert!(payload.ends_with(b"(`message_timeout`)"));
            assert_eq!(start.elapsed(), options.message_timeout);
            assert_eq!(frame(&mut from_backend).await.unwrap().0, 0x88);
        };
        let (ended, ()) = tokio::join!(joined(front, back, &options), talk);
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::TimedOut, "the client does not close");
    }

    #[tokio::test]
    async fn of_one_read_no_more_messages_are_inflated_than_are_taken() {
        let direction = Direction { no_context_takeover: false, window_bits: 15 };
        let agreed = Agreement { to_client: direction, from_client: direction, memory_level: 8 };
        let options = WebsocketOptions::default();
        let budget = Budget::new(1 << 30);
        let mut bomb = Session::new(Side::Client, &options, Some(agreed), None, &budget);
        for _ in 0..100 {
            bomb.encoder.message(Opcode::Binary, &vec![0; MIB], bomb.out.tail());
        }
        let (mut client, mut server) = duplex(MIB);
        client.write_all(bomb.out.tail()).await.unwrap();
        let mut session = Session::new(Side::Server, &options, Some(agreed), None, &budget);
        let (scratch, mut made) = (Scratch::new(), 0);
        for round in 1..=5 {
            let poll = poll_fn(|cx| {
                session.poll(&mut server, cx, &scratch, true, &mut |_, payload, _, _| {
                    made += payload.len();
                    room(made)
                })
            });
            poll.await.unwrap();
            assert_eq!(made, round * MIB);
        }
    }
}
