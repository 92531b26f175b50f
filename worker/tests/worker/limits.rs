//! A process without descriptors.

use crate::driver::Worker;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde_json::json;
use std::fs::File;
use std::process::Command;
use tokio::io::AsyncReadExt;

/// Says that this process is the one whose limit is lowered.
const CHILD: &str = "JACKFIELD_TEST_FEW_DESCRIPTORS";

#[test]
fn accepting_pauses_without_descriptors_and_goes_on_with_them() {
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(with_few_descriptors());
    }
    // The limit is the whole process's, where other tests may be running.
    let name = "limits::accepting_pauses_without_descriptors_and_goes_on_with_them";
    let child = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(child.status.success(), "{}{}", text(&child.stdout), text(&child.stderr));
    assert!(text(&child.stdout).contains("1 passed"), "{}", text(&child.stdout));
}

async fn with_few_descriptors() {
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
    let mut worker = Worker::serving(json!([{"type": "stream.testee"}])).await;
    let mut fillers = Vec::new();
    fillers.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
    // One is for the client, and none is left for the server; unless one was still being closed somewhere.
    let (mut client, record) = loop {
        fillers.pop();
        let mut client = worker.say("hello").await;
        tokio::select! {
            record = worker.logs("accepting pauses") => break (client, record),
            echoed = client.read_u8() => assert_eq!(echoed.unwrap(), b'h'),
        }
        fillers.extend(std::iter::from_fn(|| File::open("/dev/null").ok()));
    };
    assert!(record.message.contains("the limit of 64 open files"), "{}", record.message);
    fillers.pop();
    worker.logs("accepting goes on").await;
    let mut echo = [0; 5];
    client.read_exact(&mut echo).await.unwrap();
    assert_eq!(&echo, b"hello");
}
