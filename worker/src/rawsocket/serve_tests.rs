use super::*;
use crate::messages::Plenty;
use crate::testee::Echo;
use tokio::net::UnixStream;

const TIMEOUT: Duration = Duration::from_secs(10);
const OPTIONS: RawsocketOptions =
    RawsocketOptions { max_message_size: 1000, message_timeout: TIMEOUT, send_timeout: TIMEOUT };

const PINGS: Pings = Pings {
    interval: Duration::from_secs(10),
    timeout: Duration::from_secs(3),
    size: 8,
    on_any_traffic: true,
};

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    options: &RawsocketOptions,
    budget: &Rc<Budget>,
) -> Result<(), Error> {
    pinging(stream, options, budget, Pings { interval: Duration::ZERO, ..PINGS }, true).await
}

async fn pinging<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    options: &RawsocketOptions,
    budget: &Rc<Budget>,
    pings: Pings,
    pings_everybody: bool,
) -> Result<(), Error> {
    let handshake_timeout = TIMEOUT;
    let terms = Terms { serializers: None, options, debug: false, handshake_timeout, pings, pings_everybody };
    serve(stream, Peer::Unix, terms, &Scratch::new(), budget, |_| Echo).await
}

/// What an echo with `OPTIONS` sends back for these bytes, and how it ends.
async fn says(bytes: &[u8]) -> (Vec<u8>, Result<(), Error>) {
    let (mut client, server) = UnixStream::pair().unwrap();
    let budget = Budget::new(1 << 30);
    let client = async {
        client.write_all(bytes).await.unwrap();
        client.shutdown().await.unwrap();
        let mut got = Vec::new();
        let _ = client.read_to_end(&mut got).await; // a reset, where bytes were left unread
        got
    };
    tokio::join!(client, echo(server, &OPTIONS, &budget))
}

#[tokio::test]
async fn messages_and_pings_are_answered_and_pongs_are_not() {
    let (got, ended) = says(b"\x7f\xf3\0\0\x00\0\0\x05hello\x01\0\0\x02hi\x02\0\0\x01?\x00\0\0\0").await;
    assert_eq!(got, b"\x7f\x03\0\0\x00\0\0\x05hello\x02\0\0\x02hi\x00\0\0\0");
    ended.unwrap();
}

#[tokio::test]
async fn what_had_no_room_follows_once_there_is_some() {
    let (mut client, server) = tokio::io::duplex(8 << 20);
    let budget = Budget::new(1 << 30);
    let terms = Terms {
        serializers: None,
        options: &OPTIONS,
        debug: false,
        handshake_timeout: TIMEOUT,
        pings: Pings { interval: Duration::ZERO, ..PINGS },
        pings_everybody: false,
    };
    client.write_all(b"\x7f\xf1\0\0").await.unwrap();
    let scratch = Scratch::new();
    let served = serve(server, Peer::Unix, terms, &scratch, &budget, |_| Plenty { left: 40 });
    let mut got = Vec::new();
    let limit = tokio::time::timeout(TIMEOUT, async {
        let (served, read) = tokio::join!(served, client.read_to_end(&mut got));
        served.unwrap();
        read.unwrap();
    });
    limit.await.expect("all is sent");
    assert_eq!(got.len(), 4 + 40 * (4 + Plenty::LENGTH));
}

