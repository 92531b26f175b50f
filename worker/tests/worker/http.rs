//! The web server over real connections.

use crate::driver::{Directory, Worker, read_until, rest};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

fn web(paths: Value, options: Value) -> Value {
    json!([{"type": "web", "paths": paths, "options": options}])
}

#[tokio::test]
async fn services_answer_at_their_paths() {
    let directory = Directory::new("http");
    let long: String = (0..300_000).map(|i| char::from(b'a' + (i % 26) as u8)).collect();
    std::fs::write(directory.0.join("long.txt"), &long).unwrap();
    let paths = json!({
        "json": {"type": "json", "value": {"a": 1}, "options": {"prettify": true}},
        "old": {"type": "redirect", "url": "/new"},
        "none": {"type": "none"},
        "files": {"type": "static", "directory": directory.0},
        "path": {"type": "path", "paths": {
            "inner": {"type": "json", "value": "inner"},
            "/": {"type": "json", "value": "others"},
            "ws": {"type": "websocket.testee"},
        }},
    });
    let mut worker = Worker::serving(web(paths, json!({"hsts": true, "access_log": true}))).await;
    let answer = worker.get("/json", "Origin: http://x\r\nUser-Agent: me\"\r\n").await;
    assert!(answer.ends_with("{\n  \"a\": 1\n}\n"), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000\r\n"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: http://x\r\n"), "{answer}");
    worker.logs("127.0.0.1 - - \"GET /json HTTP/1.1\" 200 13 \"-\" \"me\\\"\"").await;
    let answer = worker.get("/old/page", "").await;
    assert!(
        answer.starts_with("HTTP/1.1 302 Found\r\n") && answer.contains("location: /new\r\n"),
        "{answer}"
    );
    assert!(worker.get("/none", "").await.starts_with("HTTP/1.1 404 "));
    assert!(worker.get("/", "").await.starts_with("HTTP/1.1 404 "));
    assert!(worker.get("/files/long.txt", "").await.ends_with(&long));
    let answer = worker.get("/files/long.txt", "Range: bytes=299998-\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 206 ") && answer.ends_with("\r\n\r\nkl"), "{answer}");
    for (path, value) in [("/path/inner", "\"inner\""), ("/path", "\"others\""), ("/path/", "\"others\"")] {
        assert!(worker.get(path, "").await.ends_with(value), "{path}");
    }
    assert!(worker.get("/path/ws", "").await.starts_with("HTTP/1.1 426 "));
}

#[tokio::test]
async fn methods_other_than_reading_are_refused() {
    let worker = Worker::serving(web(json!({"/": {"type": "json", "value": 1}}), json!({}))).await;
    let ask = |method: &str| format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let answer = worker.answer(ask("HEAD")).await;
    assert!(answer.contains("content-length: 1\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = worker.answer(ask("DELETE")).await;
    assert!(answer.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"), "{answer}");
    assert!(answer.contains("allow: GET, HEAD, OPTIONS\r\n"), "{answer}");
    assert!(worker.answer("no http\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
}

#[tokio::test]
async fn a_head_without_end_is_not_read_for_ever() {
    let worker = Worker::serving(web(json!({}), json!({}))).await;
    let mut stream = worker.say("GET / HTTP/1.1\r\n").await;
    let mut sent = 0;
    while stream.write_all(b"X-Header: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n").await.is_ok()
    {
        sent += 1;
        assert!(sent < 200_000, "the server reads on");
    }
}

#[tokio::test]
async fn http_2_is_spoken_with_prior_knowledge() {
    let mut worker = Worker::serving(web(json!({"/": {"type": "json", "value": "two"}}), json!({}))).await;
    let io = TokioIo::new(worker.connect().await);
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let connection = tokio::spawn(connection);
    let get = || Request::get("http://a/").body(Empty::<Bytes>::new()).unwrap();
    let answers = tokio::join!(client.send_request(get()), client.clone().send_request(get()));
    for answer in [answers.0, answers.1] {
        let answer = answer.unwrap();
        assert_eq!(answer.version(), Version::HTTP_2);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "\"two\"");
    }
    let head = Request::head("http://a/").body(Empty::new()).unwrap();
    let answer = client.send_request(head).await.unwrap();
    assert_eq!(answer.headers()["content-length"], "5");
    assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
    // GOAWAY ends the connection at once; the client knows which requests were taken.
    worker.drain(60_000).await;
    connection.await.unwrap().unwrap();
    assert!(worker.ended().await);
}

#[tokio::test]
async fn an_idle_connection_gets_one_last_answer_while_draining() {
    let mut worker = Worker::serving(web(json!({"/": {"type": "json", "value": 1}}), json!({}))).await;
    let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut stream = worker.say(request).await;
    let head = read_until(&mut stream, "\r\n\r\n1").await;
    assert!(!head.contains("connection: close"), "{head}");
    worker.drain(60_000).await;
    worker.logs("draining").await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = String::from_utf8(rest(&mut stream).await).unwrap();
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("\r\n\r\n1"), "{answer}");
    assert!(worker.ended().await);
}

#[tokio::test]
async fn idle_connections_end_by_themselves_where_that_is_wanted_and_when_draining() {
    for options in [json!({"client_timeout": 1}), json!({})] {
        let mut worker =
            Worker::serving(web(json!({"/": {"type": "json", "value": 1}}), options.clone())).await;
        let mut stream = worker.say("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        read_until(&mut stream, "\r\n\r\n1").await;
        if options == json!({}) {
            let mut silent = worker.connect().await;
            while worker.counters().await.listeners[0].connections.open < 2 {}
            worker.drain(60_000).await;
            assert!(rest(&mut silent).await.is_empty());
        }
        assert!(rest(&mut stream).await.is_empty());
    }
}
