//! The status page, with a controller that answers or doesn't.

use crate::driver::Worker;
use jackfield_shared::ipc::{FromWorker, ToWorker};
use jackfield_shared::status::{Node, NodeState, Status};
use serde_json::json;

fn status() -> Status {
    let node = Node {
        id: "mynode".into(),
        pid: 42,
        version: "0.1.0".into(),
        dir: "/srv/concealed".into(),
        config: "/srv/concealed/config.json".into(),
        uptime_s: 1.0,
        generation: 1,
        state: NodeState::Ready,
    };
    Status::of(node)
}

async fn serving() -> Worker {
    let paths = json!({"/": {"type": "nodeinfo"}, "info": {"type": "nodeinfo", "format": "json"},
        "all": {"type": "nodeinfo", "details": true}});
    Worker::serving(json!([{"type": "universal", "web": {"paths": paths}}])).await
}

#[tokio::test]
async fn the_page_and_the_json_tell_what_the_controller_says() {
    let mut worker = serving().await;
    let browser = "Accept: text/html\r\n";
    for (path, headers, expected) in [
        ("/", browser, "<h1>mynode</h1>"),
        ("/", "", "\"id\": \"mynode\""),
        ("/info", browser, "\"id\": \"mynode\""),
        ("/all", browser, "<h1>mynode</h1>"),
        ("/all", "", "/srv/concealed"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n");
        let mut stream = worker.say(request).await;
        let asked = worker.until(|message| matches!(message, FromWorker::AskStatus { .. })).await;
        let FromWorker::AskStatus { seq } = asked else { unreachable!() };
        worker.to.send(&ToWorker::Status { seq, status: Box::new(status()) }, &[]).await.unwrap();
        let answer = String::from_utf8(crate::driver::rest(&mut stream).await).unwrap();
        assert!(answer.contains(expected), "{answer}");
        assert!(answer.contains("cache-control: no-store"), "{answer}");
        assert_eq!(answer.contains("concealed"), path == "/all", "{answer}");
    }
    assert!(worker.get("/favicon.ico", "").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn a_controller_that_does_not_answer_is_an_error_with_a_reason() {
    let worker = serving().await;
    let (a, b) = tokio::join!(worker.get("/", ""), worker.get("/info", ""));
    for answer in [a, b] {
        assert!(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{answer}");
        assert!(answer.contains("controller does not answer"), "{answer}");
    }
}

#[tokio::test]
async fn probes_are_told_what_the_controller_has_said_of_the_node() {
    let paths = json!({"health": {"type": "health"}});
    let mut worker = Worker::serving(json!([{"type": "web", "paths": paths}])).await;
    let mut kept = worker.connect().await;
    let mut ask = async |path: &str, end: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        tokio::io::AsyncWriteExt::write_all(&mut kept, request.as_bytes()).await.unwrap();
        crate::driver::read_until(&mut kept, end).await
    };
    assert!(ask("/health", "ready\n").await.starts_with("HTTP/1.1 200"));
    worker.to.send(&ToWorker::NodeState(NodeState::Stopping), &[]).await.unwrap();
    worker.counters().await; // so it has come
    assert!(ask("/health/ready", "stopping\n").await.starts_with("HTTP/1.1 503"));
    assert!(ask("/health/live", "ready\n").await.starts_with("HTTP/1.1 200"));
}
