//! Programs of others that take part in the tests.

use crate::{TempDir, until};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn output(command: &mut Command) -> Output {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("{name}: {e}; tests/run installs it"))
}

/// Runs `curl ARGS…`, with a time limit, and gives back what it printed. Panics when curl fails.
pub fn curl(args: &[&str]) -> String {
    let out = output(Command::new("curl").args(["-sS", "--max-time", "30", "--noproxy", "*"]).args(args));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "curl {args:?}: {}\n{text}", String::from_utf8_lossy(&out.stderr));
    text
}

/// Runs a script of `tests/clients` with the Python that has the clients' packages; panics when it fails.
pub fn python(script: &str, args: &[&str]) -> String {
    python_with(script, args, &[])
}

/// The Python that has the packages of the tests.
pub fn venv_python() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-venv/bin/python");
    std::env::var("JACKFIELD_TEST_PYTHON").map_or_else(|_| own(), PathBuf::from)
}

/// Where the packages for Node.js and for browsers are.
pub fn node_modules() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/test-node");
    std::env::var("JACKFIELD_TEST_NODE").map_or_else(|_| own(), PathBuf::from)
}

/// Runs a script of `tests/clients` with Node.js, which finds the clients' packages by the variable MODULES; panics when it
/// fails.
pub fn node_js(script: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let modules = node_modules();
    let out = output(
        Command::new("node")
            .arg(root.join("clients").join(script))
            .args(args)
            .env("MODULES", modules)
            .envs(env.iter().copied()),
    );
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{script} {args:?}\n{text}{}", String::from_utf8_lossy(&out.stderr));
    text
}

/// The same with variables in its environment.
pub fn python_with(script: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = output(
        Command::new(venv_python())
            .arg(root.join("clients").join(script))
            .args(args)
            .envs(env.iter().copied()),
    );
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{script} {args:?}\n{text}{}", String::from_utf8_lossy(&out.stderr));
    text
}

/// Opens a page in headless Chromium with a profile of its own: gives back the document after its scripts
/// ran, and leaves a picture at `screenshot`.
pub fn chromium(url: &str, screenshot: &Path) -> String {
    chromium_with(url, screenshot, &[])
}

/// The same with more arguments.
pub fn chromium_with(url: &str, screenshot: &Path, args: &[&str]) -> String {
    browse(url, screenshot, &[args, &["--virtual-time-budget=6000"]].concat())
}

/// What a page says once it is loaded with its images, by the clock of the wall: a page that has an image which is not
/// answered has time for WebSockets.
pub fn chromium_when_loaded(url: &str, screenshot: &Path) -> String {
    browse(url, screenshot, &[])
}

fn browse(url: &str, screenshot: &Path, args: &[&str]) -> String {
    let profile = TempDir::new();
    let profile_arg = format!("--user-data-dir={}", profile.path().display());
    let common = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--window-size=1100,1000",
        &profile_arg,
    ];
    let shot = format!("--screenshot={}", screenshot.display());
    let out = output(Command::new("chromium").args(common).args(args).args([&shot, "--dump-dom", url]));
    assert!(out.status.success(), "chromium: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Where a picture of a page is left, for people to look at.
pub fn screenshot(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    std::fs::create_dir_all(&dir).unwrap();
    dir.join(name)
}

/// nginx as a backend, in the foreground, killed when it goes out of scope.
#[derive(Debug)]
pub struct Nginx {
    /// Where it listens.
    pub addr: Ipv4Addr,
    dir: TempDir,
    child: Child,
}

impl Nginx {
    /// Serves the files of its [`root`](Self::root) on a port, and a Unix socket `nginx.sock` beside them.
    pub fn start(addr: Ipv4Addr, port: u16) -> Self {
        Self::start_with(addr, port, "")
    }

    /// The same with so many worker processes, which its first process replaces when they end.
    pub fn with_workers(addr: Ipv4Addr, port: u16, workers: u16) -> Self {
        Self::launch(addr, port, "", &format!("master_process on; worker_processes {workers}; user root;"))
    }

    /// The same with more `server` blocks; `DIR` in them stands for the directory above the root.
    pub fn start_with(addr: Ipv4Addr, port: u16, servers: &str) -> Self {
        Self::launch(addr, port, servers, "master_process off;")
    }

    /// Its worker processes.
    pub fn workers(&self) -> Vec<u32> {
        let list = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.child.id()));
        list.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }

    fn launch(addr: Ipv4Addr, port: u16, servers: &str, processes: &str) -> Self {
        let dir = TempDir::new();
        let path = dir.path().display();
        let servers = servers.replace("DIR", &path.to_string());
        let config = format!(
            "daemon off; {processes} pid {path}/pid; error_log {path}/error.log;
             events {{ worker_connections 1024; }}
             http {{ access_log off; client_body_temp_path {path}/b; proxy_temp_path {path}/p;
               fastcgi_temp_path {path}/f; uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;
               server {{ listen {addr}:{port}; listen unix:{path}/nginx.sock; root {path}/www; }} {servers} }}"
        );
        dir.write("nginx.conf", config);
        dir.write("www/index.html", "from nginx\n");
        let child = Command::new("/usr/sbin/nginx")
            .args(["-p", &path.to_string(), "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start nginx; tests/run installs it");
        let nginx = Self { addr, dir, child };
        until("nginx to listen", || TcpStream::connect((addr, port)).ok());
        nginx
    }

    /// The directory whose files it serves.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("www")
    }

    /// Its Unix socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("nginx.sock")
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its end is that of its workers, too.
        crate::signal_pid(self.child.id(), rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A copy of an example's directory.
pub fn example(name: &str) -> TempDir {
    let dir = TempDir::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name).join(".");
    let out = output(Command::new("cp").arg("-r").arg(from).arg(dir.path()));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let _ = std::fs::remove_dir_all(dir.path().join(".jackfield/run"));
    dir
}
