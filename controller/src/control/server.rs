//! The controller's side: accepts, checks who it is, reads one request and writes what the supervisor
//! answers.

use super::frame::{MAX_REQUEST, encode, read_line};
use super::{Address, Envelope, Peer, Request, Response, SOCKET, VERSION};
use crate::allowance::Allowance;
use crate::entry::Entry;
use interprocess::local_socket::ListenerOptions;
use interprocess::local_socket::tokio::{Listener, Stream, prelude::*};
use interprocess::os::unix::local_socket::ListenerOptionsExt as _;
use interprocess::os::unix::uds_local_socket::tokio::Listener as UnixSocketListener;
use rustix::net::listen;
use rustix::process::geteuid;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, spawn_local};
use tokio::time::{sleep, timeout};

/// How long a client may take to say what it wants.
const REQUEST_TIME: Duration = Duration::from_secs(10);
/// Most clients at a time whose requests are being answered.
const MAX_CLIENTS: usize = 64;
/// Most clients that have not said yet what they want: for one more, the one that has been silent for longest goes.
const MAX_SILENT: usize = 64;
/// Connections that are taken at once, and in a second: whoever makes them without end does not keep the node busy.
const CONNECTIONS: (u32, u32) = (128, 256);
/// Most connections that wait to be accepted. A short queue, so that a command waits behind few of somebody's who makes
/// them without end; whoever finds it full waits for their turn in connect(2).
const BACKLOG: i32 = 16;

/// Responses that wait for a client: a reader of the log, above all, may be behind by so many records.
pub(crate) const QUEUE: usize = 8192;

/// A request and where its responses go.
#[derive(Debug)]
pub(crate) struct Call {
    /// What is wanted.
    pub request: Request,
    /// Where the responses go; closed when the client is gone.
    pub responses: mpsc::Sender<Response>,
    /// The connection, where the answer may have to come from another image of the executable.
    pub connection: Option<OwnedFd>,
    /// Who wants it; absent: the node itself.
    pub peer: Option<Peer>,
}

/// Clients that have not said yet what they want, the one that has waited for longest first.
type Silent = Rc<RefCell<VecDeque<(u64, AbortHandle)>>>;

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
        let _ = Entry::at(&self.path).and_then(|entry| entry.remove());
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
        match Entry::at(&path)?.remove() {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let address = Address::new(run_dir)?;
        let options = ListenerOptions::new().name(address.name()?).mode(0o600).reclaim_name(false);
        let listener = options.create_tokio()?;
        let Listener::UdSocket(socket) = &listener;
        listen(socket.as_fd(), BACKLOG)?;
        Ok(Self { listener, path, _address: address })
    }

    /// The socket that another image of the executable has bound in this process.
    ///
    /// # Errors
    /// When it can't be registered with the runtime.
    pub(crate) fn listener(socket: OwnedFd) -> io::Result<Listener> {
        UnixSocketListener::try_from(socket).map(Listener::from)
    }

    /// The same in its directory.
    ///
    /// # Errors
    /// When the directory has a long path and can't be opened.
    pub(crate) fn restore(run_dir: &Path, listener: Listener) -> io::Result<Self> {
        Ok(Self { listener, path: run_dir.join(SOCKET), _address: Address::new(run_dir)? })
    }

    /// A duplicate of the socket.
    ///
    /// # Errors
    /// When no descriptors are left.
    pub(crate) fn socket(&self) -> io::Result<OwnedFd> {
        let Listener::UdSocket(listener) = &self.listener;
        listener.as_fd().try_clone_to_owned()
    }

    /// Serves clients for ever.
    pub(crate) async fn serve(self, calls: mpsc::Sender<Call>) {
        let places = Rc::new(Semaphore::new(MAX_CLIENTS));
        let silent = Silent::default();
        let mut allowance = Allowance::new(CONNECTIONS.0, CONNECTIONS.1, Instant::now());
        for number in 0.. {
            match self.listener.accept().await {
                Ok(stream) => {
                    let (calls, places, heard) = (calls.clone(), Rc::clone(&places), Rc::clone(&silent));
                    let task = spawn_local(async move {
                        let has_spoken = || heard.borrow_mut().retain(|(silent, _)| *silent != number);
                        // A client that goes away needs no answer.
                        let _ = converse(&stream, calls, &places, has_spoken).await;
                        has_spoken();
                    });
                    let mut silent = silent.borrow_mut();
                    if silent.len() >= MAX_SILENT
                        && let Some((_, longest)) = silent.pop_front()
                    {
                        longest.abort();
                    }
                    silent.push_back((number, task.abort_handle()));
                }
                // No descriptors or no memory: the next one may have more luck, but not at once.
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
            sleep(allowance.take(Instant::now())).await;
        }
    }
}

