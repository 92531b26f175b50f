//! Relayed connections.

use crate::driver::{Worker, rest};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

fn relay(backends: &[SocketAddr], more: Value) -> Value {
    let backend = |a: &SocketAddr| json!({"type": "tcp", "host": a.ip().to_string(), "port": a.port()});
    let mut transport = json!({"type": "stream.relay", "balance": "round-robin"});
    transport["backends"] = backends.iter().map(backend).collect();
    for (key, value) in more.as_object().unwrap() {
        transport[key] = value.clone();
    }
    json!([transport])
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    listener().await.1
}

#[tokio::test]
async fn a_connection_goes_to_whoever_answers() {
    let (backend, address) = listener().await;
    let worker = Worker::serving(relay(&[nobody().await, address], json!({}))).await;
    for _ in 0..3 {
        let mut client = worker.say("question").await;
        let (mut server, _) = backend.accept().await.unwrap();
        client.shutdown().await.unwrap();
        let mut text = String::new();
        server.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "question");
        server.write_all(b"answer").await.unwrap();
        drop(server);
        assert_eq!(rest(&mut client).await, b"answer");
    }
}

#[tokio::test]
async fn without_a_backend_the_connection_is_closed_and_the_reasons_are_logged() {
    let (a, b) = (nobody().await, nobody().await);
    let mut worker = Worker::serving(relay(&[a, b], json!({}))).await;
    let mut client = worker.connect().await;
    assert!(rest(&mut client).await.is_empty());
    let record = worker.logs("no backend could be reached").await;
    for address in [a, b] {
        assert!(record.message.contains(&format!("{address}: Connection refused")), "{}", record.message);
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (backend, address) = listener().await;
    let mut worker = Worker::serving(relay(&[address], json!({"idle_timeout": 0.1}))).await;
    let mut client = worker.connect().await;
    let (mut server, _) = backend.accept().await.unwrap();
    assert!(rest(&mut client).await.is_empty());
    assert_eq!(server.read(&mut [0]).await.unwrap(), 0);
    worker.logs("nothing moved for 0.1 s (`idle_timeout`)").await;
}

#[tokio::test]
async fn health_checks_find_out_before_a_client_does() {
    let (backend, address) = listener().await;
    let health = json!({"interval": 0.1, "rise": 1, "fall": 2});
    let mut worker = Worker::serving(relay(&[address], json!({"health": health}))).await;
    backend.accept().await.unwrap();
    drop(backend);
    let record = worker.logs("down").await;
    assert!(record.message.starts_with(&format!("backend {address}: down: ")), "{}", record.message);
    let _backend = TcpListener::bind(address).await.unwrap();
    worker.logs(&format!("backend {address}: up")).await;
    worker.drain(60_000).await;
    assert!(worker.ended().await, "checks end when draining begins");
}
