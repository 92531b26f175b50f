//! The path services `health` and `metrics`, by curl and by the parser of Prometheus's own library for Python, on the
//! configurations that docs/web.md shows.

use jackfield_tests::{
    Authority, Node, TempDir, Wish, curl, dial, documented, loopback, python, rest, say, until,
};
use serde_json::Value;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn metrics(addr: Ipv4Addr, labels: &[&str]) -> Value {
    let url = format!("http://{addr}:9090/metrics");
    let args: Vec<_> = std::iter::once(url.as_str()).chain(labels.iter().copied()).collect();
    serde_json::from_str(&python("metrics.py", &args)).unwrap()
}

/// The status of an answer.
fn status(url: &str) -> String {
    curl(&["-o", "/dev/null", "-w", "%{http_code}", url])
}

#[test]
fn metrics_are_those_of_all_processes_through_reload_restart_and_upgrade() {
    let dir = TempDir::new();
    let config = documented("web.md", "## Health and metrics");
    let node = Node::start_in(dir, &config);
    let site = format!("http://{}:8080", node.addr);
    let labels = ["path=/", "service=json", "status=200"];
    let count = |labels: &[&str]| metrics(node.addr, labels)["jackfield_http_requests_total"].as_f64();
    let ask = |times: usize| (0..times).for_each(|_| assert_eq!(status(&site), "200"));
    ask(20); // each by a connection of its own, whichever process accepts it
    until("all requests are counted", || (count(&labels) == Some(20.0)).then_some(()));
    let page = metrics(node.addr, &["path=/", "service=json"]);
    assert_eq!(page["jackfield_http_request_duration_seconds_count"], 20.0);
    assert_eq!(page["jackfield_http_response_content_bytes_total"], 20.0 * 20.0, "{page:#}");
    curl(&["-o", "/dev/null", "--data", "0123456789", &format!("{site}/health")]);
    until("a refused request is counted", || {
        let refused = metrics(node.addr, &["service=health", "status=405"]);
        (refused["jackfield_http_requests_total"] == 1.0).then_some(())
    });

    for command in [&["worker", "restart", "worker001"][..], &["reload"], &["upgrade"]] {
        if command == ["reload"] {
            let changed = config.replace("greeting: hello", "greeting: moin!");
            node.dir.write(".jackfield/config.yaml", changed.replace("ADDR", &node.addr.to_string()));
        }
        let before = count(&labels).unwrap();
        let output = node.run(command);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(status(&format!("{site}/health/ready")), "200", "{command:?}");
        ask(3);
        // A process that has no time to answer at once is waited for 250 ms only: what it told before counts.
        until("all requests are counted", || {
            let now = count(&labels).unwrap_or_default();
            assert!((before..=before + 3.0).contains(&now), "{command:?}: {now} after {before}");
            (now == before + 3.0).then_some(())
        });
    }
    let page = metrics(node.addr, &[]);
    assert_eq!(
        (&page["jackfield_node_ready"], &page["jackfield_node_reloads_total"]),
        (&1.0.into(), &1.0.into())
    );
    assert_eq!(metrics(node.addr, &["state=ready"])["jackfield_processes"], 2.0);
    node.until("the status tells the same", |status| {
        let mut web = status["web"].as_array().unwrap().iter();
        web.any(|web| web["service"] == "json" && web["path"] == "/" && web["requests"]["200"] == 29)
    });
    node.stop();
}

