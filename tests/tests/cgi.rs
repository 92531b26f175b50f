//! `cgi`: scripts of Python and of a shell, in front of curl and of clients that misbehave.

use jackfield_tests::{DEADLINE, Node, TempDir, curl, signal_pid, until, wait_for_end};
use rustix::process::Signal;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::Path;

/// A node that runs the scripts of `.jackfield/cgi`, confined.
fn node(dir: TempDir, options: &str, web: &str) -> Node {
    Node::start_in(dir, &config("/bin/sh", options, web))
}

fn config(processor: &str, options: &str, web: &str) -> String {
    format!(
        r#"{{"version": 2, "workers": [{{"type": "router", "sandbox": true, "transports": [{{"type": "web",
            "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}},
            "options": {{{web}}},
            "paths": {{"/": {{"type": "none"}}, "there": {{"type": "json", "value": "there"}},
                "cgi-bin": {{"type": "cgi", "directory": "cgi", "processor": "{processor}", "options": {{{options}}}}}}}}}]}}]}}"#
    )
}

fn script(dir: &TempDir, name: &str, text: &str) {
    dir.write(&format!(".jackfield/cgi/{name}"), text);
}

fn url(node: &Node, path: &str) -> String {
    format!("http://{}:8080/cgi-bin/{path}", node.addr)
}

/// What a script said, and the status of the answer after it.
fn get(node: &Node, path: &str) -> String {
    curl(&["-w", "%{http_code}", &url(node, path)])
}

/// The process id that a script has written into a file.
fn pid(file: &Path) -> u32 {
    until("the script's process id", || {
        std::fs::read_to_string(file).ok()?.strip_suffix('\n').and_then(|pid| pid.parse().ok())
    })
}

