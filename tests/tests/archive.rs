//! `archive`: files of a ZIP archive, to curl; and archives that are fetched.

use jackfield_tests::{Nginx, Node, TempDir, curl, loopback, python, until};
use std::fs;
use std::path::Path;
use std::process::Command;

fn config(more: &str) -> String {
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "sandbox": true, "transports": [{{"type": "web",
            "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "paths": {{"/": {{"type": "archive", "archive": "site.zip", "object_prefix": "site",
                "default_object": "index.html", "mime_types": {{".bin": "x-own/bin"}}{more}}}}}}}]}}]}}"#
    )
}

fn make(path: &Path) {
    python("make_zip.py", &[path.to_str().unwrap()]);
}

fn zipped() -> TempDir {
    let dir = TempDir::new();
    fs::create_dir_all(dir.path().join(".jackfield")).unwrap();
    make(&dir.path().join(".jackfield/site.zip"));
    dir
}

fn url(node: &Node, path: &str) -> String {
    format!("http://{}:8080/{path}", node.addr)
}

fn status(node: &Node, path: &str) -> String {
    curl(&["--path-as-is", "-o", "/dev/null", "-w", "%{http_code}", &url(node, path)])
}

fn fingerprint(path: &Path) -> String {
    let said = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8(said.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn expected_big() -> Vec<u8> {
    (0..3_000_000_u64).map(|i| (i * i / 7 % 251) as u8).collect()
}

#[test]
fn files_come_out_of_the_archive_as_they_went_in() {
    for cache in ["false", "true"] {
        let node = Node::start_in(zipped(), &config(&format!(r#", "cache": {cache}"#)));
        let out = node.dir.path().join("out");
        let out = out.to_str().unwrap();
        for version in ["--http1.1", "--http2-prior-knowledge"] {
            for _ in 0..2 {
                assert_eq!(curl(&[version, &url(&node, "")]), "<h1>home</h1>\n".repeat(100));
                assert_eq!(curl(&[version, &url(&node, "ten.txt")]), "0123456789");
                assert_eq!(curl(&[version, &url(&node, "a%20b/%C3%A4.css")]), "x".repeat(1000));
                assert_eq!(curl(&[version, &url(&node, "empty")]), "");
                for compressed in [&["--compressed"][..], &[]] {
                    curl(&[compressed, &[version, "-o", out, &url(&node, "big.bin")]].concat());
                    assert!(fs::read(out).unwrap() == expected_big());
                }
            }
            let head = curl(&[version, "-I", &url(&node, "big.bin")]).to_lowercase();
            assert!(head.contains("content-length: 3000000") && head.contains("x-own/bin"), "{head}");
            let head =
                curl(&[version, "-I", "-H", "Accept-Encoding: gzip", &url(&node, "big.bin")]).to_lowercase();
            assert!(
                head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"),
                "{head}"
            );
        }
        assert_eq!(curl(&["-r", "2-4", "-w", "%{http_code}", &url(&node, "ten.txt")]), "234206");
        assert_eq!(status(&node, "sub"), "302");
        assert_eq!(curl(&["-L", &url(&node, "sub")]), "sub");
        let etag = curl(&["-o", "/dev/null", "-w", "%header{etag}", &url(&node, "ten.txt")]);
        let known = format!("If-None-Match: {etag}");
        assert_eq!(curl(&["-H", &known, "-w", "%{http_code}", &url(&node, "ten.txt")]), "304");
        node.stop();
    }
}

#[test]
fn what_is_malicious_in_an_archive_leads_nowhere() {
    let node = Node::start_in(zipped(), &config(""));
    node.log.wait(0, "2 files are not served");
    for path in [
        "link",
        "lzma",
        "../secret",
        "../outside",
        "%2e%2e/outside",
        "/etc/passwd",
        "absent",
        "sub/x/",
        "ten.txt/",
    ] {
        let expected = if path.contains("..") || path.contains("%2e") { "400" } else { "404" };
        assert_eq!(status(&node, path), expected, "{path}");
    }
    assert_eq!(curl(&["-X", "POST", "-o", "/dev/null", "-w", "%{http_code}", &url(&node, "ten.txt")]), "405");
    let memory = || node.status().unwrap()["workers"][0]["processes"][0]["rss_bytes"].as_u64().unwrap();
    let before = memory();
    let got = curl(&["-o", "/dev/null", "-w", "%{size_download}", &url(&node, "bomb")]);
    assert_eq!(got, "200000000");
    assert!(memory() < before + 30_000_000, "it is not unpacked into memory");
    node.stop();
}

#[test]
fn a_default_file_answers_where_there_is_nothing() {
    let node = Node::start_in(zipped(), &config(r#", "options": {"default_file": "ten.txt", "x": 1}"#));
    assert_eq!(curl(&[&url(&node, "no/such/file")]), "0123456789");
    node.stop();
}

#[test]
fn an_archive_that_is_damaged_or_another_is_not_served() {
    for (hashes, damage, expected) in [(r#"["00"]"#, false, "none of `hashes`"), ("[]", true, "site.zip: ")] {
        let dir = zipped();
        let path = dir.path().join(".jackfield/site.zip");
        if damage {
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - 30]).unwrap();
        }
        let node = Node::spawn(dir, &config(&format!(r#", "hashes": {hashes}"#)), &[]);
        node.log.wait(0, expected);
    }
    let dir = zipped();
    let path = dir.path().join(".jackfield/site.zip");
    let mut bytes = fs::read(&path).unwrap();
    let start = bytes.windows(12).position(|found| found == b"site/big.bin").unwrap();
    bytes[start + 500..start + 520].fill(0xff);
    fs::write(&path, bytes).unwrap();
    let node = Node::start_in(dir, &config(""));
    let out = Command::new("curl").args(["-sS", "-o", "/dev/null", &url(&node, "big.bin")]).output().unwrap();
    assert!(!out.status.success(), "what is damaged is broken off");
    assert_eq!(curl(&[&url(&node, "ten.txt")]), "0123456789");
    node.stop();
}

#[test]
fn another_archive_in_its_place_is_served_soon() {
    let dir = TempDir::new();
    fs::create_dir_all(dir.path().join(".jackfield")).unwrap();
    let node = Node::start_in(dir, &config(r#", "origin": "http://x.invalid/site.zip""#));
    node.log.wait(0, "does not exist");
    assert_eq!(status(&node, "ten.txt"), "404");
    let new = node.dir.path().join("new.zip");
    make(&new);
    fs::rename(new, node.dir.path().join(".jackfield/site.zip")).unwrap();
    until("the archive", || (status(&node, "ten.txt") == "200").then_some(()));
    node.log.wait(0, "is another archive than the one it serves");
    node.stop();
}

#[test]
fn a_missing_archive_is_fetched_and_only_the_right_one_is_kept() {
    let addr = loopback();
    let servers = format!(
        "server {{ listen {addr}:8001; location / {{ return 302 http://{addr}:8000$request_uri; }} }}
         server {{ listen {addr}:8002; location / {{ return 302 /again; }} }}"
    );
    let nginx = Nginx::start_with(addr, 8000, &servers);
    make(&nginx.root().join("site.zip"));
    fs::write(nginx.root().join("page.zip"), "<html>no archive</html>").unwrap();
    let right = fingerprint(&nginx.root().join("site.zip"));
    let wrong = "0".repeat(64);
    let archive = |dir: &TempDir| dir.path().join(".jackfield/site.zip");
    let with = |origin: &str, hash: &str| {
        config(&format!(r#", "download": true, "origin": "{origin}", "hashes": ["{hash}"]"#))
    };
    for (origin, hash, expected) in [
        (format!("http://{addr}:8000/absent.zip"), &right, "absent.zip answers 404 Not Found"),
        (format!("http://{addr}:8000/site.zip"), &wrong, "which is none of \"hashes\""),
        (
            format!("http://{addr}:8000/page.zip"),
            &fingerprint(&nginx.root().join("page.zip")),
            "is no archive",
        ),
        (format!("http://{addr}:8002/"), &right, "more than 5 redirects"),
        (format!("http://{addr}:8009/site.zip"), &right, "Connection refused"),
        (format!("ftp://{addr}/site.zip"), &right, "begins with http"),
    ] {
        let dir = TempDir::new();
        dir.write(".jackfield/config.json", with(&origin, hash).replace("ADDR", &addr.to_string()));
        let mut node = Node::launch(dir, addr, &[], &[]);
        let (line, _) = node.log.wait(0, "origin: can't be fetched: ");
        assert!(line.contains(expected), "{line}");
        assert!(!node.wait().success());
        assert!(!archive(&node.dir).exists(), "{origin}");
        let left: Vec<_> = fs::read_dir(node.dir.path().join(".jackfield")).unwrap().collect();
        assert!(
            left.iter().all(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().contains("part"))
        );
    }
    let node = Node::start_in(TempDir::new(), &with(&format!("http://{addr}:8001/site.zip"), &right));
    assert!(fs::read(archive(&node.dir)).unwrap() == fs::read(nginx.root().join("site.zip")).unwrap());
    assert_eq!(curl(&[&url(&node, "ten.txt")]), "0123456789");
    // A reload that can't fetch what it wants changes nothing.
    let other = with(&format!("http://{addr}:8000/absent.zip"), &right).replace("site.zip", "other.zip");
    node.dir.write(".jackfield/config.json", other.replace("ADDR", &node.addr.to_string()));
    let reload = node.run(&["reload"]);
    let said = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert!(!reload.status.success() && said.contains("answers 404"), "{said}");
    assert_eq!(curl(&[&url(&node, "ten.txt")]), "0123456789");
    node.stop();
}

/// A server that sends a byte now and then, and never comes to an end.
fn dripping(addr: std::net::Ipv4Addr) -> u16 {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind((addr, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            std::thread::spawn(move || {
                let _ = client.read(&mut [0; 4096]);
                let _ = client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
                while client.write_all(b"x").is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(200));
                }
            });
        }
    });
    port
}

#[test]
fn an_origin_that_drips_holds_up_neither_reload_nor_stop() {
    let addr = loopback();
    let port = dripping(addr);
    let with = |limit: u32| {
        let config = config(&format!(
            r#", "download": true, "origin": "http://{addr}:{port}/site.zip", "options": {{"download_timeout": {limit}}}"#
        ));
        config.replace("site.zip", "dripping.zip")
    };
    let node = Node::start_in(zipped(), &config(""));
    let configure =
        |text: String| node.dir.write(".jackfield/config.json", text.replace("ADDR", &node.addr.to_string()));
    configure(with(1));
    let reload = node.run(&["reload"]);
    let said = String::from_utf8_lossy(&reload.stderr).into_owned();
    assert!(!reload.status.success() && said.contains("was not there after 1 s"), "{said}");
    configure(with(600));
    let waiting = node.background(&["reload"]);
    until("a reload that waits", || {
        let wanted = format!("=fetcher:{}\0", node.pid());
        let is_fetcher = |process: std::fs::DirEntry| {
            let variables = std::fs::read(process.path().join("environ"));
            variables.is_ok_and(|text| String::from_utf8_lossy(&text).contains(&wanted))
        };
        std::fs::read_dir("/proc").unwrap().flatten().any(is_fetcher).then_some(())
    });
    let begin = std::time::Instant::now();
    node.stop();
    assert!(begin.elapsed() < std::time::Duration::from_secs(20));
    drop(waiting);
}
