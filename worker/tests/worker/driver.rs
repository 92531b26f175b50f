//! Stands in for the controller: binds sockets, hands them over, listens to what the worker says.

use jackfield_shared::config;
use jackfield_shared::ipc::{
    self, Counters, FromWorker, NodeInfo, Part, Plan, Receiver, Sender, Slot, ToWorker,
};
use jackfield_shared::log::{Level, Record};
use jackfield_shared::status::NodeState;
use jackfield_shared::tls::Files;
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread::JoinHandle;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A worker and the controller's end of its IPC connection.
pub(crate) struct Worker {
    pub(crate) to: Sender<ToWorker>,
    pub(crate) from: Receiver<FromWorker>,
    /// Where each transport of the plan listens, in order.
    pub(crate) addresses: Vec<SocketAddr>,
    thread: JoinHandle<ExitCode>,
}

/// A worker that has been given nothing yet.
pub(crate) fn spawn() -> Worker {
    let (ours, theirs) = ipc::pair().unwrap();
    let (to, from) = ipc::split(ours).unwrap();
    let thread = std::thread::spawn(move || jackfield_worker::run(theirs));
    Worker { to, from, addresses: Vec::new(), thread }
}

/// The first worker of a node with these transports, `endpoint` of which may say all but where it is.
fn configured(mut transports: Value) -> config::Worker {
    for (i, transport) in transports.as_array_mut().unwrap().iter_mut().enumerate() {
        let endpoint = transport.as_object_mut().unwrap().entry("endpoint").or_insert_with(|| json!({}));
        endpoint["type"] = json!("tcp");
        endpoint["port"] = json!(i + 1); // never bound: the sockets are handed over
    }
    let text = json!({"version": 2, "workers": [{"type": "router", "transports": transports}]}).to_string();
    let loaded = config::parse(&text, config::Format::Json, "test", Path::new("/"), &|_| None);
    let node = loaded.node.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
    node.workers.into_iter().next().unwrap()
}

/// A plan with these transports, each of which gets a socket on a port of 127.0.0.1.
pub(crate) fn plan(transports: Value) -> (Plan, Vec<OwnedFd>, Vec<SocketAddr>) {
    let worker = configured(transports);
    let mut sockets = Vec::new();
    let mut addresses = Vec::new();
    let mut slots = Vec::new();
    for transport in worker.transports() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inode = rustix::fs::fstat(&listener).unwrap().st_ino;
        slots.push(Slot { transport: transport.id.clone(), address: format!("tcp://{address}"), inode });
        addresses.push(address);
        sockets.push(listener.into());
    }
    let node = NodeInfo { id: "node001".into(), pid: 1, version: "0.1.0".into(), dir: "/".into() };
    let plan = Plan {
        arti: false,
        turn: false,
        part: Part::Both,
        node,
        node_state: NodeState::Ready,
        worker,
        process: 0,
        log_level: Level::Debug,
        slots,
        hold: false,
        tls_files: Files::default(),
        node_key: None,
        ticket_keys: None,
        drained: Vec::new(),
        challenges: Vec::new(),
    };
    (plan, sockets, addresses)
}

impl Worker {
    /// A worker that serves these transports.
    pub(crate) async fn serving(transports: Value) -> Self {
        let (plan, sockets, addresses) = plan(transports);
        let mut worker = spawn();
        worker.start(plan, &sockets).await;
        worker.addresses = addresses;
        worker.until(|message| matches!(message, FromWorker::Ready)).await;
        worker
    }

    pub(crate) async fn start(&mut self, plan: Plan, sockets: &[OwnedFd]) {
        let fds: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
        self.to.send(&ToWorker::Start(Box::new(plan)), &fds).await.unwrap();
    }

    /// The first message that `wanted` is true of.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&FromWorker) -> bool) -> FromWorker {
        loop {
            let (message, _) = self.from.recv().await.unwrap().expect("the worker ended");
            if wanted(&message) {
                return message;
            }
        }
    }

    /// The first log record that contains `text`.
    pub(crate) async fn logs(&mut self, text: &str) -> Record {
        let found = |message: &FromWorker| matches!(message, FromWorker::Log(r) if r.message.contains(text));
        match self.until(found).await {
            FromWorker::Log(record) => record,
            _ => unreachable!(),
        }
    }

    /// What the worker has counted.
    pub(crate) async fn counters(&mut self) -> Counters {
        self.to.send(&ToWorker::Ping { seq: 7 }, &[]).await.unwrap();
        match self.until(|message| matches!(message, FromWorker::Pong { seq: 7, .. })).await {
            FromWorker::Pong { counters, .. } => counters,
            _ => unreachable!(),
        }
    }

    pub(crate) async fn drain(&mut self, timeout_ms: u64) {
        self.to
            .send(&ToWorker::Drain { timeout_ms, retired: Vec::new(), sessions_stay: false }, &[])
            .await
            .unwrap();
    }

    /// A connection to the first transport.
    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.addresses[0]).await.unwrap()
    }

    /// A connection to the first transport on which `bytes` have been sent.
    pub(crate) async fn say(&self, bytes: impl AsRef<[u8]>) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        stream
    }

    /// Everything the first transport answers to `bytes`, until it closes.
    pub(crate) async fn answer(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.say(bytes).await;
        let mut got = Vec::new();
        stream.read_to_end(&mut got).await.unwrap();
        String::from_utf8(got).unwrap()
    }

    /// The answer to a GET request with these header lines.
    pub(crate) async fn get(&self, path: &str, headers: &str) -> String {
        self.answer(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n")).await
    }

    /// Waits for the end; whether it was a good one.
    pub(crate) async fn ended(mut self) -> bool {
        while let Ok(Some(_)) = self.from.recv().await {}
        let code = tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
        code == ExitCode::SUCCESS
    }

    /// The controller's death; whether the worker ended well.
    pub(crate) async fn orphaned(self) -> bool {
        drop((self.to, self.from));
        let code = tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
        code == ExitCode::SUCCESS
    }
}

/// A directory that is removed with everything in it.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("jackfield-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads until `end` has come.
pub(crate) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        got.push(stream.read_u8().await.unwrap_or_else(|e| panic!("{e} after {}", got.escape_ascii())));
    }
    String::from_utf8(got).unwrap()
}

/// The peer's bytes until it closes, which may be by a reset.
pub(crate) async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    let _ = stream.read_to_end(&mut got).await;
    got
}
