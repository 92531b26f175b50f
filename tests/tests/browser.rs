//! What people see, in a real browser.

use jackfield_tests::{
    Node, TempDir, chromium, chromium_when_loaded, curl, node_modules, python, screenshot, signal_pid, until,
};
use rustix::process::Signal;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::time::Duration;

#[test]
fn the_built_in_node_serves_four_kinds_on_one_port() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port().to_string();
    let node = Node::launch(TempDir::new(), Ipv4Addr::LOCALHOST, &[], &[("JACKFIELD_PORT", &port)]);
    let status = node.ready();
    // Two at least for clients, and one that has the realm.
    let roles: Vec<_> = status["workers"][0]["processes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|process| &process["role"])
        .collect();
    assert!(
        roles.len() >= 3 && roles.iter().filter(|role| **role == "edge").count() == roles.len() - 1,
        "{roles:?}"
    );
    assert_eq!(*roles[roles.len() - 1], "realm");
    assert_eq!(status["node"]["config"], "built-in");
    let url = format!("http://127.0.0.1:{port}");
    assert!(curl(&[&format!("{url}/info")]).contains("\"generation\""));
    for url in [format!("ws://127.0.0.1:{port}/ws"), format!("rs://127.0.0.1:{port}")] {
        let said = python("wamp_peer.py", &[&url, "msgpack", "realm1"]);
        assert!(said.starts_with("ok"), "{url}: {said}");
    }

    let picture = screenshot("status.png");
    let page = chromium(&url, &picture);
    let pid = status["workers"][0]["processes"][0]["pid"].to_string();
    for wanted in ["worker001", "ready", &pid, "/ws", &format!("127.0.0.1:{port}")] {
        assert!(page.contains(wanted), "{wanted} is missing in\n{page}");
    }
    // The page is a WAMP client itself; its clock does not wait for that on a busy machine.
    until("the page to be in the realm", || {
        let page = chromium(&url, &picture);
        (page.contains("in realm realm1") && page.contains("(you)")).then_some(())
    });
    assert!(std::fs::metadata(&picture).unwrap().len() > 10_000);
    let ws_page = chromium(&format!("{url}/ws"), &screenshot("websocket-address.png"));
    assert!(ws_page.contains("WebSocket"), "{ws_page}");
    assert!(chromium(&format!("{url}/none"), &screenshot("not-found.png")).contains("404"));

    signal_pid(pid.parse().unwrap(), Signal::KILL);
    until("the page to show the new process", || {
        let page = curl(&["-H", "Accept: text/html", &url]);
        (!page.contains(&format!(">{pid}<")) && !page.contains("starting") && !page.contains("backoff"))
            .then_some(())
    });
    assert!(node.dir.path().join(".jackfield").exists());
    node.stop();
}

#[test]
fn a_page_opens_a_websocket_and_hears_its_echo() {
    let dir = TempDir::new();
    dir.write(
        "www/index.html",
        r#"<!doctype html><title>echo</title><p id="out">waiting</p><script>
        const ws = new WebSocket(`ws://${location.host}/ws`);
        ws.onopen = () => ws.send("from the browser");
        ws.onmessage = (m) => { document.getElementById("out").textContent = "heard: " + m.data; };
        </script>"#,
    );
    let node = Node::start_in(
        dir,
        r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "web",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080}, "paths": {
              "/": {"type": "static", "directory": "../www"}, "ws": {"type": "websocket.testee"}}}]}]}"#,
    );
    // Its clock doesn't wait for WebSockets: on a busy machine a page may be printed before the echo.
    until("the page to hear its echo", || {
        let page = chromium(&format!("http://{}:8080/", node.addr), &screenshot("echo.png"));
        page.contains("heard: from the browser").then_some(())
    });
    node.stop();
}

/// What a page does with Autobahn|JS as its package for browsers has it.
const AUTOBAHN: &str = r#"<!doctype html><meta charset="utf-8"><title>Autobahn</title><p id="out">waiting</p><img src="http://127.0.0.1:HELD/"><script src="autobahn.min.js"></script>
<script>
const out = (text) => { document.getElementById("out").textContent = text; };
const connection = new autobahn.Connection({ url: "ws://127.0.0.1:PORT/ws", realm: "realm1" });
connection.onopen = async (session) => {
  try {
    const said = [];
    const heard = new Promise((got) => session.subscribe("com.page.topic", (args) => got(args[0])));
    await session.subscribe("com.page.other", () => {});
    await session.publish("com.page.topic", ["ü"], {}, { acknowledge: true, exclude_me: false });
    said.push(await heard);
    await session.register("com.page.add", (args, kwargs, details) => {
      if (details.progress) details.progress(["half"]);
      return args[0] + args[1];
    });
    const call = session.call("com.page.add", [2, 3], {}, { receive_progress: true });
    call.then(null, null, (half) => said.push(half));
    said.push(await call);
    try { await session.call("com.page.nothing"); } catch (failed) { said.push(failed.error); }
    connection.close();
    out("has done: " + JSON.stringify(said));
  } catch (failed) { out("failed: " + (failed.error || failed)); }
  fetch("http://127.0.0.1:HELD/", { mode: "no-cors", method: "POST" }).catch(() => {});
};
connection.open();
</script>"#;

