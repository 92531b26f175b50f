//! A running node.

use crate::{DEADLINE, Lines, TempDir, loopback};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// The executable under test: it lies beside the directory of the tests' own executables.
pub fn jackfield() -> PathBuf {
    let own = std::env::current_exe().expect("path of the test");
    let path = own.parent().and_then(Path::parent).expect("target directory").join("jackfield");
    assert!(path.exists(), "{} is missing: run `cargo build` first", path.display());
    path
}

/// Runs `jackfield ARGS…` to its end in `dir`.
pub fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(jackfield());
    command.args(args).current_dir(dir).stdin(Stdio::null());
    for name in ["JACKFIELD_DIR", "CROSSBAR_DIR"] {
        command.env_remove(name);
    }
    command.output().expect("run jackfield")
}

/// A node in the foreground, in a directory of its own; killed when it goes out of scope.
#[derive(Debug)]
pub struct Node {
    /// Its working directory; the node directory is `.jackfield` in it.
    pub dir: TempDir,
    /// The loopback address that `ADDR` in its configuration stands for.
    pub addr: Ipv4Addr,
    /// What it writes to standard error: its log.
    pub log: Lines,
    /// What it writes to standard output.
    pub out: Lines,
    child: Child,
}

impl Node {
    /// Starts a node on a configuration in which `ADDR` stands for its address; waits until all workers are
    /// ready.
    pub fn start(config: &str) -> Self {
        Self::start_in(TempDir::new(), config)
    }

    /// The same in a directory that has been prepared.
    pub fn start_in(dir: TempDir, config: &str) -> Self {
        let node = Self::spawn(dir, config, &[]);
        node.ready();
        node
    }

    /// Starts a node and does not wait.
    pub fn spawn(dir: TempDir, config: &str, args: &[&str]) -> Self {
        let addr = loopback();
        let name = if config.trim_start().starts_with('{') { "config.json" } else { "config.yaml" };
        dir.write(&format!(".jackfield/{name}"), config.replace("ADDR", &addr.to_string()));
        Self::launch(dir, addr, args, &[])
    }

    /// Starts `jackfield start ARGS…` in a directory as it is.
    pub fn launch(dir: TempDir, addr: Ipv4Addr, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = Command::new(jackfield());
        command.arg("start").args(args);
        Self::execute(command, dir, addr, env)
    }

    /// The same with another executable.
    pub fn start_executable(executable: &Path, dir: TempDir, config: &str) -> Self {
        let addr = loopback();
        dir.write(".jackfield/config.json", config.replace("ADDR", &addr.to_string()));
        let mut command = Command::new(executable);
        command.arg("start");
        let node = Self::execute(command, dir, addr, &[]);
        node.ready();
        node
    }

    /// The same as [`start`](Self::start) with a limit on the descriptors of each process.
    pub fn start_with_descriptors(config: &str, limit: u32) -> Self {
        let (dir, addr) = (TempDir::new(), loopback());
        dir.write(".jackfield/config.json", config.replace("ADDR", &addr.to_string()));
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" start")]).arg(jackfield());
        let node = Self::execute(command, dir, addr, &[]);
        node.ready();
        node
    }

    /// Runs a command that becomes the node.
    pub fn run_as(command: Command, dir: TempDir, addr: Ipv4Addr, env: &[(&str, &str)]) -> Self {
        Self::execute(command, dir, addr, env)
    }

    fn execute(mut command: Command, dir: TempDir, addr: Ipv4Addr, env: &[(&str, &str)]) -> Self {
        command.current_dir(dir.path());
        command.env_remove("JACKFIELD_DIR").env_remove("CROSSBAR_DIR").envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start jackfield");
        let log = Lines::follow(child.stderr.take().unwrap());
        let out = Lines::follow(child.stdout.take().unwrap());
        Self { dir, addr, log, out, child }
    }

    /// Process id of the controller.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs another command on this node.
    pub fn run(&self, args: &[&str]) -> Output {
        run(self.dir.path(), args)
    }

    /// Starts another command on this node that runs until it is dropped.
    pub fn background(&self, args: &[&str]) -> Background {
        let mut command = Command::new(jackfield());
        Background::spawn(command.args(args).current_dir(self.dir.path()))
    }

    /// `status --json`; `None` while the node does not answer.
    pub fn status(&self) -> Option<Value> {
        let output = self.run(&["status", "--json"]);
        output.status.success().then(|| serde_json::from_slice(&output.stdout).expect("status is JSON"))
    }

    /// Waits until the status is as wanted.
    pub fn until(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until_within(DEADLINE, what, wanted)
    }

    /// The same where it may take longer.
    pub fn until_within(&self, limit: Duration, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + limit;
        loop {
            let status = self.status();
            if let Some(status) = status.as_ref().filter(|status| wanted(status)) {
                return status.clone();
            }
            let log = || self.log.all().join("\n");
            assert!(Instant::now() < end, "waited in vain for {what}; status: {status:#?}; log:\n{}", log());
        }
    }

    /// Waits until every process of every worker is ready.
    pub fn ready(&self) -> Value {
        self.until("all workers ready", |status| {
            let workers = status["workers"].as_array().unwrap().iter();
            let mut processes = workers.flat_map(|w| w["processes"].as_array().unwrap());
            assert!(processes.clone().all(|p| p["state"] != "failed"), "{:#?}", self.log.all());
            processes.all(|p| p["state"] == "ready")
        })
    }

    /// Sends the controller a signal.
    pub fn signal(&self, signal: Signal) {
        signal_pid(self.pid(), signal);
    }

    /// Waits for the controller's end.
    pub fn wait(&mut self) -> ExitStatus {
        let ended = wait_for_end(self.pid());
        assert!(ended, "the node does not end; log:\n{}", self.log.all().join("\n"));
        self.child.wait().unwrap()
    }

    /// Stops the node by SIGTERM and waits; panics unless it exits with code 0.
    pub fn stop(mut self) -> Vec<String> {
        self.signal(Signal::TERM);
        let status = self.wait();
        let log = self.log.all();
        assert!(status.success(), "{:?} {:?}\n{}", status.code(), status.signal(), log.join("\n"));
        log
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("log of the node:\n{}", self.log.all().join("\n"));
        }
    }
}

/// A program that runs beside the test; killed when it goes out of scope.
#[derive(Debug)]
pub struct Background {
    /// What it writes to standard output.
    pub out: Lines,
    child: Child,
}

impl Background {
    /// Runs it, with nothing to read, and follows what it writes.
    pub fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let spawned = command.spawn();
        let mut child = spawned.unwrap_or_else(|e| panic!("{}: {e}", command.get_program().display()));
        Self { out: Lines::follow(child.stdout.take().unwrap()), child }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until a process has ended; false at the deadline.
pub fn wait_for_end(pid: u32) -> bool {
    ends_within(pid, DEADLINE)
}

/// Whether a process has ended, or ends in this time; one that nobody has reaped yet has.
pub fn ends_within(pid: u32, time: Duration) -> bool {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return true };
    let limit = Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
    poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit)).unwrap() > 0
}

/// Sends a signal to a process that a test's node started.
pub fn signal_pid(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(pid, signal).expect("send a signal");
}