#[test]
fn a_script_of_python_is_told_of_the_request_and_its_answer_is_carried_back() {
    let dir = TempDir::new();
    script(
        &dir,
        "sub/echo.py",
        r#"
import os, sys
body = sys.stdin.buffer.read(int(os.environ.get("CONTENT_LENGTH", 0)))
print("Content-Type: text/plain; charset=utf-8")
print("Status: 201 Made")
print("X-Cwd: " + os.getcwd())
print("Set-Cookie: a=1")
print("Set-Cookie: b=2")
print()
for name in sorted(os.environ):
    print(name + "=" + os.environ[name])
print("body", len(body), sum(body))
print(sys.argv[1:], file=sys.stderr)
"#,
    );
    let python = until("python3", || {
        let paths = std::env::var("PATH").unwrap();
        std::env::split_paths(&paths).map(|dir| dir.join("python3")).find(|file| file.is_file())
    });
    let node = Node::start_in(dir, &config(python.to_str().unwrap(), r#""env": {"GREETING": "hello"}"#, ""));
    let big = vec![7_u8; 1_000_000];
    std::fs::write(node.dir.path().join("big"), &big).unwrap();
    let file = format!("@{}", node.dir.path().join("big").display());
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let said = curl(&[
            version,
            "-i",
            "--data-binary",
            &file,
            "-H",
            "Proxy: http://evil.test/",
            "-H",
            "Authorization: Basic eDp5",
            "-H",
            "Accept-Language: de",
            &url(&node, "sub/echo.py/more%20path?q=a%20b&c"),
        ]);
        let cgi = node.dir.path().join(".jackfield/cgi");
        for expected in [
            "x-cwd: ".to_owned() + cgi.join("sub").to_str().unwrap(),
            "set-cookie: a=1".into(),
            "set-cookie: b=2".into(),
            "REQUEST_METHOD=POST".into(),
            "CONTENT_LENGTH=1000000".into(),
            "CONTENT_TYPE=application/x-www-form-urlencoded".into(),
            "GATEWAY_INTERFACE=CGI/1.1".into(),
            "PATH_INFO=/more path".into(),
            format!("PATH_TRANSLATED={}/more path", cgi.display()),
            "QUERY_STRING=q=a%20b&c".into(),
            "SCRIPT_NAME=/cgi-bin/sub/echo.py".into(),
            format!("SCRIPT_FILENAME={}/sub/echo.py", cgi.display()),
            format!("SERVER_NAME={}", node.addr),
            "SERVER_PORT=8080".into(),
            "HTTP_ACCEPT_LANGUAGE=de".into(),
            "GREETING=hello".into(),
            "body 1000000 7000000".into(),
        ] {
            assert!(said.lines().any(|line| line == expected), "{expected}\n{said}");
        }
        assert!(said.lines().next().unwrap().contains("201"), "{said}");
        let none = ["HTTP_PROXY", "HTTP_AUTHORIZATION", "JACKFIELD", "CARGO"];
        assert!(!none.iter().any(|name| said.lines().any(|line| line.starts_with(name))), "{said}");
        node.log.wait(0, "echo.py: []");
    }
    node.stop();
}

#[test]
fn redirects_statuses_and_methods_are_as_cgi_has_them() {
    let dir = TempDir::new();
    script(&dir, "local", r#"printf 'Location: /there\n\n'"#);
    script(&dir, "again", r#"printf 'Location: /cgi-bin/seen?from=again\n\n'"#);
    script(&dir, "seen", r#"printf "Content-Type: text/plain\n\n$REQUEST_METHOD $QUERY_STRING""#);
    script(&dir, "circle", r#"printf 'Location: /cgi-bin/circle\n\n'"#);
    script(&dir, "remote", r#"printf 'Location: http://other.test/x\r\n\r\n'"#);
    script(
        &dir,
        "with-page",
        r#"printf 'Status: 303 See Other\nLocation: /there\nContent-Type: text/plain\n\nthere'"#,
    );
    script(&dir, "gone", r#"printf 'Status: 410 Gone\nContent-Type: text/plain\n\nno more '"#);
    script(&dir, "none", r#"printf 'Status: 204 No Content\n\n'"#);
    script(&dir, "upper", "printf 'Content-Type: text/plain\\n\\n'; tr a-z A-Z");
    script(&dir, "long", "printf 'Content-Type: text/plain\\nContent-Length: 5\\n\\nhello and more'");
    let node = node(dir, "", "");
    assert_eq!(get(&node, "local"), "\"there\"200");
    assert_eq!(curl(&["-d", "x=1", &url(&node, "again")]), "GET from=again");
    assert_eq!(
        curl(&["-w", "%{http_code} %{redirect_url}", &url(&node, "remote")]),
        "302 http://other.test/x"
    );
    assert_eq!(get(&node, "with-page"), "there303");
    assert_eq!(get(&node, "gone"), "no more 410");
    assert_eq!(get(&node, "none"), "204");
    assert_eq!(get(&node, "long"), "hello200");
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        // Of unknown length: a script would read nothing of it.
        let chunked = ["-H", "Transfer-Encoding: chunked", "-H", "Content-Length:", "-d", "abc"];
        let chunked =
            curl(&[&[version, "-w", "%{http_code}"], &chunked[..], &[&url(&node, "upper")]].concat());
        assert!(chunked.ends_with("411"), "{version}: {chunked}");
        let head = curl(&[version, "-I", &url(&node, "long")]).to_lowercase();
        assert!(head.contains("content-length: 5\r\n") && head.contains("text/plain"), "{head}");
    }
    assert!(get(&node, "circle").ends_with("502"));
    node.log.wait(0, "round in circles");
    node.stop();
}

#[test]
fn nothing_but_the_scripts_of_the_directory_is_run() {
    let dir = TempDir::new();
    script(&dir, "sub/a", "printf 'Content-Type: text/plain\\n\\na'");
    dir.write(".jackfield/secret", "printf 'Content-Type: text/plain\\n\\nsecret'");
    symlink("../secret", dir.path().join(".jackfield/cgi/out")).unwrap();
    symlink("sub/a", dir.path().join(".jackfield/cgi/in")).unwrap();
    let node = node(dir, "", "");
    assert_eq!(get(&node, "sub/a"), "a200");
    assert_eq!(get(&node, "in"), "a200");
    for path in ["", "sub", "sub/", "absent", "out", "../secret", "%2e%2e/secret", "sub%2fa", "a%00"] {
        let said = curl(&["--path-as-is", "-w", "%{http_code}", &url(&node, path)]);
        let status = if path.starts_with("..") || path.starts_with("%2e") { "400" } else { "404" };
        assert!(said.ends_with(status), "{path}: {said}");
    }
    node.stop();
}

#[test]
fn what_goes_wrong_is_told_to_the_client_and_in_the_log() {
    let dir = TempDir::new();
    script(&dir, "garbage", "printf '\\377\\376 nothing like a head\\n\\n'");
    script(&dir, "dies", "printf 'Content-Type: text/plain\\n'; exit 7");
    script(&dir, "killed", "kill -9 $$");
    script(
        &dir,
        "endless-head",
        "while :; do echo 'X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'; done",
    );
    script(&dir, "silent", "echo $$ > pid-silent; sleep 1000 & wait");
    script(&dir, "breaks-off", "printf 'Content-Type: text/plain\\n\\nhalf'; kill -9 $$");
    script(&dir, "short", "printf 'Content-Type: text/plain\\nContent-Length: 100\\n\\nhalf'");
    script(
        &dir,
        "complains",
        "printf 'Content-Type: text/plain\\n\\nfine'; printf 'one\\ntwo\\033[1m' >&2; exit 3",
    );
    let node = node(dir, r#""timeout": 1"#, "");
    for (name, status, logged) in [
        ("garbage", "502", r#"garbage: no answer: "\xff\xfe nothing like a head" is no header field"#),
        ("dies", "502", "dies: no answer: it ended with exit status 7, before its head was complete"),
        ("killed", "502", "killed: no answer: it was killed by SIGKILL"),
        ("endless-head", "502", "endless-head: no answer: its head is longer than 65536 bytes"),
        ("silent", "504", "silent: no answer within 1 s"),
    ] {
        let said = get(&node, name);
        assert!(said.ends_with(status), "{name}: {said}");
        node.log.wait(0, logged);
    }
    let silent = pid(&node.dir.path().join(".jackfield/cgi/pid-silent"));
    assert!(wait_for_end(silent), "the silent script is ended");
    assert_eq!(get(&node, "complains"), "fine200");
    for line in ["complains: one", "complains: two\u{fffd}[1m", "complains: it ended with exit status 3"] {
        node.log.wait(0, line);
    }
    // A client must not take a half for the whole.
    for name in ["breaks-off", "short"] {
        let mut client = TcpStream::connect((node.addr, 8080)).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        write!(client, "GET /cgi-bin/{name} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();
        assert!(said.contains("half") && !said.ends_with("0\r\n\r\n"), "{said}");
        node.log.wait(0, &format!("{name}: "));
    }
    assert_eq!(node.status().unwrap()["workers"][0]["processes"][0]["restarts"], 0);
    node.stop();
}

#[test]
fn a_processor_that_is_not_there_is_a_warning_and_a_502() {
    let dir = TempDir::new();
    script(&dir, "a", "");
    let node = Node::start_in(dir, &config("/nonexistent/sh", "", ""));
    let check = node.run(&["check"]);
    let text = String::from_utf8_lossy(&check.stderr).into_owned() + &String::from_utf8_lossy(&check.stdout);
    assert!(check.status.success() && text.contains("there is no program \"/nonexistent/sh\""), "{text}");
    assert!(get(&node, "a").ends_with("502"));
    node.log.wait(0, "a: no answer: it can't be started: /nonexistent/sh: No such file");
    node.stop();
}

#[test]
fn a_script_ends_with_its_client_and_all_it_has_started_with_it() {
    let dir = TempDir::new();
    script(
        &dir,
        "endless",
        "printf 'Content-Type: text/plain\\n\\n'; (trap '' TERM; echo $(exec sh -c 'echo $PPID') > pid-below; while :; do sleep 1; done) & \
         echo $$ > pid; while :; do echo line; sleep 0.01; done",
    );
    let node = node(dir, "", "");
    let mut client = BufReader::new(TcpStream::connect((node.addr, 8080)).unwrap());
    client.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
    client.get_mut().write_all(b"GET /cgi-bin/endless HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut line = String::new();
    while line.trim_end() != "line" {
        line.clear();
        assert!(client.read_line(&mut line).unwrap() > 0, "what it says comes as it is said");
    }
    let cgi = node.dir.path().join(".jackfield/cgi");
    let pids = [pid(&cgi.join("pid")), pid(&cgi.join("pid-below"))];
    drop(client);
    assert!(pids.into_iter().all(wait_for_end));
    node.stop();
}

#[test]
fn no_script_outlives_its_worker_whatever_ends_that() {
    let dir = TempDir::new();
    script(
        &dir,
        "stays",
        "setsid sh -c 'echo $$ > pid-away; exec sleep 1000' & echo $$ > pid; exec sleep 1000",
    );
    let node = node(dir, "", "");
    let cgi = node.dir.path().join(".jackfield/cgi");
    let mut client = TcpStream::connect((node.addr, 8080)).unwrap();
    client.write_all(b"GET /cgi-bin/stays HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let pids = [pid(&cgi.join("pid")), pid(&cgi.join("pid-away"))];
    let worker = node.status().unwrap()["workers"][0]["processes"][0]["pid"].as_u64().unwrap();
    signal_pid(worker.try_into().unwrap(), Signal::KILL);
    assert!(pids.into_iter().all(wait_for_end));
    node.until("another process", |status| {
        let process = &status["workers"][0]["processes"][0];
        process["state"] == "ready" && process["pid"] != worker
    });
    drop(client);
    node.stop();
}

#[test]
fn so_many_scripts_run_at_a_time_and_the_others_wait() {
    let dir = TempDir::new();
    script(
        &dir,
        "one",
        "printf 'Content-Type: text/plain\\n\\n'; mkdir lock || echo together; echo; until [ -e go ]; do sleep 0.01; done; rmdir lock; echo over",
    );
    let node = node(dir, r#""max_processes": 1"#, "");
    let mut clients: Vec<_> = (0..4)
        .map(|_| {
            let mut client = TcpStream::connect((node.addr, 8080)).unwrap();
            client.set_read_timeout(Some(DEADLINE)).unwrap();
            client.write_all(b"GET /cgi-bin/one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
            client
        })
        .collect();
    until("the first", || node.dir.path().join(".jackfield/cgi/lock").exists().then_some(()));
    node.dir.write(".jackfield/cgi/go", "");
    for client in &mut clients {
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();
        assert!(said.contains("over") && !said.contains("together"), "{said}");
    }
    drop(clients);
    node.stop();
}

#[test]
fn limits_hold_for_clients_that_send_much_or_read_nothing() {
    let dir = TempDir::new();
    script(&dir, "count", "printf 'Content-Type: text/plain\\n\\n'; exec wc -c");
    script(&dir, "flood", "echo $$ > pid; printf 'Content-Type: text/plain\\n\\n'; exec cat /dev/zero");
    let node = node(dir, "", r#""max_body_size": 1000, "send_timeout": 1"#);
    let mut client = TcpStream::connect((node.addr, 8080)).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    client.write_all(b"POST /cgi-bin/count HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n").unwrap();
    let mut said = [0; 12];
    client.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"HTTP/1.1 413");
    // One that reads nothing is given up, and its script is ended: it could not fill this process's memory.
    let mut idle = TcpStream::connect((node.addr, 8080)).unwrap();
    idle.write_all(b"GET /cgi-bin/flood HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let flood = pid(&node.dir.path().join(".jackfield/cgi/pid"));
    assert!(wait_for_end(flood));
    drop((client, idle));
    node.stop();
}

#[test]
fn a_reload_lets_a_script_come_to_its_end() {
    let dir = TempDir::new();
    script(
        &dir,
        "slow",
        "printf 'Content-Type: text/plain\\n\\nbegun\\n'; until [ -e go ]; do sleep 0.01; done; echo done",
    );
    let node = node(dir, "", "");
    let mut client = BufReader::new(TcpStream::connect((node.addr, 8080)).unwrap());
    client.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
    client.get_mut().write_all(b"GET /cgi-bin/slow HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut line = String::new();
    while line.trim_end() != "begun" {
        line.clear();
        assert!(client.read_line(&mut line).unwrap() > 0);
    }
    let restart = node.background(&["worker", "restart"]);
    node.log.wait(0, "draining");
    node.dir.write(".jackfield/cgi/go", "");
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("done"), "{rest}");
    drop((client, restart));
    node.stop();
}

#[test]
fn a_script_reaches_no_other_process_of_its_user() {
    let dir = TempDir::new();
    script(
        &dir,
        "kill",
        "printf 'Content-Type: text/plain\\n\\n'; tr '\\0' ' ' < /proc/$PPID/cmdline; kill -9 $QUERY_STRING || echo refused",
    );
    let node = node(dir, "", "");
    let worker = node.status().unwrap()["workers"][0]["processes"][0]["pid"].as_u64().unwrap();
    for pid in [worker, node.pid().into()] {
        let said = get(&node, &format!("kill?{pid}"));
        assert!(
            said.starts_with("jackfield launcher of worker001 ") && said.ends_with("refused\n200"),
            "{said}"
        );
    }
    node.stop();
}

#[test]
fn no_launcher_is_left_as_a_zombie() {
    let dir = TempDir::new();
    script(&dir, "hello", "printf 'Content-Type: text/plain\\n\\n'; echo hello");
    let node = node(dir, "", "");
    for _ in 0..5 {
        assert!(get(&node, "hello").starts_with("hello"));
        assert!(node.run(&["worker", "restart"]).status.success());
    }
    let zombies = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let stat = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path().join("stat")).ok();
        let ours = format!(" Z {} ", node.pid());
        processes.filter_map(stat).filter(|stat| stat.contains(&ours)).count()
    };
    until("the end of the launchers", || (zombies() == 0).then_some(()));
    node.stop();
}