/// The port of a server that answers nobody before somebody has sent POST to it, or said nothing for a minute: a page that
/// has an image from there is not loaded before.
fn hold_until_post() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let said = said.clone();
            std::thread::spawn(move || {
                let mut client = client;
                let mut method = [0; 4];
                let is_post = client.read_exact(&mut method).is_ok() && &method == b"POST";
                let _ = said.send((is_post, client));
            });
        }
    });
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((is_post, client)) = heard.recv_timeout(Duration::from_secs(60)) {
            held.push(client);
            if is_post {
                break;
            }
        }
        for mut client in held {
            let _ = client.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        }
    });
    port.to_string()
}

/// A site with this page and Autobahn|JS.
fn site(page: &str) -> Node {
    let dir = TempDir::new();
    dir.write("www/index.html", page.replace("HELD", &hold_until_post()));
    let package = node_modules().join("node_modules/autobahn-browser/autobahn.min.js");
    std::fs::copy(&package, dir.path().join("www/autobahn.min.js")).expect("tests/run installs it");
    Node::start_in(
        dir,
        r#"{"version": 2, "workers": [{"type": "router", "transports": [{"type": "web",
            "endpoint": {"type": "tcp", "interface": "ADDR", "port": 8080},
            "paths": {"/": {"type": "static", "directory": "../www"}}}]}]}"#,
    )
}

#[test]
fn autobahn_in_a_browser_speaks_with_the_built_in_node() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port().to_string();
    let node = Node::launch(TempDir::new(), Ipv4Addr::LOCALHOST, &[], &[("JACKFIELD_PORT", &port)]);
    node.ready();
    let site = site(&AUTOBAHN.replace("PORT", &port));
    let page = chromium_when_loaded(&format!("http://{}:8080/", site.addr), &screenshot("autobahn.png"));
    assert!(page.contains(r#"has done: ["ü","half",5,"wamp.error.no_such_procedure"]"#), "{page}");
    site.stop();
    node.stop();
}

/// A page that counts by its own events, and says where it is, and how often it lost its connection or its place.
const COUNTS: &str = r#"<!doctype html><meta charset="utf-8"><title>Counts</title><p id="out">waiting</p><img src="http://127.0.0.1:HELD/"><script src="autobahn.min.js"></script>
<script>
const out = (text) => { document.getElementById("out").textContent = text; };
const done = (text) => { out(text); fetch("http://127.0.0.1:HELD/", { mode: "no-cors", method: "POST" }).catch(() => {}); };
const connection = new autobahn.Connection({ url: "ws://127.0.0.1:PORT/ws", realm: "realm1", initial_retry_delay: 0.1 });
let opened = false, lost = 0, wrong = 0, next = 0, got;
connection.onclose = (reason) => {
  if (!opened) { out(`not open yet: ${reason}`); return false; }
  lost += 1;
  done(`at ${next}, lost ${lost}: ${reason}`);
  return true;
};
connection.onopen = async (session) => {
  opened = true;
  out("opened");
  try {
    await session.subscribe("com.page.count", (args) => { wrong += args[0] !== next; next = args[0] + 1; got(); });
    await session.register("com.page.same", (args) => args[0]);
    for (let n = 0; n < 1000; n++) {
      out(`counting ${n}`);
      const heard = new Promise((done) => { got = done; });
      session.publish("com.page.count", [n], {}, { exclude_me: false });
      wrong += await session.call("com.page.same", [n]) !== n;
      await heard;
    }
    done(`counted to ${next}, lost ${lost}, wrong ${wrong}`);
  } catch (failed) { done("failed: " + (failed.error || failed)); }
};
out("connecting");
connection.open();
</script>"#;

/// The page, opened while the realm process is killed, and how often that was.
fn count_under_kills(node: &Node, port: &str) -> (String, u32) {
    let site = site(&COUNTS.replace("PORT", port));
    let url = format!("http://{}:8080/", site.addr);
    let browser =
        std::thread::spawn(move || chromium_when_loaded(&url, Path::new(&screenshot("counts.png"))));
    let mut kills = 0;
    while !browser.is_finished() {
        let status = node.ready();
        let all = status["workers"][0]["processes"].as_array().unwrap();
        let realm = all.iter().find(|process| process["role"] == "realm").unwrap();
        if kills < 20 && status["realms"][0]["events"].as_u64() > Some(10) {
            signal_pid(realm["pid"].as_u64().unwrap().try_into().unwrap(), Signal::KILL);
            kills += 1;
        }
    }
    site.stop();
    (browser.join().unwrap(), kills)
}

#[test]
fn a_page_stays_connected_and_in_order_while_the_realm_process_is_killed_again_and_again() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port().to_string();
    let node = Node::launch(TempDir::new(), Ipv4Addr::LOCALHOST, &[], &[("JACKFIELD_PORT", &port)]);
    let (mut page, mut kills) = count_under_kills(&node, &port);
    // A browser on a busy machine may run no script, or open no connection: nothing was tried if the node accepted none.
    if node.ready()["endpoints"][0]["connections"]["accepted"] == 0 {
        println!("tried again, the page did not connect: {page}");
        (page, kills) = count_under_kills(&node, &port);
    }
    assert!(page.contains("counted to 1000, lost 0, wrong 0"), "{kills} kills: {page}\n{:#?}", node.status());
    assert!(kills > 0, "the page was done before anything was killed");
    println!("{kills} kills");
    node.stop();
}
