//! The examples of WAMP, as their READMEs say: what is typed there, with what comes of it.

use jackfield_tests::{Lines, Node, chromium, example, jackfield, loopback, screenshot, until, venv_python};
use std::process::{Child, Command, Stdio};

/// Starts an example.
fn start(name: &str) -> Node {
    let (dir, addr) = (example(name), loopback());
    let python = venv_python().display().to_string();
    let node = Node::launch(dir, addr, &[], &[("HOST", &addr.to_string()), ("PYTHON", &python)]);
    node.ready();
    node
}

/// A command that goes on.
struct Going(Child, Lines);

impl Drop for Going {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether a line is as shown, where `…` is anything.
fn is_like(line: &str, shown: &str) -> bool {
    match shown.split_once('…') {
        None => line == shown,
        Some((before, after)) => line.starts_with(before) && line.ends_with(after),
    }
}

/// Types what the README shows after `$`, and compares what comes of it. Commands that end with `&` go on; what they say
/// first is shown.
fn type_in(node: &Node) -> Vec<Going> {
    let readme = std::fs::read_to_string(node.dir.path().join("README.md")).unwrap();
    let exports = readme.split('`').find(|part| part.starts_with("export ")).unwrap();
    let transcript = readme.split("```").find(|part| part.trim_start().starts_with("$ ")).unwrap();
    let here = |text: &str| text.replace("127.0.0.1", &node.addr.to_string());
    let directory = jackfield().parent().unwrap().display().to_string();
    let path = format!("{directory}:{}", std::env::var("PATH").unwrap());
    let mut going = Vec::new();
    let mut lines = transcript.lines().filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let typed = line.strip_prefix("$ ").unwrap_or_else(|| panic!("{line} belongs to no command"));
        let mut shown = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("$ ")) {
            shown.push(line);
        }
        let (typed, goes_on) = typed.strip_suffix(" &").map_or((typed, false), |typed| (typed, true));
        let mut command = Command::new("sh");
        // `exec`, so that it is the command that is ended, but for those that set variables first.
        command.args([
            "-c",
            &here(&format!("{exports}; {}", typed.replacen("jackfield wamp", "exec jackfield wamp", 1))),
        ]);
        command.env("PATH", &path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if goes_on {
            let mut child = command.spawn().unwrap();
            let said = Lines::follow(child.stderr.take().unwrap());
            let out = Lines::follow(child.stdout.take().unwrap());
            said.wait(0, shown[0]);
            going.push(Going(child, out));
            continue;
        }
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned() + &String::from_utf8_lossy(&out.stdout);
        let said: Vec<_> = said.lines().collect();
        let fits =
            said.len() == shown.len() && said.iter().zip(&shown).all(|(said, shown)| is_like(said, shown));
        assert!(fits, "{typed}\nshown: {shown:#?}\nsaid: {said:#?}");
    }
    going
}

#[test]
fn a_realm_with_roles() {
    let node = start("wamp-roles");
    let going = type_in(&node);
    going[0].1.wait(0, "com.plant.valve.open 7");
    going[1].1.wait(0, "com.plant.measured.hall17 21.5");
    drop(going);
    node.stop();
}

#[test]
fn a_bridge_to_plain_http() {
    let node = start("wamp-rest");
    let going = type_in(&node);
    going[1].1.wait(0, "com.example.built all green");
    going[1].1.wait(0, "com.example.pushed");
    drop(going);
    node.stop();
}

#[test]
fn a_dashboard_shows_last_values_and_what_came_before() {
    let node = start("wamp-dashboard");
    drop(type_in(&node));
    let mqtt =
        ["-h", &node.addr.to_string(), "-p", "8080", "-r", "-t", "com/plant/cellar/temperature", "-m", "12"];
    assert!(Command::new("mosquitto_pub").args(mqtt).status().unwrap().success());
    let url = format!("http://{}:8080/", node.addr);
    // Its clock doesn't wait for WebSockets.
    until("the page to show the sensors", || {
        let page = chromium(&url, &screenshot("wamp-dashboard.png"));
        let shows =
            ["<span>hall.temperature</span><b>22.25</b>", "<span>cellar.temperature</span>", "0,1 1,0"];
        shows.iter().all(|text| page.contains(text)).then_some(())
    });
    node.stop();
}

#[test]
fn python_and_the_browser() {
    let node = start("wamp-python");
    node.log.wait(0, "joined realm1");
    let url = format!("http://{}:8080/", node.addr);
    until("the page to show what the backend has answered", || {
        let page = chromium(&url, &screenshot("wamp-python.png"));
        page.contains("<b id=\"result\">= 5</b>").then_some(())
    });
    let mut command = Command::new(jackfield());
    command.args([
        "wamp",
        "publish",
        "com.example.said",
        "hello",
        "--url",
        &format!("rs://{}:8080", node.addr),
    ]);
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    node.log.wait(0, "the page says: hello");
    node.stop();
}
