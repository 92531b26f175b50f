//! docs/from-….md: each page has a configuration of another program and ours, which do the same. Both are started here as they
//! are printed, but for addresses and directories.

mod guests;
mod onion;
mod web;

use jackfield_tests::{Background, Node, TempDir, curl, documented};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

/// The first block of a page that is marked so, as it is printed.
fn printed(page: &str, mark: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = fs::read_to_string(path).unwrap();
    let (_, block) =
        text.split_once(&format!("\n```{mark}\n")).unwrap_or_else(|| panic!("{page}: no {mark}"));
    block.split_once("```").unwrap().0.to_owned()
}

/// Replaces each of these; what is not there has been renamed in the page alone.
fn adapted(mut text: String, changes: &[(&str, &str)]) -> String {
    for (from, to) in changes {
        assert!(text.contains(from), "{from:?} is not in {text}");
        text = text.replace(from, to);
    }
    text
}

/// Our configuration of a page.
fn ours(page: &str, dir: TempDir, changes: &[(&str, &str)]) -> Node {
    Node::start_in(dir, &adapted(documented(page, "## Side by side"), changes))
}

/// Another program, which is killed with all that it has started.
struct Peer {
    running: Background,
}

impl Peer {
    fn start(program: &str, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(program);
        command.args(args).envs(env.iter().copied()).stderr(Stdio::null());
        Self { running: Background::spawn(&mut command) }
    }

    fn listens(&self, addr: Ipv4Addr, port: u16) {
        let at = SocketAddr::from((addr, port));
        jackfield_tests::until("the other program to listen", || TcpStream::connect(at).ok());
        assert!(Path::new(&format!("/proc/{}", self.running.pid())).exists());
    }
}

/// Status, content, and some fields of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: String,
    content: String,
    location: String,
    frame_options: String,
}

fn asked(url: &str, args: &[&str]) -> Answer {
    let write = "\n%{http_code}\n%header{location}\n%header{x-frame-options}";
    let text = curl(&[&["-w", write], args, &[url]].concat());
    let mut parts = text.rsplitn(4, '\n').map(str::to_owned);
    let mut next = || parts.next().unwrap();
    let (frame_options, location, status, content) = (next(), next(), next(), next());
    // nginx completes what it is told to send people to.
    let location = location.split_once("8080").map_or(location.clone(), |(_, path)| path.to_owned());
    Answer { status, content, location, frame_options }
}