#[test]
fn backends_certificates_and_realms_are_told() {
    let (dir, addr) = (TempDir::new(), loopback());
    Authority::new("tests").write(&dir, "a", Wish { names: &["a.test", "b.test"], ..Wish::default() });
    let node = Node::start_in(
        dir,
        &r#"{"version": 2, "workers": [{"type": "router",
            "realms": [{"name": "realm1", "roles": [{"name": "anonymous"}]}],
            "transports": [
              {"type": "web", "endpoint": {"type": "tcp", "interface": "ADDR", "port": 9090},
               "paths": {"metrics": {"type": "metrics"}}},
              {"type": "universal", "rawsocket": {},
               "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080,
                  "tls": {"certificate": "a.crt", "key": "a.key"}},
               "web": {"paths": {"app": {"type": "reverseproxy", "host": "BACKEND", "port": 1}}}}]}]}"#
            .replace("BACKEND", &addr.to_string()),
    );
    assert_eq!(
        curl(&["-k", "-o", "/dev/null", "-w", "%{http_code}", &format!("https://{}:8080/app", node.addr)]),
        "502"
    );
    until("the backend is told of", || {
        let of_backend = metrics(node.addr, &["path=app", &format!("address={addr}:1")]);
        let told = ["backend_up", "backend_open", "backend_requests_total", "backend_errors_total"]
            .map(|name| of_backend[format!("jackfield_{name}")].as_f64());
        // It is asked again 5 s later.
        (told[1..] == [Some(0.0), Some(1.0), Some(1.0)]).then_some(())
    });
    let certificate = metrics(node.addr, &["names=a.test b.test"]);
    let expiry = certificate["jackfield_certificate_not_after_timestamp_seconds"].as_f64();
    assert!(expiry.is_some_and(|expiry| expiry > 1.7e9), "{certificate:#}");
    assert_eq!(metrics(node.addr, &["realm=realm1"])["jackfield_wamp_sessions"], 0.0);
    let shown = node.status().unwrap();
    let backend = &shown["backends"][0];
    assert_eq!((&backend["path"], &backend["errors"]), (&"app".into(), &1.into()));
    assert!(backend["last_error"].as_str().is_some_and(|e| e.contains("refused")), "{backend:#}");
    node.stop();
}

#[test]
fn the_node_is_ready_when_every_worker_was_and_until_it_stops() {
    let (port, backend) = (4000, loopback());
    let config = format!(
        r#"{{"version": 2, "workers": [
          {{"type": "router", "transports": [{{"type": "web",
            "endpoint": {{"type": "tcp", "interface": "ADDR", "port": 8080}}, "paths": {{"health": {{"type": "health"}}}}}}]}},
          {{"type": "guest", "executable": "sleep", "arguments": ["1000"], "ready": {{"tcp": "{backend}:{port}"}}}}]}}"#
    );
    let node = Node::spawn(TempDir::new(), &config, &[]);
    node.until("the router is ready", |status| status["workers"][0]["state"] == "ready");
    let health = format!("http://{}:8080/health", node.addr);
    assert_eq!(curl(&["-w", "%{http_code}", &health]), "starting\n503");
    assert_eq!(status(&format!("{health}/live")), "200");
    let _guest = TcpListener::bind((backend, port)).unwrap();
    node.until("the node is ready", |status| status["node"]["state"] == "ready");
    assert_eq!(curl(&["-w", "%{http_code}", &health]), "ready\n200");
    node.stop();
}

#[test]
fn probes_are_answered_through_restart_reload_and_upgrade() {
    let config = documented("web.md", "## Health and metrics");
    let node = Node::start_in(TempDir::new(), &config);
    let (done, addr) = (Arc::new(AtomicBool::new(false)), node.addr);
    let probing = {
        let done = Arc::clone(&done);
        thread::spawn(move || {
            let mut probes = 0;
            while !done.load(Ordering::Relaxed) {
                let mut talk = dial((addr, 8080));
                say(&mut talk, "GET /health/ready HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
                let answer = rest(&mut talk);
                assert!(answer.starts_with("HTTP/1.1 200"), "probe {probes}: {answer:?}");
                probes += 1;
            }
            probes
        })
    };
    for command in [&["worker", "restart", "worker001"][..], &["reload"], &["upgrade"]] {
        let changed = config.replace("greeting: hello", "greeting: moin");
        node.dir.write(".jackfield/config.yaml", changed.replace("ADDR", &node.addr.to_string()));
        let output = node.run(command);
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    done.store(true, Ordering::Relaxed);
    assert!(probing.join().unwrap() > 0);
    node.stop();
}
