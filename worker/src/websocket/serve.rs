//! The driver of one connection whose messages a [`Handler`] takes.

use super::encode::Encoder;
use super::extension::Agreement;
use super::frame::Opcode;
use super::session::{SERVICE_RESTART, Session, room};
use super::side::Side;
use crate::messages::{Handler, Kind, Sender};
use crate::net::backlog::Scratch;
use crate::net::budget::Budget;
use crate::net::stream::Peer;
use jackfield_shared::config::WebsocketOptions;
use jackfield_shared::drain::Drain;
use std::future::{Future, pending, poll_fn};
use std::io;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};

/// What is agreed on for one connection.
#[derive(Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) options: &'a WebsocketOptions,
    pub(crate) compression: Option<Agreement>,
    /// Whose messages are logged.
    pub(crate) debug: Option<Peer>,
}

/// Frames messages for the peer.
struct Frames<'a> {
    encoder: &'a mut Encoder,
    out: &'a mut Vec<u8>,
}

impl Sender for Frames<'_> {
    fn send(&mut self, kind: Kind, payload: &[u8]) -> ControlFlow<()> {
        let opcode = match kind {
            Kind::Text => Opcode::Text,
            Kind::Binary => Opcode::Binary,
        };
        self.encoder.message(opcode, payload, self.out);
        room(self.out.len())
    }
}

/// The client's side of [`serve`]: nobody drains it.
pub(crate) async fn speak<S>(
    io: S,
    terms: Terms<'_>,
    handler: &mut impl Handler,
    scratch: &Scratch,
    budget: &Rc<Budget>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut io = io;
    let mut session = Session::new(Side::Client, terms.options, terms.compression, terms.debug, budget);
    exchange(&mut io, &mut session, handler, pin!(pending()), scratch).await
}

/// Hands messages to `handler` until one side closes. Every ping is answered; at the deadline of `drain` the client is
/// told with close code 1012.
///
/// # Errors
/// When the connection fails or the client does not answer automatic pings in time.
pub(crate) async fn serve<S>(
    io: S,
    terms: Terms<'_>,
    handler: &mut impl Handler,
    drain: &Drain,
    scratch: &Scratch,
    budget: &Rc<Budget>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut io = io;
    let mut session = Session::new(Side::Server, terms.options, terms.compression, terms.debug, budget);
    exchange(&mut io, &mut session, handler, pin!(drain.closing()), scratch).await
}

/// By reference: what is moved into a future takes its room twice for as long as a connection is open.
async fn exchange<S>(
    io: &mut S,
    session: &mut Session,
    handler: &mut impl Handler,
    mut closing: Pin<&mut impl Future<Output = ()>>,
    scratch: &Scratch,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while session.open {
        tokio::select! {
            result = poll_fn(|cx| {
                let has_more = session.is_backed_up() || {
                    let mut frames = Frames { encoder: &mut session.encoder, out: session.out.tail() };
                    handler.outgoing(cx, &mut frames).is_break()
                };
                session.handler_memory = handler.memory();
                session.flush(cx, io)?;
                if !session.open || (has_more && !session.is_backed_up()) {
                    return Poll::Ready(Ok(()));
                }
                if let Some(ending) = handler.ending() {
                    session.close(Some(ending.code), &ending.reason);
                    return Poll::Ready(Ok(()));
                }
                let may_read = !session.is_backed_up() && handler.takes(cx);
                session.poll(io, cx, scratch, may_read, &mut |opcode, payload, encoder, out| {
                    let kind = if opcode == Opcode::Text { Kind::Text } else { Kind::Binary };
                    handler.message(kind, payload, &mut Frames { encoder, out })
                })
            }) => result?,
            () = &mut closing => session.close(Some(SERVICE_RESTART), "the service restarts"),
        }
    }
    session.finish(io, scratch).await
}

#[cfg(test)]
mod tests {
    use super::super::frame::unmask;
    use super::*;
    use crate::messages::Plenty;
    use crate::testee::Echo;
    use jackfield_shared::drain::Drainer;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::timeout;

