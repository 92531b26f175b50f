//! How often a client may ask, and how many connections it may have: the configuration that docs/web.md shows.

use jackfield_tests::{Node, Talk, TempDir, curl, dial, documented, exactly, head, say};
use std::io::Read as _;

fn start(change: impl Fn(String) -> String) -> Node {
    let dir = TempDir::new();
    for path in ["index.html", "login"] {
        dir.write(&format!("web/{path}"), "content");
    }
    Node::start_in(dir, &change(documented("web.md", "## Limits of clients")))
}

#[test]
fn who_asks_too_often_is_told_when_to_come_again() {
    let node = start(|config| config.replace("exempt: [10.0.0.0/8]", "exempt: [10.0.0.0/8], burst: 3"));
    let ask = |path: &str| {
        let url = format!("http://{}:8080{path}", node.addr);
        curl(&["-o", "/dev/null", "-w", "%{http_code} %header{retry-after}", &url])
    };
    for _ in 0..3 {
        assert_eq!(ask("/login"), "200 ");
    }
    let refused = ask("/login");
    let (status, wait) = refused.split_once(' ').unwrap();
    // One request in 12 s; the test may have taken some of them.
    assert!(status == "429" && (1..=12).contains(&wait.parse::<u32>().unwrap()), "{refused}");
    assert_eq!(ask("/"), "200 ", "elsewhere there is another limit");
    node.stop();
    let node = start(|config| config.replace("10.0.0.0/8", "127.0.0.0/8"));
    let url = format!("http://{}:8080/login", node.addr);
    for _ in 0..10 {
        assert_eq!(curl(&["-o", "/dev/null", "-w", "%{http_code}", &url]), "200", "it is exempt");
    }
    node.stop();
}

/// The status of the answer to a request, and whether the connection goes on.
fn answered(talk: &mut Talk) -> (String, bool) {
    say(talk, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = head(talk);
    let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    exactly(talk, length.parse().unwrap());
    (head[0][9..12].to_owned(), !head.iter().any(|line| line == "connection: close"))
}

#[test]
fn connections_that_are_too_many_are_told_and_then_reset() {
    let node = start(|config| config.replace("max_connections: 20", "max_connections: 2"));
    let mut first: Vec<_> = (0..2).map(|_| dial((node.addr, 8080))).collect();
    for talk in &mut first {
        assert_eq!(answered(talk), ("200".into(), true));
    }
    let mut more: Vec<_> = (0..3).map(|_| dial((node.addr, 8080))).collect();
    let last = more.pop();
    let mut byte = [0];
    assert!(!matches!(last.unwrap().read(&mut byte), Ok(1..)), "far too many: reset");
    for talk in &mut more {
        assert_eq!(answered(talk), ("429".into(), false));
    }
    drop(more);
    node.until("they are closed, and one was refused", |status| {
        let connections = &status["endpoints"][0]["connections"];
        connections["open"] == 2 && connections["refused"] == 1
    });
    first.pop();
    node.until("one is closed", |status| status["endpoints"][0]["connections"]["open"] == 1);
    assert_eq!(answered(&mut dial((node.addr, 8080))), ("200".into(), true));
    node.stop();
}
