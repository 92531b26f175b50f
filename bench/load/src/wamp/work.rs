//! Calls, events and sessions, in a closed loop.

use super::framing::Found;
use super::protocol::{Part, Protocol, Step};
use super::{WampArgs, Work};
use crate::Outcome;
use jackfield_wamp::Payload;
use serde_json::json;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io::Read;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::task::{LocalSet, spawn_local};

/// Seconds that the last answers may take.
const PATIENCE: f64 = 20.0;

/// Read at once.
const CHUNK: usize = 256 << 10;

/// Sessions that are opened at a time.
const OPENING: u64 = 8;

/// What clients share.
#[derive(Debug)]
struct Common {
    args: WampArgs,
    /// Messages that have come.
    came: Cell<u64>,
    /// How many the sender waits for.
    wanted: Cell<u64>,
    more: Notify,
    until: Instant,
}

impl Common {
    fn add(&self, count: u64) {
        self.came.set(self.came.get() + count);
        if self.came.get() >= self.wanted.get() {
            self.more.notify_one();
        }
    }

    /// Waits for so many messages.
    async fn wait_for(&self, count: u64) {
        self.wanted.set(count);
        while self.came.get() < count {
            self.more.notified().await;
        }
    }
}

pub(super) fn run(args: &WampArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let limit = Duration::try_from_secs_f64(args.limit)?;
    let common = Rc::new(Common {
        args: args.clone(),
        came: Cell::new(0),
        wanted: Cell::new(u64::MAX),
        more: Notify::new(),
        until: Instant::now() + limit,
    });
    let work = async {
        match args.work {
            Work::Call => call(&common).await.map(Some),
            Work::Event => event(&common).await.map(Some),
            Work::Session => session(&common).await.map(Some),
            Work::Idle => idle(&common).await.map(|()| None),
        }
    };
    let patience = limit + Duration::from_secs_f64(PATIENCE);
    let done = LocalSet::new()
        .block_on(&runtime, async { tokio::time::timeout(patience, work).await })
        .map_err(|_| format!("not done after {} s", patience.as_secs_f64()))??;
    let Some((mut took, seconds)) = done else { return Ok(()) };
    took.sort_unstable();
    let quantile =
        |share: usize| took.get(took.len() * share / 100).map_or(0.0, |took| took.as_secs_f64() * 1e6);
    let report = json!({"requests": took.len(), "seconds": seconds, "p50_us": quantile(50), "p99_us": quantile(99),
        "resumed": 0, "failed": 0});
    println!("{report}");
    Ok(())
}

/// How long each took, and all of them in seconds.
type Took = (Vec<Duration>, f64);

async fn call(common: &Rc<Common>) -> Outcome<Took> {
    let WampArgs { to, protocol, payload, count, window, .. } = common.args;
    let (reader, mut writer) = open(to, protocol, Part::Callee).await?;
    let callee = spawn_local(async move {
        let mut answers = Vec::new();
        each(reader, protocol, async |messages| {
            for message in messages {
                answers.extend(protocol.answer(message)?);
            }
            writer.write_all(&answers).await?;
            answers.clear();
            Ok(())
        })
        .await
    });
    let (reader, mut writer) = open(to, protocol, Part::Sender).await?;
    let counting = Rc::clone(common);
    let caller = spawn_local(async move {
        each(reader, protocol, async |messages| {
            counting.add(messages.len() as u64);
            Ok(())
        })
        .await
    });
    let argument = Payload::one("x".repeat(payload));
    let (began, mut sent, mut under_way) = (Instant::now(), 0, VecDeque::new());
    let mut took = Vec::new();
    let mut out = Vec::new();
    while took.len() < count as usize {
        let now = Instant::now();
        while sent < count && sent - (took.len() as u64) < window && now < common.until {
            sent += 1;
            out.extend(protocol.call(sent, &argument));
            under_way.push_back(now);
        }
        if under_way.is_empty() {
            break;
        }
        writer.write_all(&out).await?;
        out.clear();
        common.wait_for(took.len() as u64 + 1).await;
        while (took.len() as u64) < common.came.get() {
            took.extend(under_way.pop_front().map(|began| began.elapsed()));
        }
        if callee.is_finished() || caller.is_finished() {
            return Err("a connection has ended".into());
        }
    }
    Ok((took, began.elapsed().as_secs_f64()))
}