    async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
        io: S,
        options: &WebsocketOptions,
        drain: &Drain,
        scratch: &Scratch,
        budget: &Rc<Budget>,
    ) -> io::Result<()> {
        let terms = Terms { options, compression: None, debug: Some(Peer::Unix) };
        serve(io, terms, &mut Echo, drain, scratch, budget).await
    }

    /// A client's frame, masked.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first, 0x80 | payload.len() as u8, 1, 2, 3, 4];
        out.extend_from_slice(payload);
        unmask(&mut out[6..], [1, 2, 3, 4], 0);
        out
    }

    async fn read(client: &mut DuplexStream, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        client.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    #[tokio::test]
    async fn echoes_until_the_client_closes() {
        let (mut client, server) = duplex(64);
        let (_drainer, drain) = Drainer::new();
        let (scratch, budget) = (Scratch::new(), Budget::new(1 << 30));
        let options = WebsocketOptions::default();
        let talk = async {
            client
                .write_all(&[frame(0x81, b"one"), frame(0x89, b"p"), frame(0x82, b"\x02")].concat())
                .await
                .unwrap();
            assert_eq!(read(&mut client, 5 + 3 + 3).await, b"\x81\x03one\x8a\x01p\x82\x01\x02");
            client.write_all(&frame(0x88, b"\x03\xe8bye")).await.unwrap();
            assert_eq!(read(&mut client, 4).await, b"\x88\x02\x03\xe8");
            assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
            drop(client);
        };
        let (result, ()) = tokio::join!(echo(server, &options, &drain, &scratch, &budget), talk);
        result.unwrap();
    }

    #[tokio::test]
    async fn what_had_no_room_follows_once_there_is_some() {
        let (mut client, server) = duplex(8 << 20);
        let (_drainer, drain) = Drainer::new();
        let (scratch, budget) = (Scratch::new(), Budget::new(1 << 30));
        let options = WebsocketOptions::default();
        let terms = Terms { options: &options, compression: None, debug: None };
        let mut plenty = Plenty { left: 40 };
        let served = serve(server, terms, &mut plenty, &drain, &scratch, &budget);
        let talk = async {
            read(&mut client, 40 * (10 + Plenty::LENGTH)).await;
            assert_eq!(read(&mut client, 4).await, b"\x88\x02\x03\xe8");
            client.write_all(&frame(0x88, b"\x03\xe8")).await.unwrap();
            drop(client);
        };
        let both = async { tokio::join!(served, talk) };
        let (served, ()) = timeout(Duration::from_secs(10), both).await.expect("all is sent");
        served.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_violation_is_named_and_the_end_is_bounded() {
        let (mut client, server) = duplex(64);
        let (_drainer, drain) = Drainer::new();
        let (scratch, budget) = (Scratch::new(), Budget::new(1 << 30));
        client.write_all(b"\x81\x01x").await.unwrap();
        echo(server, &WebsocketOptions::default(), &drain, &scratch, &budget).await.unwrap_err();
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        assert_eq!(bytes[2..4], 1002_u16.to_be_bytes());
        assert!(bytes.ends_with(b"must be masked"));
    }

    #[tokio::test(start_paused = true)]
    async fn at_the_deadline_clients_are_told_of_the_restart() {
        let (mut client, server) = duplex(64);
        let (drainer, drain) = Drainer::new();
        let (scratch, budget) = (Scratch::new(), Budget::new(1 << 30));
        drainer.close();
        echo(server, &WebsocketOptions::default(), &drain, &scratch, &budget).await.unwrap_err();
        assert_eq!(read(&mut client, 4).await[2..], 1012_u16.to_be_bytes());
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_that_is_not_answered_ends_the_connection() {
        let options = WebsocketOptions {
            auto_ping_interval: Some(Duration::from_secs(10)),
            auto_ping_timeout: Duration::from_secs(3),
            auto_ping_size: 20,
            ..WebsocketOptions::default()
        };
        let (mut client, server) = duplex(64);
        let (_drainer, drain) = Drainer::new();
        let (scratch, budget) = (Scratch::new(), Budget::new(1 << 30));
        let start = tokio::time::Instant::now();
        let talk = async {
            let ping = read(&mut client, 22).await;
            assert_eq!((ping[0], ping[1], start.elapsed().as_secs()), (0x89, 20, 10));
            client.write_all(&frame(0x8A, &ping[2..])).await.unwrap();
            read(&mut client, 22).await;
            assert_eq!(start.elapsed().as_secs(), 20);
            client.write_all(&frame(0x81, b"x")).await.unwrap();
            read(&mut client, 3 + 22).await;
            assert_eq!(start.elapsed().as_secs(), 30);
            client
        };
        let (result, _client) = tokio::join!(echo(server, &options, &drain, &scratch, &budget), talk);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed().as_secs(), 33);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_not_buffered_without_end() {
        let (mut client, server) = duplex(1024);
        let (_drainer, drain) = Drainer::new();
        let (scratch, budget) = (Scratch::new(), Budget::new(1 << 30));
        let options = WebsocketOptions::default();
        let message = frame(0x82, &[b'm'; 100]);
        let flood = async {
            let mut sent = 0;
            let limit = Duration::from_millis(200);
            while timeout(limit, client.write_all(&message)).await.is_ok() {
                sent += message.len();
                assert!(sent < 4 * (256 << 10), "the server reads on and on");
            }
            sent
        };
        tokio::select! {
            sent = flood => assert!(sent > (256 << 10) / 2),
            result = echo(server, &options, &drain, &scratch, &budget) => panic!("{result:?}"),
        }
    }
}
