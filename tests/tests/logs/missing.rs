//! Where records are missing it is said, and how many.

use jackfield_tests::{Node, signal_pid};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Asks for `/N` on a kept connection.
fn ask(stream: &mut BufReader<TcpStream>, number: usize) {
    let request = format!("GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the connection was closed");
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut content = vec![0; length];
    stream.read_exact(&mut content).unwrap();
}

#[test]
fn access_records_that_are_lost_are_counted_where_they_are_missing() {
    let node = Node::start(
        r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "web",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "options": {"access_log": true}, "paths": {"/": {"type": "json", "value": 1}}}]}]}"#,
    );
    let mut stream = BufReader::new(TcpStream::connect((node.addr, 8080)).unwrap());
    const REQUESTS: usize = 8000;
    // A controller that takes nothing for a while: the worker serves on.
    signal_pid(node.pid(), Signal::STOP);
    (0..REQUESTS).for_each(|number| ask(&mut stream, number));
    signal_pid(node.pid(), Signal::CONT);
    // It is said before the next record for which there is room, so one may be lost still.
    let missing = "records of this process are missing before this one";
    let mut more = REQUESTS;
    jackfield_tests::until("the word", || {
        ask(&mut stream, more);
        more += 1;
        node.log.all().iter().any(|line| line.contains(missing)).then_some(())
    });
    ask(&mut stream, more);
    node.log.wait(0, &format!("GET /{more} "));
    let lines = node.log.all();
    let (mut next, mut counted) = (0, 0);
    for line in &lines {
        if let Some((before, _)) = line.split_once(missing) {
            let count: usize = before.split_whitespace().last().unwrap().parse().unwrap();
            (next, counted) = (next + count, counted + count);
        } else if let Some((_, rest)) = line.split_once("\"GET /") {
            let number: usize = rest.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(number, next, "{line}");
            next += 1;
        }
    }
    assert_eq!(next, more + 1, "every request has its record, or is counted where it is missing");
    let status = node.until("the counter", |s| s["logs"]["dropped"].as_u64() >= Some(counted as u64));
    assert_eq!(status["logs"]["dropped"], counted, "{:#}", status["logs"]);
    node.stop();
}
