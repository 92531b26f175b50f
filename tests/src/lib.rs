//! Harness of the black-box tests: real nodes, real clients, on loopback.
//!
//! Every node of a test has a loopback address of its own (127.0.0.0/8), so tests run side by side on the
//! same ports. Nothing sleeps: tests wait for a line of the log, for a state, for the end of a process, and
//! fail after [`DEADLINE`].

mod certificates;
mod load;
mod node;
mod pebble;
mod peers;
mod talk;
mod tor;
mod wamp;

pub use certificates::{
    Authority, LOCALHOST, SERVER, Wish, argument, new_key, openssl, owner_only, prepared, self_signed,
    write_pair,
};
pub use load::{Kind, Load, Report, Tally, Target, tls_connection};
pub use node::{Background, Node, ends_within, jackfield, run, signal_pid, wait_for_end};
pub use pebble::{Pebble, PebbleWish};
pub use peers::{
    Nginx, chromium, chromium_when_loaded, chromium_with, curl, example, node_js, node_modules, python,
    python_with, screenshot, venv_python,
};
pub use talk::{Forward, Talk, accept, dial, exactly, head, rest, say};
pub use tor::{Tor, TorNetwork, free_port};
pub use wamp::Wamp;

use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

/// The first whole configuration below a heading of a page in docs/, to be started: its TCP endpoints are on `ADDR`.
pub fn documented(page: &str, heading: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(&page).unwrap();
    let (_, section) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}"));
    let (_, block) = section.split_once("```yaml\nversion: 2\n").expect("a configuration");
    let (block, _) = block.split_once("```").expect("its end");
    format!("version: 2\n{}", block.replace("{type: tcp, port:", "{type: tcp, interface: ADDR, port:"))
}

/// How long a test waits for anything.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A loopback address that no other running test uses: process ids are unique, and have 22 bits at most.
pub fn loopback() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    assert!(count < 3, "a test has three loopback addresses at most");
    let [_, a, b, c] = (std::process::id() << 2 | (count + 1)).to_be_bytes();
    Ipv4Addr::new(127, a, b, c)
}

/// A directory that is removed when it goes out of scope.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// A new, empty directory with a short path (a Unix socket's path has 107 bytes at most).
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("jackfield-test-{}-{count}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir(&path).expect("make a temporary directory");
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it, with the directories above.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Default for TempDir {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Lines that a process writes, to be waited for.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    read: Mutex<Output>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Output {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Reads to the end in a thread of its own.
    pub fn follow(from: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let ours = lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(from).split(b'\n') {
                let Ok(line) = line else { break };
                ours.0.read.lock().unwrap().lines.push(String::from_utf8_lossy(&line).into_owned());
                ours.0.more.notify_all();
            }
            ours.0.read.lock().unwrap().ended = true;
            ours.0.more.notify_all();
        });
        lines
    }

    /// The first line at or after `from` that contains `text`, and the index behind it. Panics with all
    /// lines when it does not come.
    pub fn wait(&self, from: usize, text: &str) -> (String, usize) {
        let end = Instant::now() + DEADLINE;
        let mut read = self.0.read.lock().unwrap();
        loop {
            if let Some(at) = read.lines.iter().skip(from).position(|line| line.contains(text)) {
                return (read.lines[from + at].clone(), from + at + 1);
            }
            let left = end.saturating_duration_since(Instant::now());
            let over = left.is_zero() || read.ended;
            assert!(!over, "no line with {text:?} in\n{}", read.lines.join("\n"));
            read = self.0.more.wait_timeout(read, left).unwrap().0;
        }
    }

    /// All lines, once there are no more: the end of a process is known before all that it has written is read.
    pub fn to_the_end(&self) -> Vec<String> {
        let waiting = self.0.read.lock().unwrap();
        let (read, late) = self.0.more.wait_timeout_while(waiting, DEADLINE, |read| !read.ended).unwrap();
        assert!(!late.timed_out(), "the end does not come after\n{}", read.lines.join("\n"));
        read.lines.clone()
    }

    /// All lines so far.
    pub fn all(&self) -> Vec<String> {
        self.0.read.lock().unwrap().lines.clone()
    }
}

/// Calls `look` again and again until it gives something; panics with `what` when it does not.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