async fn event(common: &Rc<Common>) -> Outcome<Took> {
    let WampArgs { to, protocol, payload, count, window, receivers, .. } = common.args;
    for _ in 0..receivers {
        let (reader, writer) = open(to, protocol, Part::Subscriber).await?;
        let counting = Rc::clone(common);
        spawn_local(async move {
            let _open = writer;
            each(reader, protocol, async |messages| {
                counting.add(messages.len() as u64);
                Ok(())
            })
            .await
        });
    }
    let (reader, mut writer) = open(to, protocol, Part::Sender).await?;
    // What the server says to the sender is read as well.
    spawn_local(each(reader, protocol, async |_| Ok(())));
    let event = protocol.event(payload);
    let (began, mut sent, mut done) = (Instant::now(), 0, 0);
    let mut took = Vec::new();
    let mut under_way = VecDeque::new();
    let mut out = Vec::new();
    while done < count {
        let now = Instant::now();
        while sent < count && sent - done < window && now < common.until {
            sent += 1;
            out.extend_from_slice(&event);
            under_way.push_back(now);
        }
        if under_way.is_empty() {
            break;
        }
        writer.write_all(&out).await?;
        out.clear();
        // More is sent when half of what may be under way has come.
        let next = done + (sent - done).div_ceil(2);
        common.wait_for(next * receivers).await;
        while (done + 1) * receivers <= common.came.get() {
            done += 1;
            took.extend(under_way.pop_front().map(|began| began.elapsed()));
        }
    }
    Ok((took, began.elapsed().as_secs_f64()))
}

async fn session(common: &Rc<Common>) -> Outcome<Took> {
    let left = Rc::new(Cell::new(common.args.count));
    let began = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..OPENING {
        let (common, left) = (Rc::clone(common), Rc::clone(&left));
        clients.push(spawn_local(async move {
            let WampArgs { to, protocol, .. } = common.args;
            let mut took = Vec::new();
            while left.get() > 0 && Instant::now() < common.until {
                left.set(left.get() - 1);
                let began = Instant::now();
                let (mut reader, mut writer) = open(to, protocol, Part::Sender).await?;
                writer.write_all(&protocol.goodbye()).await?;
                wait(&mut reader, protocol, &Step::Messages(1)).await?;
                drop((reader, writer));
                took.push(began.elapsed());
            }
            Outcome::Ok(took)
        }));
    }
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await??);
    }
    Ok((all, began.elapsed().as_secs_f64()))
}

/// Sessions that stay, until standard input ends.
async fn idle(common: &Common) -> Outcome {
    let WampArgs { to, protocol, count, .. } = common.args;
    let mut joined = Vec::new();
    for _ in 0..count {
        joined.push(open(to, protocol, Part::Sender).await?);
    }
    println!("open");
    std::io::stdin().read_to_end(&mut Vec::new())?; // nothing is to happen meanwhile
    Ok(())
}

/// Connects, and says what a client says first.
async fn open(to: SocketAddr, protocol: Protocol, part: Part) -> Outcome<(OwnedReadHalf, OwnedWriteHalf)> {
    let stream = TcpStream::connect(to).await?;
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = stream.into_split();
    for step in protocol.begin(part) {
        match &step {
            Step::Say(bytes) => writer.write_all(bytes).await?,
            waiting => wait(&mut reader, protocol, waiting).await?,
        }
    }
    Ok((reader, writer))
}

/// Waits for what a server says at the beginning, and for nothing beyond it.
async fn wait(reader: &mut OwnedReadHalf, protocol: Protocol, step: &Step) -> Outcome {
    let mut bytes = Vec::new();
    loop {
        let found = match step {
            Step::Say(_) => true,
            Step::Until(end) => bytes.ends_with(end),
            Step::Bytes(count) => bytes.len() >= *count,
            Step::Messages(count) => {
                let (mut at, mut messages) = (0, 0);
                while let Some(Found { length, .. }) = protocol.framing().find(&bytes[at..]) {
                    at += length;
                    messages += 1;
                }
                messages >= *count
            }
        };
        if found {
            return Ok(());
        }
        if reader.read_buf(&mut bytes).await? == 0 {
            return Err(format!("the server has closed after {}", bytes.escape_ascii()).into());
        }
    }
}

/// Hands on the payloads of what comes, as many at a time as there are.
async fn each(
    mut reader: OwnedReadHalf,
    protocol: Protocol,
    mut take: impl AsyncFnMut(&[&[u8]]) -> Outcome,
) -> Outcome {
    let framing = protocol.framing();
    let mut bytes = Vec::with_capacity(CHUNK);
    loop {
        if reader.read_buf(&mut bytes).await? == 0 {
            return Err("the server has closed".into());
        }
        let mut at = 0;
        let mut messages = Vec::new();
        while let Some(found) = framing.find(&bytes[at..]) {
            if found.counts {
                messages.push(&bytes[at + found.payload..at + found.length]);
            }
            at += found.length;
        }
        take(&messages).await?;
        bytes.drain(..at);
    }
}
