//! Rules of paths, and networks of endpoints, by curl, on the configuration that docs/web.md shows.

use jackfield_tests::{Nginx, Node, TempDir, curl, dial, documented, jackfield, loopback, run, until};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs `jackfield passwd` with this password.
fn passwd(dir: &Path, user: &str, password: &str) -> String {
    let mut command = Command::new(jackfield());
    command.current_dir(dir).args(["passwd", "users", user]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A node on the documented configuration, with a user `ann` and nginx as the backend.
fn start() -> (Node, Nginx) {
    let (dir, backend) = (TempDir::new(), loopback());
    std::fs::create_dir_all(dir.path().join(".jackfield")).unwrap();
    assert!(passwd(dir.path(), "ann", "se:cret").starts_with("ann was added to "));
    for path in ["index.html", "insider", "inside/x", "admin/x", "api/x", "x"] {
        dir.write(&format!("web/{path}"), "content");
    }
    let servers = format!(
        "server {{ listen {backend}:9001; location / {{ add_header X-Powered-By nginx;
            return 200 \"$http_x_site,$http_cookie,$http_x_request_id\"; }} }}"
    );
    let nginx = Nginx::start_with(backend, 9000, &servers);
    let config = documented("web.md", "## Access, passwords and headers");
    let node = Node::start_in(dir, &config.replace("host: 127.0.0.1", &format!("host: {backend}")));
    (node, nginx)
}

fn ask(node: &Node, path: &str, args: &[&str]) -> String {
    let url = format!("http://{}:8080{path}", node.addr);
    curl(&[&["-i", "--path-as-is", &url], args].concat()).to_lowercase()
}

#[test]
fn rules_hold_at_their_path_and_below_however_that_is_written() {
    let (node, _nginx) = start();
    let answer = ask(&node, "/", &["-H", "X-Request-Id: forged"]);
    assert!(answer.starts_with("http/1.1 200") && answer.contains("x-frame-options: deny\r\n"), "{answer}");
    let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    assert!(id.trim().len() == 32 && !answer.contains("forged"), "{answer}");

    for path in ["/inside", "/inside/x", "/%69nside", "//inside", "/inside;x/y", "/inside%2fx"] {
        let answer = ask(&node, path, &[]);
        assert!(answer.starts_with("http/1.1 403") && answer.contains("x-frame-options"), "{path}: {answer}");
    }
    assert!(ask(&node, "/insider", &[]).starts_with("http/1.1 200"));

    let answer =
        ask(&node, "/app", &["-H", "Cookie: a=1", "-H", "X-Site: forged", "-H", "X-Request-Id: forged"]);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    assert_eq!(body, format!("main,,{id}"), "the backend has what the rules say, and the client the same id");
    assert!(!head.contains("x-powered-by"), "{head}");
    node.stop();
}

#[test]
fn pages_of_origins_that_are_named_may_use_a_path() {
    let (node, _nginx) = start();
    let (origin, other) = ("Origin: https://app.example", "Origin: https://evil.example");
    let preflight = ["-X", "OPTIONS", "-H", "Access-Control-Request-Method: PUT", "-H"];
    let answer = ask(
        &node,
        "/api/x",
        &[&preflight[..], &[origin, "-H", "Access-Control-Request-Headers: x-a"]].concat(),
    );
    for line in [
        "http/1.1 204",
        "access-control-allow-origin: https://app.example\r\n",
        "access-control-allow-credentials: true\r\n",
        "access-control-allow-methods: get, head, post, put, patch, delete\r\n",
        "access-control-allow-headers: x-a\r\n",
        "access-control-max-age: 600\r\n",
        "vary: origin\r\n",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    let answer = ask(&node, "/api/x", &["-H", origin]);
    assert!(answer.contains("access-control-allow-origin: https://app.example\r\n"), "{answer}");
    for args in [&[&preflight[..], &[other]].concat()[..], &["-H", other], &[]] {
        let answer = ask(&node, "/api/x", args);
        assert!(!answer.contains("access-control-") && answer.contains("vary: origin"), "{answer}");
    }
    assert!(!ask(&node, "/x", &["-H", origin]).contains("access-control-"));
    node.stop();
}

#[test]
fn passwords_are_asked_for_and_a_changed_file_counts_at_once() {
    let (node, _nginx) = start();
    let status = |user: &str| ask(&node, "/admin/x", &["-u", user])[9..12].to_owned();
    let answer = ask(&node, "/admin", &[]);
    assert!(answer.starts_with("http/1.1 401"), "{answer}");
    assert!(
        answer.contains("www-authenticate: basic realm=\"administration\", charset=\"utf-8\"\r\n"),
        "{answer}"
    );
    for (user, expected) in [
        ("ann:se:cret", "200"),
        ("ann:se:cret", "200"),
        ("ann:wrong", "401"),
        ("bea:se:cret", "401"),
        ("ann:", "401"),
    ] {
        assert_eq!(status(user), expected, "{user}");
    }
    assert!(passwd(node.dir.path(), "ann", "another").starts_with("ann was changed in "));
    until("the new password counts", || (status("ann:another") == "200").then_some(()));
    assert_eq!(status("ann:se:cret"), "401", "what was remembered is forgotten");
    // A file that can't be used changes nothing.
    let file = node.dir.path().join(".jackfield/users");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(&file, "ann:plain\n").unwrap();
    node.log.wait(0, "line 1 has no hash of Argon2 or bcrypt");
    assert_eq!(status("ann:another"), "200");
    let checked = run(node.dir.path(), &["check"]);
    let told = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(78), "{told}");
    assert!(told.contains("rules.admin.basic.file") && !told.contains("plain"), "{told}");
    node.stop();
}

#[test]
fn connections_from_networks_that_are_denied_are_reset_and_counted() {
    let config = documented("web.md", "## Access, passwords and headers")
        .replace("deny: [198.51.100.0/24]", "allow: [192.0.2.0/24]")
        .replace("basic: {file: users, realm: Administration}", "allow: [127.0.0.0/8]");
    let dir = TempDir::new();
    dir.write("web/index.html", "content");
    let node = Node::start_in(dir, &config);
    let mut talk = dial((node.addr, 8080));
    let mut byte = [0];
    assert!(!matches!(talk.read(&mut byte), Ok(1..)), "nothing is served");
    node.until("it is counted", |status| status["endpoints"][0]["connections"]["refused"] == 1);
    node.stop();
}
