//! The examples with Python, and those that `init` writes for WAMP.

use jackfield_tests::{Node, curl, example, loopback, python, python_with, venv_python};
use std::path::Path;

fn start(name: &str) -> Node {
    let (dir, addr) = (example(name), loopback());
    let environment = venv_python().parent().and_then(Path::parent).unwrap().to_string_lossy().into_owned();
    let node = Node::launch(dir, addr, &[], &[("HOST", &addr.to_string()), ("VIRTUAL_ENV", &environment)]);
    node.ready();
    node
}

#[test]
fn a_container_with_three_components() {
    let node = start("python");
    node.log.wait(0, "it is ");
    let status = node.status().unwrap();
    assert_eq!(status["workers"][1]["processes"][0]["status"], "3 of 3 components joined");
    node.stop();
}

#[test]
fn a_dynamic_authenticator() {
    let node = start("authenticator");
    let url = format!("ws://{}:8080/", node.addr);
    let call = |ticket: &str| python("wamp_call.py", &[&url, "realm1", "joe", ticket, "com.example.greet"]);
    assert_eq!(call("secret1").trim_end(), "hello, joe");
    assert_eq!(call("wrong").trim_end(), "com.example.not_you");
    node.stop();
}

#[test]
fn a_flask_application_with_wamp() {
    let node = start("flask");
    let site = format!("http://{}:8080/", node.addr);
    assert!(curl(&[&site]).contains("<title>Orders</title>"));
    let socket = format!("{}ws", site.replace("http", "ws"));
    let env = [("ORDERS", format!("{site}orders"))].map(|(name, value)| (name, value));
    let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(python_with("wamp_ordered.py", &[&socket], &env).trim_end(), "coffee");
    assert_eq!(curl(&[&format!("{site}orders")]).trim_end(), "[\"coffee\"]");
    node.stop();
}

#[test]
fn a_node_js_program_registers_a_procedure() {
    let node = start("nodejs");
    node.log.wait(0, "com.example.add is registered");
    let body = r#"{"procedure": "com.example.add", "args": [2, 3]}"#;
    let url = format!("http://{}:8080/call", node.addr);
    assert_eq!(curl(&["-H", "content-type: application/json", "-d", body, &url]), r#"{"args":[5]}"#);
    node.stop();
}
