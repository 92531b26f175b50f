//! From the plan to the end.

use crate::driver::{Worker, plan, spawn};
use jackfield_shared::ipc::{FromWorker, ToWorker};
use jackfield_shared::status::Connections;
use serde_json::{Value, json};
use std::io::ErrorKind;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn echo(max_connections: u32) -> Value {
    let endpoint = json!({"keepalive": 60, "nodelay": false, "max_connections": max_connections});
    json!([{"id": "echo", "type": "stream.testee", "endpoint": endpoint}])
}

async fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"hello");
}

#[tokio::test]
async fn serves_counts_and_drains() {
    let mut worker = Worker::serving(echo(10)).await;
    let mut stream = worker.connect().await;
    echoes(&mut stream).await;
    let counters = worker.counters().await;
    assert_eq!(counters.listeners.len(), 1);
    assert_eq!(counters.listeners[0].transport, "echo");
    assert_eq!(
        counters.listeners[0].connections,
        Connections { open: 1, accepted: 1, refused: 0, failed: 0 }
    );

    worker.drain(60_000).await;
    worker.logs("draining").await;
    echoes(&mut stream).await;
    assert_eq!(worker.counters().await.listeners[0].connections.open, 1);
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert!(worker.ended().await);
}

#[tokio::test]
async fn closes_at_the_deadline_what_does_not_end() {
    let mut worker = Worker::serving(echo(10)).await;
    let mut stream = worker.connect().await;
    echoes(&mut stream).await;
    worker.drain(60_000).await;
    worker.drain(1).await; // the earlier deadline counts
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert!(worker.ended().await);
}

#[tokio::test]
async fn queued_connections_wait_for_the_successor() {
    let (plan, sockets, addresses) = plan(echo(10));
    let mut first = spawn();
    first.start(plan.clone(), &sockets).await;
    first.until(|m| matches!(m, FromWorker::Ready)).await;
    first.drain(0).await;
    assert!(first.ended().await);
    // Nobody accepts; the kernel queues.
    let mut stream = TcpStream::connect(addresses[0]).await.unwrap();
    let mut second = spawn();
    second.start(plan, &sockets).await;
    echoes(&mut stream).await;
    assert!(!second.orphaned().await);
}

#[tokio::test]
async fn refuses_by_a_reset_above_max_connections() {
    let mut worker = Worker::serving(echo(2)).await;
    let (mut a, mut b) = (worker.connect().await, worker.connect().await);
    echoes(&mut a).await;
    echoes(&mut b).await;
    // The reset may come before connect(2) has been seen to succeed.
    let refused = async { TcpStream::connect(worker.addresses[0]).await?.read(&mut [0]).await };
    let refused = refused.await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionReset);
    assert!(worker.logs("max_connections").await.message.contains("2 connections are open"));
    drop(a);
    while worker.counters().await.listeners[0].connections.open == 2 {}
    let mut d = worker.connect().await;
    echoes(&mut d).await;
    let connections = worker.counters().await.listeners[0].connections;
    assert_eq!(connections, Connections { open: 2, accepted: 4, refused: 1, failed: 0 });
}

#[tokio::test]
async fn ends_with_its_controller() {
    assert!(!spawn().orphaned().await);
    let worker = Worker::serving(echo(2)).await;
    let mut stream = worker.connect().await;
    echoes(&mut stream).await;
    assert!(!worker.orphaned().await);
    assert!(matches!(stream.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn says_why_it_cannot_serve() {
    let (mut plan, sockets, _) = plan(echo(2));
    let mut worker = spawn();
    worker.start(plan.clone(), &[]).await;
    let FromWorker::Failed { reason } = worker.until(|m| matches!(m, FromWorker::Failed { .. })).await else {
        unreachable!()
    };
    assert!(reason.contains("0 of 1 listening sockets came"), "{reason}");
    assert!(!worker.ended().await);

    plan.slots[0].transport = "other".into();
    let mut worker = spawn();
    worker.start(plan, &sockets).await;
    let FromWorker::Failed { reason } = worker.until(|m| matches!(m, FromWorker::Failed { .. })).await else {
        unreachable!()
    };
    assert!(reason.contains("\"other\", which is not in the plan"), "{reason}");
    assert!(!worker.ended().await);
}

#[tokio::test]
async fn answers_before_it_has_a_plan() {
    let mut worker = spawn();
    assert!(worker.counters().await.listeners.is_empty());
    worker
        .to
        .send(&ToWorker::Drain { timeout_ms: 1000, retired: Vec::new(), sessions_stay: false }, &[])
        .await
        .unwrap();
    assert!(worker.ended().await);
}
