//! What a script says, on its way to the client.

use super::input::{Input, Wrong};
use crate::launcher::{Fate, Program};
use crate::log::SCRIPT;
use crate::net::idle::Activity;
use crate::web::engine::received::{Arrival, idle_for};
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use tracing::{debug, warn};

/// Bytes read at once.
const CHUNK: usize = 32 << 10;

/// After its last word, how long a script has to end before the client is told that this was all. One that was killed
/// in the middle has ended long before.
pub(super) const LAST_MOMENTS: Duration = Duration::from_secs(1);

/// A script that runs.
pub(super) struct Running {
    /// What to call it in the log.
    pub(super) name: String,
    pub(super) program: Program,
    pub(super) output: pipe::Receiver,
    pub(super) input: Input,
    pub(super) activity: Rc<Activity>,
    /// What becomes of the client's content.
    pub(super) arrival: Option<Rc<Arrival>>,
    pub(super) timeout: Duration,
    pub(super) _permit: OwnedSemaphorePermit,
}

/// What becomes of a script before it has said all.
pub(super) enum Event {
    /// So many bytes more; 0: this was all.
    Said(usize),
    Failed(io::Error),
    Late,
    /// The client's content is not as it should be.
    Wrong(Wrong),
}

impl Running {
    /// Waits for more output.
    pub(super) async fn read(&mut self, into: &mut BytesMut) -> Event {
        into.reserve(CHUNK);
        let said = tokio::select! {
            biased;
            said = self.output.read_buf(into) => said,
            wrong = self.input.wrong() => return Event::Wrong(wrong),
            () = idle_for(&self.activity, self.arrival.as_deref(), self.timeout) => return Event::Late,
        };
        self.activity.touch();
        said.map_or_else(Event::Failed, Event::Said)
    }

    /// Carries output to `client`, until there is no more or the client leaves; then the script is ended. `left` bytes
    /// are the content, if the script has said how many; `first` has been read already.
    pub(super) async fn carry(mut self, mut first: BytesMut, mut left: Option<u64>, client: Sender) {
        let silent = self.timeout.as_secs_f64();
        loop {
            if !first.is_empty() {
                let mut chunk = first.split().freeze();
                if let Some(left) = &mut left {
                    chunk.truncate(usize::try_from(*left).unwrap_or(usize::MAX).min(chunk.len()));
                    *left -= chunk.len() as u64;
                }
                if !chunk.is_empty() && !client.send(Ok(chunk)).await {
                    return;
                }
                self.activity.touch();
            }
            let problem = tokio::select! {
                biased;
                () = client.gone() => return,
                event = self.read(&mut first) => match event {
                    Event::Said(0) => break,
                    Event::Said(_) => continue,
                    Event::Failed(e) => e.to_string(),
                    Event::Late => format!("it has said nothing for {silent} s (`timeout`) and is ended"),
                    Event::Wrong(Wrong::TooLong) => "the request is longer than `max_body_size`".into(),
                    Event::Wrong(Wrong::Fault(_)) => {
                        debug!("{}: the request's content broke off; so does the answer", self.name);
                        client.send(Err(io::Error::other("the request's content broke off"))).await;
                        return;
                    }
                },
            };
            warn!("{}: {problem}; the answer is broken off", self.name);
            client.send(Err(io::Error::other(problem))).await;
            return;
        }
        let ended = timeout(LAST_MOMENTS, self.program.ended()).await.ok();
        match &ended {
            Some(fate @ (Fate::Killed(_) | Fate::Lost)) => {
                warn!("{}: {fate}; the answer is broken off", self.name);
                client.send(Err(io::Error::other("the script was killed"))).await;
            }
            Some(fate) if *fate != Fate::Exited(0) => warn!("{}: {fate}", self.name),
            _ => {}
        }
        if left.is_some_and(|left| left > 0) {
            warn!("{}: its content is shorter than its Content-Length", self.name);
            client.send(Err(io::Error::other("the script said less than it promised"))).await;
        }
        drop(client);
        if ended.is_none() {
            self.activity.touch();
            tokio::select! {
                _ = self.program.ended() => {}
                () = self.activity.idle_for(self.timeout) => {
                    warn!("{}: it goes on {silent} s (`timeout`) after its answer and is ended", self.name);
                }
            }
        }
    }
}

/// Where output goes: to a client, or nowhere.
#[derive(Debug)]
pub(super) struct Sender(Option<mpsc::Sender<io::Result<Bytes>>>);

impl Sender {
    /// Throws everything away.
    pub(super) const fn nowhere() -> Self {
        Self(None)
    }

    async fn send(&self, chunk: io::Result<Bytes>) -> bool {
        match &self.0 {
            Some(client) => client.send(chunk).await.is_ok(),
            None => true,
        }
    }

    async fn gone(&self) {
        match &self.0 {
            Some(client) => client.closed().await,
            None => std::future::pending().await,
        }
    }
}

/// The content of a script's answer.
#[derive(Debug)]
pub(crate) struct Output {
    chunks: Option<mpsc::Receiver<io::Result<Bytes>>>,
    /// Bytes to come, as far as the script has said.
    left: Option<u64>,
}

impl Output {
    /// Of this length, if it is known.
    pub(super) fn new(length: Option<u64>) -> (Sender, Self) {
        let (sender, chunks) = mpsc::channel(1);
        (Sender(Some(sender)), Self { chunks: Some(chunks), left: length })
    }

    /// Nothing, where it isn't asked for.
    pub(super) const fn none() -> Self {
        Self { chunks: None, left: None }
    }
}

impl Body for Output {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(chunks) = &mut self.chunks else { return Poll::Ready(None) };
        let poll = chunks.poll_recv(cx);
        if let (Some(left), Poll::Ready(Some(Ok(chunk)))) = (&mut self.left, &poll) {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        poll.map(|chunk| chunk.map(|bytes| bytes.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// What a script writes to standard error, line by line to the log.
pub(super) async fn log_errors(name: String, mut errors: pipe::Receiver) {
    /// Bytes of a line; the rest is another one.
    const LONGEST: usize = 4 << 10;
    let mut bytes = BytesMut::new();
    let log = |line: &[u8]| {
        let line = String::from_utf8_lossy(line.trim_ascii_end());
        let plain: String =
            line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
        warn!(target: SCRIPT, "{name}: {plain}");
    };
    loop {
        while let Some(end) = bytes.iter().position(|&b| b == b'\n') {
            log(&bytes.split_to(end + 1));
        }
        if bytes.len() >= LONGEST {
            log(&bytes.split());
        }
        bytes.reserve(LONGEST);
        if !matches!(errors.read_buf(&mut bytes).await, Ok(1..)) {
            break;
        }
    }
    if !bytes.is_empty() {
        log(&bytes);
    }
}
