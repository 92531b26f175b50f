//! The examples of sites, as they are in their directories, in a browser. Those of guests are in `guests`, that of a site
//! with an onion address in `tor`.

use jackfield_tests::{
    Node, chromium, chromium_with, curl, example, loopback, python, screenshot, signal_pid, until,
};
use rustix::process::Signal;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_site_by_https() {
    let (dir, addr) = (example("site"), loopback());
    // The certificate is made as the README says.
    let readme = std::fs::read_to_string(dir.path().join("README.md")).unwrap();
    let from = readme.find("(umask").unwrap();
    let command = &readme[from..from + readme[from..].find("cd -").unwrap()];
    let made = Command::new("sh").args(["-ec", command]).current_dir(dir.path().join(".jackfield")).output();
    assert!(made.unwrap().status.success());
    let ca = dir.path().join(".jackfield/server.crt");
    let site = format!("https://{addr}:8443/");
    let node = Node::launch(dir, addr, &[], &[("HOST", &addr.to_string()), ("SITE", &site)]);
    node.ready();
    let name = format!("localhost:8443:{addr}");
    let named = |path: &str| format!("https://localhost:8443{path}");
    let verified = ["--resolve", &name, "--cacert", ca.to_str().unwrap()];
    assert!(curl(&[&verified[..], &[&named("/")]].concat()).contains("<title>A web site</title>"));
    let version = curl(&[&verified[..], &["-o", "/dev/null", "-w", "%{http_version}", &named("/")]].concat());
    assert_eq!(version, "2");
    let head = curl(&["-I", &format!("http://{addr}:8080/")]);
    assert!(head.contains(&format!("location: {site}")), "{head}");
    let strange = ["--ignore-certificate-errors"];
    let page = chromium_with(&format!("http://{addr}:8080/"), &screenshot("site.png"), &strange);
    assert!(page.contains("an encrypted connection</b><span id=\"version\"> of HTTP/2"), "{page}");
    let page = chromium_with(&format!("{site}no-such-page"), &screenshot("site-not-found.png"), &strange);
    assert!(page.contains("There is nothing at this address"), "{page}");
    node.stop();
}

#[test]
fn a_node_js_program_behind_a_reverse_proxy() {
    let (dir, addr) = (example("app-node"), loopback());
    let node = Node::launch(dir, addr, &[], &[("HOST", &addr.to_string())]);
    let status = node.ready();
    let pid = status["workers"][1]["processes"][0]["pid"].as_u64().unwrap();
    let (site, notes) = (format!("http://{addr}:8080/"), format!("http://{addr}:8080/app/notes"));
    let socket = format!("ws://{addr}:8080/app/ws");
    let say = |text: &str| assert_eq!(python("ws_say.py", &[&socket, text]).trim_end(), "ok");
    say("from the test");
    say("<b>& again</b>");
    assert_eq!(curl(&[&notes]), "[\"from the test\",\"<b>& again</b>\"]\n");
    let shows = |text: &str, picture: &str| {
        // Its clock doesn't wait for WebSockets.
        until("the page to show the note", || {
            chromium(&site, &screenshot(picture)).contains(text).then_some(())
        });
    };
    shows("<li>&lt;b&gt;&amp; again&lt;/b&gt;</li><li>from the test</li>", "app-node.png");
    // A client of HTTP/2, and a page of another site.
    let address = addr.to_string();
    let origin = |of: &str| {
        let origin = format!("origin: {of}");
        python("h2_connect.py", &[&address, "8080", "/app/ws", &origin])
    };
    assert!(origin(site.trim_end_matches('/')).starts_with(":status: 200"));
    assert!(origin("http://elsewhere.test").starts_with(":status: 400"));
    // Nobody is refused while the program is replaced, as told or after a crash.
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                assert!(curl(&["--fail", &notes]).starts_with('['));
            }
        });
        let restarted = node.run(&["worker", "restart", "app"]);
        stop.store(true, Ordering::Relaxed);
        assert!(restarted.status.success(), "{}", String::from_utf8_lossy(&restarted.stderr));
    });
    let status = node.ready();
    let next = status["workers"][1]["processes"][0]["pid"].as_u64().unwrap();
    assert_ne!(pid, next);
    signal_pid(u32::try_from(next).unwrap(), Signal::KILL);
    assert!(curl(&["--fail", &notes]).starts_with('['));
    node.until("the successor", |s| {
        s["workers"][1]["processes"][0]["pid"].as_u64().is_some_and(|pid| pid != next)
    });
    say("still there");
    shows("<li>still there</li>", "app-node-again.png");
    node.stop();
}
