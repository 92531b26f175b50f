//! Carries bytes between two connections, with as little as possible per connection: bytes pass through the
//! process's scratch buffer, and a long transfer through a pipe inside of the kernel (splice(2)). A connection
//! on which nothing moves owns neither.

use super::backlog::{Backlog, Scratch, poll_read};
use super::idle::Activity;
use super::pipes::{Pipe, Pipes, is_unsupported};
use super::stream::Stream;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest};

/// What is read at once from a sender whose receiver has not shown that it keeps up.
const LEAST_CHUNK: usize = 16 << 10;
/// A read of so much counts as part of a long transfer.
const BULKY: usize = 8 << 10;
/// A transfer that has moved so much goes on by splice(2).
const LONG: usize = 1 << 20;
/// Reads of one direction before other tasks get a turn.
const TURN: usize = 8;

/// What all relayed connections of the process share.
#[derive(Debug)]
pub(crate) struct Tools<'a> {
    pub(crate) scratch: &'a Scratch,
    pub(crate) pipes: &'a Pipes,
}

/// An end of what is carried.
pub(crate) trait End: AsyncRead + AsyncWrite + Unpin {
    /// The socket, if the bytes on it are those of this end: the kernel can carry them.
    fn socket(&self) -> Option<&Stream>;
}

impl End for Stream {
    fn socket(&self) -> Option<&Stream> {
        self.is_plain().then_some(self)
    }
}

/// Carries bytes in both directions until both have ended, or nothing has moved for `idle_timeout` (zero: no
/// limit). An end on one side is passed on as an end on the other, a reset as a reset.
pub(crate) async fn pump<E: End>(
    client: &mut E,
    backend: &mut E,
    tools: Tools<'_>,
    idle_timeout: Duration,
) -> io::Result<()> {
    let activity = Activity::new();
    let spliceable = client.socket().is_some() && backend.socket().is_some();
    let (mut up, mut down) = (Direction::new(spliceable), Direction::new(spliceable));
    let carry = poll_fn(|cx| {
        let (before_up, before_down) = (up.moves, down.moves);
        let ended_up = up.poll(cx, client, backend, &tools, down.has_ended())?;
        let ended_down = down.poll(cx, backend, client, &tools, up.has_ended())?;
        if before_up != up.moves || before_down != down.moves {
            activity.touch();
        }
        if ended_up.is_ready() && ended_down.is_ready() {
            return Poll::Ready(io::Result::Ok(()));
        }
        Poll::Pending
    });
    let result = tokio::select! {
        biased;
        result = carry => result,
        () = activity.idle_for(idle_timeout) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("nothing moved for {} s (`idle_timeout`)", idle_timeout.as_secs_f64()),
        )),
    };
    if result
        .as_ref()
        .is_err_and(|e| matches!(e.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe))
    {
        // Who was in the middle of something is not to take this for its end.
        [client.socket(), backend.socket()].into_iter().flatten().for_each(Stream::reset_when_closed);
    }
    result
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The sender has ended; the receiver is to be told once it has everything.
    Ending,
    Ended,
}

/// One direction of a relayed connection.
#[derive(Debug)]
struct Direction {
    state: State,
    /// What the receiver doesn't take yet, as bytes or in a pipe.
    backlog: Backlog,
    pipe: Option<Pipe>,
    /// What is read at once.
    chunk: usize,
    /// How much was read lately by long reads; small ones wear it off.
    bulk: usize,
    /// Whether the kernel splices here.
    spliceable: bool,
    /// Counts reads and writes.
    moves: u64,
}

impl Direction {
    const fn new(spliceable: bool) -> Self {
        Self {
            state: State::Open,
            backlog: Backlog::EMPTY,
            pipe: None,
            chunk: LEAST_CHUNK,
            bulk: 0,
            spliceable,
            moves: 0,
        }
    }

    fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Moves what can be moved; ready when the direction has ended and the receiver knows, or will by `closing`: both
    /// are closed then, which on a socket says the same.
    fn poll<E: End>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut E,
        to: &mut E,
        tools: &Tools<'_>,
        closing: bool,
    ) -> Poll<io::Result<()>> {
        for _ in 0..TURN {
            ready!(self.poll_flush(cx, to, tools.pipes))?;
            match self.state {
                State::Open => {
                    let by_kernel = from.socket().filter(|_| self.spliceable && self.bulk >= LONG);
                    let count = match by_kernel {
                        Some(socket) => ready!(self.poll_splice(cx, socket, tools.pipes))?,
                        None => ready!(self.poll_pass(cx, from, to, tools.scratch))?,
                    };
                    match count {
                        Some(0) => self.state = State::Ending,
                        Some(count) => self.note(count),
                        None => {}
                    }
                }
                State::Ending => {
                    if !(closing && to.socket().is_some()) {
                        ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                    }
                    self.state = State::Ended;
                }
                State::Ended => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn note(&mut self, count: usize) {
        self.moves += 1;
        self.bulk = if count >= BULKY { (self.bulk + count).min(2 * LONG) } else { self.bulk / 2 };
    }

    /// Writes what the receiver had not taken.
    fn poll_flush<E: End>(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut E,
        pipes: &Pipes,
    ) -> Poll<io::Result<()>> {
        if let (Some(pipe), Some(socket)) = (&mut self.pipe, to.socket()) {
            while pipe.filled > 0 {
                ready!(socket.poll_write_ready(cx))?;
                match socket.try_io(Interest::WRITABLE, || pipe.drain(socket.fd())) {
                    Ok(()) => self.moves += 1,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                    Err(e) if is_unsupported(&e) => {
                        self.spliceable = false;
                        self.backlog = pipe.empty()?.into();
                    }
                    Err(e) => return Poll::Ready(Err(e)),
                }
            }
            if let Some(pipe) = self.pipe.take() {
                pipes.give(pipe);
            }
        }
        if !self.backlog.is_empty() {
            ready!(self.backlog.poll_flush(cx, to))?;
            self.moves += 1;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads into the scratch buffer and writes on; the number of bytes read.
    fn poll_pass<E: End>(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut E,
        to: &mut E,
        scratch: &Scratch,
    ) -> Poll<io::Result<Option<usize>>> {
        let mut scratch = scratch.borrow();
        let count = ready!(poll_read(cx, from, &mut scratch[..self.chunk]))?;
        match self.backlog.poll_pass(cx, to, &scratch[..count]) {
            Poll::Ready(result) => result?,
            // The rest is kept; what is read ahead of a slow receiver stays small.
            Poll::Pending => self.chunk = LEAST_CHUNK,
        }
        if count == self.chunk {
            self.chunk = (2 * self.chunk).min(Scratch::SIZE);
        }
        Poll::Ready(Ok(Some(count)))
    }

    /// Moves bytes into a pipe; their number, or `None` if there can't be a pipe here.
    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        from: &Stream,
        pipes: &Pipes,
    ) -> Poll<io::Result<Option<usize>>> {
        loop {
            ready!(from.poll_read_ready(cx))?;
            let Ok(mut pipe) = pipes.take() else {
                self.spliceable = false; // out of descriptors
                return Poll::Ready(Ok(None));
            };
            match from.try_io(Interest::READABLE, || pipe.fill(from.fd())) {
                Ok(0) => {
                    pipes.give(pipe);
                    return Poll::Ready(Ok(Some(0)));
                }
                Ok(count) => {
                    self.pipe = Some(pipe);
                    return Poll::Ready(Ok(Some(count)));
                }
                Err(e) => {
                    pipes.give(pipe);
                    if is_unsupported(&e) {
                        self.spliceable = false;
                        return Poll::Ready(Ok(None));
                    }
                    if e.kind() != io::ErrorKind::WouldBlock {
                        return Poll::Ready(Err(e));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