#[tokio::test]
async fn handshakes_are_refused_with_the_reason() {
    for (bytes, reply, reason) in [
        (&b"\x7f\xf0\0\0"[..], &b"\x7f\x10\0\0"[..], "serializer 0"),
        (b"\x7f\xf1\0\x01more than the handshake", b"\x7f\x30\0\0", "expected zeros"),
        (b"GET / HTTP/1.1\r\n\r\n", b"", "is 0x47"),
        (b"\x7f\xf1", b"", "eof"),
    ] {
        let (got, ended) = says(bytes).await;
        assert_eq!(got, reply);
        let error = ended.unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[tokio::test]
async fn limits_hold_in_both_directions() {
    // Ours is 1000, of which the handshake announces 512; the client's is 512.
    let (got, ended) = says(b"\x7f\x01\0\0\x00\0\0\x01x\x00\x00\x03\xe9").await;
    assert_eq!(got, b"\x7f\x01\0\0\x00\0\0\x01x");
    assert!(matches!(ended, Err(Error::Frame(FrameError::TooLong { length: 1001, most: 1000 }))));
    let mut bytes = b"\x7f\x01\0\0\x01\0\x02\x01".to_vec();
    bytes.extend([b'x'; 513]);
    let (got, ended) = says(&bytes).await;
    assert_eq!(got, b"\x7f\x01\0\0");
    assert!(matches!(ended, Err(Error::Frame(FrameError::TooLong { length: 513, most: 512 }))));
}

#[tokio::test]
async fn an_end_within_a_message_is_an_error() {
    assert!(matches!(says(b"\x7f\x01\0\0\x00\0\0\x05hel").await.1, Err(Error::Truncated)));
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_not_waited_for() {
    let (_client, server) = UnixStream::pair().unwrap();
    let ended = echo(server, &OPTIONS, &Budget::new(1 << 30)).await;
    assert!(matches!(ended, Err(Error::Silent(_))));
}

async fn read<const N: usize>(client: &mut tokio::io::DuplexStream) -> [u8; N] {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).await.unwrap();
    bytes
}

#[tokio::test(start_paused = true)]
async fn a_ping_that_nothing_follows_ends_the_connection() {
    let (mut client, server) = tokio::io::duplex(64);
    let budget = Budget::new(1 << 30);
    let start = tokio::time::Instant::now();
    let talk = async {
        client.write_all(b"\x7f\xf1\0\0").await.unwrap();
        read::<4>(&mut client).await;
        let mut ping: [u8; 12] = read(&mut client).await;
        assert_eq!((&ping[..4], start.elapsed().as_secs()), (&b"\x01\0\0\x08"[..], 10));
        ping[0] = 2;
        client.write_all(&ping).await.unwrap();
        let next: [u8; 12] = read(&mut client).await;
        assert_eq!(start.elapsed().as_secs(), 20);
        assert_ne!(next[4..], ping[4..], "it can be guessed");
        tokio::time::sleep(Duration::from_secs(2)).await;
        client.write_all(b"\0\0\0\x02hi").await.unwrap();
        assert_eq!(read(&mut client).await, *b"\0\0\0\x02hi");
        assert_eq!(read::<12>(&mut client).await[0], 1);
        assert_eq!(start.elapsed().as_secs(), 32);
        client
    };
    let (ended, _client) = tokio::join!(pinging(server, &OPTIONS, &budget, PINGS, true), talk);
    assert!(matches!(ended, Err(Error::Unanswered(limit)) if limit == PINGS.timeout));
    assert_eq!(start.elapsed().as_secs(), 35);
}

#[tokio::test(start_paused = true)]
async fn clients_that_may_not_know_pings_are_pinged_only_after_a_ping_of_theirs() {
    let (mut client, server) = tokio::io::duplex(64);
    let budget = Budget::new(1 << 30);
    let start = tokio::time::Instant::now();
    let talk = async {
        client.write_all(b"\x7f\xf1\0\0").await.unwrap();
        read::<4>(&mut client).await;
        let silence = tokio::time::timeout(Duration::from_secs(1000), client.read_u8()).await;
        assert!(silence.is_err(), "{silence:?}");
        client.write_all(b"\x01\0\0\x01?").await.unwrap();
        assert_eq!(read(&mut client).await, *b"\x02\0\0\x01?");
        assert_eq!(read::<12>(&mut client).await[0], 1);
        assert_eq!(start.elapsed().as_secs(), 1010);
        client
    };
    let (ended, _client) = tokio::join!(pinging(server, &OPTIONS, &budget, PINGS, false), talk);
    assert!(matches!(ended, Err(Error::Unanswered(_))));
}

/// How an echo ends whose client has said these bytes and then neither speaks nor reads.
async fn left_alone(said: &[u8], budget: u64) -> Error {
    let options =
        RawsocketOptions { max_message_size: 1 << 24, message_timeout: 2 * TIMEOUT, send_timeout: TIMEOUT };
    let (mut client, server) = tokio::io::duplex(1000);
    let budget = Budget::new(budget);
    let echo = echo(server, &options, &budget);
    tokio::select! {
        ended = echo => ended.unwrap_err(),
        () = async { client.write_all(said).await.unwrap(); std::future::pending().await } => unreachable!(),
    }
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_frame_and_an_answer_not_taken_are_limited() {
    let begun = [&b"\x7f\xf1\0\0\0\x10\0\0"[..], &[b'x'; 200_000]].concat();
    let start = tokio::time::Instant::now();
    let ended = left_alone(&begun, 1 << 30).await;
    assert!(matches!(ended, Error::Late(Late::Message(_))), "{ended}");
    assert_eq!(start.elapsed(), 2 * TIMEOUT);
    let ended = left_alone(&begun, 100_000).await;
    assert!(matches!(ended, Error::NoRoom), "{ended}");
    let whole = [&b"\x7f\xf1\0\0\0\0\x20\0"[..], &[b'x'; 8192]].concat();
    let start = tokio::time::Instant::now();
    let ended = left_alone(&whole, 1 << 30).await;
    assert!(matches!(ended, Error::Late(Late::Send(_))), "{ended}");
    assert_eq!(start.elapsed(), TIMEOUT);
}