/// The client, if it is one who may command the node: its user, or root. The socket's mode says so, and so does this.
fn allowed(stream: &Stream) -> Option<Peer> {
    let Stream::UdSocket(socket) = stream;
    Peer::of(&socket.as_fd()).ok().filter(|peer| peer.uid == 0 || peer.uid == geteuid().as_raw())
}

async fn converse(
    stream: &Stream,
    calls: mpsc::Sender<Call>,
    places: &Semaphore,
    has_spoken: impl Fn(),
) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    let Some(peer) = allowed(stream) else {
        let refusal = "only the user who runs the node, and root, may command it";
        return send(&mut writer, &Response::Error(refusal.into())).await;
    };
    let request = match timeout(REQUEST_TIME, read_line(&mut reader, MAX_REQUEST)).await {
        Ok(Ok(Some(line))) => parse(&line),
        Ok(Ok(None)) => return Ok(()),
        Ok(Err(e)) => Err(format!("the request can't be read: {e}")),
        Err(_) => Err("no request came".into()),
    };
    has_spoken();
    let Ok(_place) = places.try_acquire() else {
        let refusal =
            format!("{MAX_CLIENTS} commands are being carried out already; try again when one is done");
        return send(&mut writer, &Response::Error(refusal)).await;
    };
    match request {
        Ok(request) => {
            let outlives = matches!(request, Request::Upgrade { .. });
            let Stream::UdSocket(socket) = stream;
            let connection = if outlives { Some(socket.as_fd().try_clone_to_owned()?) } else { None };
            answer((request, connection, peer), calls, reader, writer).await
        }
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

/// Goes on with the answer to a request that another image of the executable has read.
pub(crate) async fn go_on_answering(connection: OwnedFd, mut answers: mpsc::Receiver<Response>) {
    let connection = std::os::unix::net::UnixStream::from(connection);
    let Ok(mut stream) = connection.set_nonblocking(true).and_then(|()| UnixStream::from_std(connection))
    else {
        return;
    };
    while let Some(response) = answers.recv().await {
        if send(&mut stream, &response).await.is_err() || response.is_last() {
            return;
        }
    }
}

async fn answer(
    (request, connection, peer): (Request, Option<OwnedFd>, Peer),
    calls: mpsc::Sender<Call>,
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (responses, mut answers) = mpsc::channel(QUEUE);
    if calls.send(Call { request, responses, connection, peer: Some(peer) }).await.is_err() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{Client, ConnectError};
    use jackfield_shared::log::{Level, Record};
    use jackfield_tests::TempDir;
    use std::io::{BufRead as _, BufReader as SyncReader, Write as _};
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::net::UnixStream;
    use tokio::runtime::{Builder, LocalOptions};
    use tokio::task::spawn_blocking;

    /// Serves in `run_dir` while `client` runs in a thread; `answer` is called for each request.
    fn serving<T: Send + 'static>(
        run_dir: &Path,
        answer: impl Fn(Call) + 'static,
        client: impl FnOnce() -> T + Send + 'static,
    ) -> T {
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
        runtime.block_on(async {
            let server = Server::bind(run_dir).unwrap();
            let (calls, mut called) = mpsc::channel(8);
            spawn_local(server.serve(calls));
            spawn_local(async move {
                while let Some(call) = called.recv().await {
                    answer(call);
                }
            });
            spawn_blocking(client).await.unwrap()
        })
    }

    #[test]
    fn several_responses_then_the_end() {
        let temp = TempDir::new();
        let dir = temp.path().to_owned();
        let answer = |call: Call| {
            assert!(matches!(call.request, Request::Stop { timeout_s: Some(2.5) }));
            for response in [Response::Progress("a".into()), Response::Dropped(3), Response::Done] {
                call.responses.try_send(response).unwrap();
            }
        };
        let responses = serving(temp.path(), answer, move || {
            let mut client = Client::connect(&dir).unwrap();
            assert_eq!(client.controller_pid().unwrap(), std::process::id().cast_signed());
            client.send(&Request::Stop { timeout_s: Some(2.5) }).unwrap();
            let next = || client.next().unwrap().map(|response| format!("{response:?}"));
            std::iter::from_fn(next).collect::<Vec<_>>()
        });
        assert_eq!(responses, ["Progress(\"a\")", "Dropped(3)", "Done"]);
        assert!(!temp.path().join(SOCKET).exists(), "removed in the end");
    }

    #[test]
    fn whatever_is_no_request_gets_an_error() {
        let temp = TempDir::new();
        let path = temp.path().join(SOCKET);
        let unused = |call: Call| panic!("{call:?}");
        let answers = serving(temp.path(), unused, move || {
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let long = [vec![b'x'; MAX_REQUEST + 1], b"\n".to_vec()].concat();
            [
                &b"hello\n"[..],
                b"{\"version\":9,\"request\":{}}\n",
                b"{\"version\":1,\"request\":\"dance\"}\n",
                &long,
            ]
            .map(|bytes| {
                let mut stream = UnixStream::connect(&path).unwrap();
                // The server may answer and close before it has read everything.
                let _ = stream.write_all(bytes);
                let mut line = String::new();
                SyncReader::new(stream).read_line(&mut line).unwrap();
                line
            })
        });
        for (answer, expected) in answers.iter().zip(["not a request", "version 1", "dance", "65536"]) {
            assert!(answer.starts_with("{\"error\":") && answer.contains(expected), "{answer}");
        }
    }

    #[test]
    fn a_client_that_goes_away_closes_its_queue() {
        let temp = TempDir::new();
        let dir = temp.path().to_owned();
        let (gone, was_gone) = std::sync::mpsc::channel();
        let answer = move |call: Call| {
            let gone = gone.clone();
            call.responses.try_send(Response::Record(Record::now(Level::Info, "x"))).unwrap();
            spawn_local(async move {
                call.responses.closed().await;
                gone.send(()).unwrap();
            });
        };
        serving(temp.path(), answer, move || {
            let mut client = Client::connect(&dir).unwrap();
            client.send(&Request::Status).unwrap();
            client.next().unwrap().unwrap();
            drop(client);
            was_gone.recv().unwrap();
        });
    }

    #[test]
    fn silent_clients_keep_nobody_out() {
        let temp = TempDir::new();
        let (dir, path) = (temp.path().to_owned(), temp.path().join(SOCKET));
        let answer = |call: Call| call.responses.try_send(Response::Done).unwrap();
        serving(temp.path(), answer, move || {
            let silent: Vec<_> = (0..MAX_SILENT * 3).map(|_| UnixStream::connect(&path).unwrap()).collect();
            for _ in 0..3 {
                let mut client = Client::connect(&dir).unwrap();
                client.limit(Duration::from_secs(20)).unwrap();
                client.send(&Request::Status).unwrap();
                assert!(matches!(client.next().unwrap(), Some(Response::Done)));
            }
            // The first has been silent for longest.
            let mut answer = String::new();
            SyncReader::new(&silent[0]).read_line(&mut answer).unwrap();
            assert_eq!(answer, "");
        });
    }

    #[test]
    fn nobody_listens_or_only_a_dead_socket_is_there() {
        let temp = TempDir::new();
        assert!(matches!(Client::connect(temp.path()), Err(ConnectError::NoNode)));
        assert!(matches!(Client::connect(&temp.path().join("missing")), Err(ConnectError::NoNode)));
        drop(std::os::unix::net::UnixListener::bind(temp.path().join(SOCKET)).unwrap());
        assert!(matches!(Client::connect(temp.path()), Err(ConnectError::NoNode)));
        serving(temp.path(), |_| {}, || {});
    }
}
