//! One port, many protocols.

use crate::driver::{Worker, read_until, rest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const UPGRADE: &str = "GET /ws?a=b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn universal() -> Value {
    json!([{
        "type": "universal",
        "handshake_timeout": 1,
        "rawsocket": {"type": "rawsocket.testee"},
        "websocket": {"ws": {"type": "websocket.testee"}},
        "web": {"paths": {"/": {"type": "json", "value": "root"}, "a": {"type": "json", "value": "a"}}},
    }])
}

/// Sends every byte by itself, each after the one before has left.
async fn drip(stream: &mut TcpStream, bytes: &[u8]) {
    stream.set_nodelay(true).unwrap();
    for byte in bytes {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// An echo of "hi" in a frame of a client (masked with zeros) and of a server.
async fn echoes_websocket(stream: &mut TcpStream) {
    stream.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"\x81\x02hi");
}

#[tokio::test]
async fn speaks_everything_on_one_port_also_when_bytes_come_one_at_a_time() {
    let worker = Worker::serving(universal()).await;
    for slowly in [false, true] {
        let mut rawsocket = worker.connect().await;
        let mut http = worker.connect().await;
        let mut websocket = worker.connect().await;
        for (stream, bytes) in [
            (&mut rawsocket, &b"\x7f\xf1\0\0\0\0\0\x02hi"[..]),
            (&mut http, b"GET /a HTTP/1.0\r\n\r\n"),
            (&mut websocket, UPGRADE.as_bytes()),
        ] {
            match slowly {
                true => drip(stream, bytes).await,
                false => stream.write_all(bytes).await.unwrap(),
            }
        }
        let mut echo = [0; 10];
        rawsocket.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"\x7f\xf1\0\0\0\0\0\x02hi");
        let answer = String::from_utf8(rest(&mut http).await).unwrap();
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n") && answer.ends_with("\r\n\r\n\"a\""), "{answer}");
        let answer = read_until(&mut websocket, "\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        echoes_websocket(&mut websocket).await;
    }
}

#[tokio::test]
async fn what_comes_with_the_handshake_is_not_lost() {
    let worker = Worker::serving(universal()).await;
    let mut stream = worker.say([UPGRADE.as_bytes(), b"\x81\x82\0\0\0\0hi"].concat()).await;
    read_until(&mut stream, "\r\n\r\n").await;
    let mut frame = [0; 4];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"\x81\x02hi");
    echoes_websocket(&mut stream).await;
}

#[tokio::test]
async fn closes_clients_that_say_nothing_or_never_finish() {
    let mut worker = Worker::serving(universal()).await;
    for said in ["", "PRI * HTTP/2", "GET / HTTP/1.1\r\nHost", "\x7f"] {
        let mut stream = worker.say(said).await;
        assert!(rest(&mut stream).await.is_empty(), "{said}");
    }
    // And after the first request, a second one that never ends.
    let mut stream = worker.say("GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET").await;
    read_until(&mut stream, "\"a\"").await;
    stream.write_all(b" /").await.unwrap();
    assert!(rest(&mut stream).await.is_empty());
    worker.logs("what it speaks (`handshake_timeout`)").await;
    while worker.counters().await.listeners[0].connections.open > 0 {}
}

#[tokio::test]
async fn refuses_what_it_does_not_speak() {
    let mut worker = Worker::serving(universal()).await;
    let mut stream = worker.say(b"\x10\x0c\0\x04MQTT").await;
    assert!(rest(&mut stream).await.is_empty());
    worker.logs("0x10 (MQTT)").await;
    assert!(worker.answer(b"\x7f\xf9\0\0").await.starts_with("\x7f\x10"));

    let answer = worker.get("/ws", "").await;
    assert!(answer.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{answer}");
    assert!(answer.to_lowercase().contains("\r\nupgrade: websocket\r\n"), "{answer}");
    assert!(answer.ends_with("426 Upgrade Required: This address speaks WebSocket.\n"), "{answer}");
    let browser = "Accept: text/html,*/*;q=0.8\r\n";
    let answer = worker.get("/ws", browser).await;
    assert!(answer.contains("<h1>This address speaks WebSocket</h1>"), "{answer}");

    let bare = Worker::serving(json!([{"type": "universal"}])).await;
    assert_eq!(bare.answer(b"\x7f\xf1\0\0").await.as_bytes(), b"\x7f\x10\0\0");
    let answer = bare.get("/", browser).await;
    assert!(
        answer.starts_with("HTTP/1.1 404 Not Found\r\n") && answer.contains("<h1>Not Found</h1>"),
        "{answer}"
    );
}

#[tokio::test]
async fn paths_are_told_by_their_first_segment() {
    let worker = Worker::serving(universal()).await;
    for (path, value) in [("/a?b/c", "\"a\""), ("//a", "\"a\""), ("/%61/", "\"a\""), ("/", "\"root\"")] {
        assert!(worker.get(path, "").await.ends_with(value), "{path}");
    }
    assert!(worker.get("/b", "").await.starts_with("HTTP/1.1 404"), "a value is at its own address alone");
}

#[tokio::test]
async fn a_testee_by_itself_speaks_websocket_on_every_path() {
    let worker = Worker::serving(json!([{"type": "websocket.testee"}])).await;
    for path in ["/", "/any/where"] {
        let mut stream = worker.say(UPGRADE.replace("/ws", path)).await;
        let answer = read_until(&mut stream, "\r\n\r\n").await;
        assert!(answer.to_lowercase().contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
        echoes_websocket(&mut stream).await;
    }
    assert!(worker.get("/", "").await.starts_with("HTTP/1.1 426"));
}

#[tokio::test]
async fn a_websocket_is_told_at_the_end() {
    let mut worker = Worker::serving(universal()).await;
    let mut stream = worker.say(UPGRADE).await;
    read_until(&mut stream, "\r\n\r\n").await;
    echoes_websocket(&mut stream).await;
    assert_eq!(worker.counters().await.listeners[0].connections.open, 1);
    worker.drain(60_000).await;
    worker.logs("connections open: 1").await;
    echoes_websocket(&mut stream).await;
    worker.drain(0).await;
    let close = rest(&mut stream).await;
    assert_eq!(close[0], 0x88, "{close:?}");
    assert_eq!(close[2..4], 1012u16.to_be_bytes());
    drop(stream);
    assert!(worker.ended().await);
}
