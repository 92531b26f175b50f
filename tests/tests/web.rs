//! The web transport and its path services, asked by curl.

use jackfield_tests::{Node, TempDir, curl};
use std::os::unix::fs::symlink;

const SITE: &str = r#"
version: 2
workers:
  - type: router
    transports:
      - type: web
        endpoint: {type: tcp, interface: ADDR, port: 8080}
        paths:
          /: {type: static, directory: ../www, options: {cache_timeout: 60, mime_types: {.xyz: text/x-own}}}
          list: {type: static, directory: ../www, options: {enable_directory_listing: true}}
          config:
            type: json
            value: {b: 1, a: [true, null]}
            options: {prettify: true, allow_cross_origin: true, discourage_caching: true}
          old: {type: redirect, url: "https://example.org/new"}
          nothing: {type: none}
          tools:
            type: path
            paths:
              /: {type: json, value: inside}
              echo: {type: websocket.testee}
              deep: {type: path, paths: {info: {type: nodeinfo}}}
"#;

fn site() -> (Node, String) {
    let dir = TempDir::new();
    dir.write("www/index.html", "<h1>home</h1>");
    dir.write("www/sub/page.txt", "0123456789");
    dir.write("www/sub/a b&c.xyz", "own");
    dir.write("secret.txt", "secret");
    symlink("../secret.txt", dir.path().join("www/leak")).unwrap();
    symlink("sub/page.txt", dir.path().join("www/inside")).unwrap();
    let node = Node::start_in(dir, SITE);
    let base = format!("http://{}:8080", node.addr);
    (node, base)
}

/// Status line and headers, in lower case.
fn head(args: &[&str]) -> String {
    curl(&[&["-D", "-", "-o", "/dev/null"], args].concat()).to_ascii_lowercase()
}

#[test]
fn static_files() {
    let (node, base) = site();
    assert_eq!(curl(&[&base]), "<h1>home</h1>");
    let first = head(&[&format!("{base}/sub/page.txt")]);
    for wanted in
        ["http/1.1 200", "content-type: text/plain", "content-length: 10", "max-age=60", "last-modified: "]
    {
        assert!(first.contains(wanted), "{wanted} in {first}");
    }
    let etag = first.lines().find_map(|l| l.strip_prefix("etag: ")).expect("an ETag").trim().to_owned();
    assert!(
        head(&["-H", &format!("If-None-Match: {etag}"), &format!("{base}/sub/page.txt")]).contains(" 304")
    );
    assert_eq!(curl(&["-r", "2-4", &format!("{base}/sub/page.txt")]), "234");
    assert_eq!(curl(&["-r", "-3", &format!("{base}/sub/page.txt")]), "789");
    assert!(head(&["-r", "50-", &format!("{base}/sub/page.txt")]).contains(" 416"));
    assert!(head(&[&format!("{base}/sub/a%20b&c.xyz")]).contains("content-type: text/x-own"));
    assert!(head(&["-I", &format!("{base}/sub/page.txt")]).contains("content-length: 10"));
    assert!(head(&["-X", "POST", &format!("{base}/sub/page.txt")]).contains(" 405"));
    assert!(head(&[&format!("{base}/sub")]).contains("location: /sub/"));
    assert!(head(&[&format!("{base}/sub/")]).contains(" 404"), "no listing unless asked for");
    let listing = curl(&[&format!("{base}/list/sub/")]);
    assert!(listing.contains("a b&amp;c.xyz") && listing.contains("a%20b"), "{listing}");
    node.stop();
}

#[test]
fn nothing_outside_the_directory_is_served() {
    let (node, base) = site();
    assert_eq!(curl(&[&format!("{base}/inside")]), "0123456789", "a link that stays inside");
    for path in [
        "/leak",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/sub/..%2f..%2fsecret.txt",
        "/..%5csecret.txt",
        "/%00",
    ] {
        let answer = curl(&["--path-as-is", "-w", " %{http_code}", &format!("{base}{path}")]);
        assert!(
            !answer.contains("secret ")
                && (answer.ends_with(" 404") || answer.ends_with(" 403") || answer.ends_with(" 400")),
            "{path}: {answer}"
        );
    }
    node.stop();
}

#[test]
fn json_redirect_path_and_none() {
    let (node, base) = site();
    let config = curl(&["-i", &format!("{base}/config")]);
    let lower = config.to_ascii_lowercase();
    assert!(
        lower.contains("content-type: application/json") && lower.contains("access-control-allow-origin: *"),
        "{config}"
    );
    assert!(lower.contains("no-store"), "{config}");
    assert!(config.contains("\"a\": [\n"), "pretty: {config}");
    let old = head(&[&format!("{base}/old")]);
    assert!(old.contains(" 302") && old.contains("location: https://example.org/new"), "{old}");
    assert!(head(&[&format!("{base}/nothing")]).contains(" 404"));
    assert_eq!(curl(&[&format!("{base}/tools")]), "\"inside\"");
    assert!(curl(&[&format!("{base}/tools/deep/info")]).contains("\"node\""));
    assert!(head(&[&format!("{base}/tools/deep/other")]).contains(" 404"));
    assert!(head(&[&format!("{base}/tools/echo")]).contains(" 426"));
    for http2 in [&["--http2-prior-knowledge"][..], &["--http2"]] {
        assert!(head(&[http2, &[&format!("{base}/config")]].concat()).contains("200"));
    }
    node.stop();
}

#[test]
fn malformed_requests_are_refused_and_slow_ones_do_no_harm() {
    use std::io::{Read, Write};
    let (node, base) = site();
    let talk = |request: &[u8]| {
        let mut stream = std::net::TcpStream::connect((node.addr, 8080)).unwrap();
        stream.set_read_timeout(Some(jackfield_tests::DEADLINE)).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(
        talk(b"GET / HTTP/9.9\r\n\r\n").starts_with("HTTP/1.1 400")
            || talk(b"GET / HTTP/9.9\r\n\r\n").is_empty()
    );
    assert!(talk(b"G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n").contains(" 400 "));
    let huge = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(2 << 20));
    assert!(talk(huge.as_bytes()).contains(" 431 "));
    let _idle: Vec<_> = (0..200).map(|_| std::net::TcpStream::connect((node.addr, 8080)).unwrap()).collect();
    assert_eq!(curl(&[&base]), "<h1>home</h1>");
    node.stop();
}
