//! Redirects and paths of several segments, on the configuration that docs/web.md shows.

use jackfield_tests::{Node, TempDir, curl, documented};

#[test]
fn what_comes_without_tls_is_sent_to_https_but_for_longer_paths() {
    let dir = TempDir::new();
    dir.write("web/token", "proof");
    let node = Node::start_in(dir, &documented("web.md", "## Redirects"));
    let ask = |target: &str| {
        let url = format!("http://{}:8080{target}", node.addr);
        curl(&["--path-as-is", "-w", "%{http_code} %header{location}", "-H", "Host: example.org:8080", &url])
    };
    for (target, answer) in [
        ("/", "308 https://example.org/"),
        ("/a/b%20c?x=1&y=%26", "308 https://example.org/a/b%20c?x=1&y=%26"),
        ("//evil.test/x", "308 https://example.org/evil.test/x"),
        ("/.well-known/acme-challenge/token", "proof200 "),
        ("/.well-known/x", "308 https://example.org/.well-known/x"),
        ("/old/page?x", "301 /new/page?x"),
    ] {
        assert_eq!(ask(target), answer, "{target}");
    }
    assert!(ask("/favicon.ico").ends_with("404 "));
    node.stop();
}
