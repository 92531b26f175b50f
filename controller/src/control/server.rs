//! The controller's side: accepts, checks who it is, reads one request and writes what the supervisor
//! answers.

use super::frame::{MAX_REQUEST, encode, read_line};
use super::{Address, Envelope, Request, Response, SOCKET, VERSION};
use crate::logs::FOLLOWER_QUEUE;
use interprocess::local_socket::ListenerOptions;
use interprocess::local_socket::tokio::{Listener, Stream, prelude::*};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use rustix::process::geteuid;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_local;
use tokio::time::timeout;

/// How long a client may take to say what it wants.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// Most clients at a time; more have to wait.
const MAX_CLIENTS: usize = 64;

/// A request and where its responses go.
#[derive(Debug)]
pub(crate) struct Call {
    /// What is wanted.
    pub request: Request,
    /// Where the responses go; closed when the client is gone.
    pub responses: mpsc::Sender<Response>,
}

/// The listening control socket.
#[derive(Debug)]
pub(crate) struct Server {
    listener: Listener,
    path: PathBuf,
    // Keeps the directory's descriptor open that a short name may consist of.
    _address: Address,
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that stays is removed by the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Server {
    /// Binds the socket in the runtime directory, in place of one that a killed controller left there.
    ///
    /// The caller holds the lock on the directory: whatever is at the path belongs to nobody. Needs a tokio
    /// runtime.
    ///
    /// # Errors
    /// As bind(2) and unlink(2).
    pub(crate) fn bind(run_dir: &Path) -> io::Result<Self> {
        let path = run_dir.join(SOCKET);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let address = Address::new(run_dir)?;
        let options = ListenerOptions::new().name(address.name()?).mode(0o600).reclaim_name(false);
        let listener = options.create_tokio()?;
        Ok(Self { listener, path, _address: address })
    }

    /// Serves clients for ever.
    pub(crate) async fn serve(self, calls: mpsc::Sender<Call>) {
        let places = Arc::new(Semaphore::new(MAX_CLIENTS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            match self.listener.accept().await {
                Ok(stream) => {
                    let calls = calls.clone();
                    spawn_local(async move {
                        // A client that goes away needs no answer.
                        let _ = converse(stream, calls).await;
                        drop(place);
                    });
                }
                // No descriptors or no memory: the next one may have more luck, but not at once.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// Only the node's user and root may command the node; the socket's mode says so, and so does this.
fn is_allowed(stream: &Stream) -> bool {
    let euid = stream.peer_creds().ok().and_then(|creds| creds.euid());
    euid.is_some_and(|euid| euid == 0 || euid == geteuid().as_raw())
}

async fn converse(stream: Stream, calls: mpsc::Sender<Call>) -> io::Result<()> {
    let allowed = is_allowed(&stream);
    let (mut reader, mut writer) = (BufReader::new(&stream), &stream);
    if !allowed {
        let refusal = "only the user who runs the node, and root, may command it";
        return send(&mut writer, &Response::Error(refusal.into())).await;
    }
    let request = match timeout(REQUEST_TIME, read_line(&mut reader, MAX_REQUEST)).await {
        Ok(Ok(Some(line))) => parse(&line),
        Ok(Ok(None)) => return Ok(()),
        Ok(Err(e)) => Err(format!("the request can't be read: {e}")),
        Err(_) => Err("no request came".into()),
    };
    match request {
        Ok(request) => answer(request, calls, reader, writer).await,
        Err(reason) => send(&mut writer, &Response::Error(reason)).await,
    }
}

fn parse(line: &[u8]) -> Result<Request, String> {
    let envelope: Envelope = serde_json::from_slice(line).map_err(|e| format!("not a request: {e}"))?;
    if envelope.version != VERSION {
        return Err(format!(
            "the node speaks version {VERSION} of the control protocol, this command version {}: use the \
             release of jackfield that the node was started with",
            envelope.version
        ));
    }
    serde_json::from_value(envelope.request).map_err(|e| format!("not a request: {e}"))
}

async fn answer(
    request: Request,
    calls: mpsc::Sender<Call>,
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (responses, mut answers) = mpsc::channel(FOLLOWER_QUEUE);
    if calls.send(Call { request, responses }).await.is_err() {
        return send(&mut writer, &Response::Error("the node is ending".into())).await;
    }
    drop(calls);
    let mut ignored = [0; 64];
    loop {
        tokio::select! {
            answer = answers.recv() => match answer {
                Some(response) => {
                    send(&mut writer, &response).await?;
                    // Dropping the queue tells who waits for it that the last word is written.
                    if response.is_last() {
                        return Ok(());
                    }
                }
                None => return Ok(()),
            },
            // A client says nothing more; the end of its stream means that it is gone.
            read = reader.read(&mut ignored) => if read? == 0 { return Ok(()) },
        }
    }
}

async fn send(to: &mut (impl AsyncWrite + Unpin), response: &Response) -> io::Result<()> {
    to.write_all(&encode(response)?).await
}
