//! Programs that are not ours: their sockets, what they say, what they write, and their end.

mod ends;
mod examples;
mod notices;
mod output;
mod sockets;
mod starts;

use jackfield_tests::{Node, TempDir};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Output;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A node with one guest that is a Python script, with more attributes and options; `ADDR` stands for its address.
fn python(script: &str, worker: Value, options: Value) -> Node {
    let node = spawn_python(script, worker, options);
    node.ready();
    node
}

fn spawn_python(script: &str, mut worker: Value, mut options: Value) -> Node {
    let dir = TempDir::new();
    dir.write("work/guest.py", script);
    options["workdir"] = "../work".into();
    worker["type"] = "guest".into();
    worker["id"] = "app".into();
    worker["executable"] = "python3".into();
    worker["arguments"] = json!(["guest.py"]);
    worker["options"] = options;
    Node::spawn(dir, &json!({"version": 2, "workers": [worker]}).to_string(), &[])
}

fn process(status: &Value, index: usize) -> &Value {
    &status["workers"][0]["processes"][index]
}

fn pid(status: &Value, index: usize) -> u32 {
    u32::try_from(process(status, index)["pid"].as_u64().unwrap()).unwrap()
}

fn get(addr: Ipv4Addr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((addr, 8080))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 512];
    let count = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..count]).into_owned())
}
