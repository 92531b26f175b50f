//! Runs clients.

use super::connection::{CHUNK, Connection, Connector};
use super::exchange::Exchange;
use super::latency::Latencies;
use super::{IdleArgs, LoadArgs, tls};
use crate::Outcome;
use serde::Serialize;
use std::cell::Cell;
use std::io::Read;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::LocalSet;

/// Seconds that the last answers may take.
const PATIENCE: f64 = 20.0;

/// Connections that are opened at a time when there are to be many.
const OPENING: usize = 32;

/// What a load was.
#[derive(Debug, Serialize)]
struct Report {
    requests: usize,
    seconds: f64,
    p50_us: f64,
    p99_us: f64,
    /// Handshakes that resumed a session.
    resumed: u64,
    /// Requests that were not answered, beside those that were.
    failed: u64,
}

/// What all clients share.
#[derive(Debug)]
struct Common {
    exchange: Exchange,
    left: Cell<u64>,
    until: Instant,
    each: bool,
    tolerate: bool,
    resumed: Cell<u64>,
    failed: Cell<u64>,
}

/// A load, to its end.
pub(crate) fn load(args: &LoadArgs) -> Outcome {
    let common = Rc::new(Common {
        exchange: Exchange::new(&args.common, args.each),
        left: Cell::new(args.count),
        until: Instant::now() + Duration::try_from_secs_f64(args.limit)?,
        each: args.each,
        tolerate: args.tolerate,
        resumed: Cell::new(0),
        failed: Cell::new(0),
    });
    let began = Instant::now();
    let latencies = on_one_thread(args.limit + PATIENCE, async {
        let mut clients = Vec::new();
        for _ in 0..args.common.connections {
            let tls = if args.common.tls { Some(tls::config(args.resume)?) } else { None };
            let connector = Connector { to: args.common.to, tls };
            clients.push(tokio::task::spawn_local(client(Rc::clone(&common), connector)));
        }
        let mut all = Latencies::default();
        for client in clients {
            all.join(client.await??);
        }
        Ok(all)
    })?;
    let (requests, seconds) = (latencies.count(), began.elapsed().as_secs_f64());
    let [p50_us, p99_us] = latencies.quantiles([0.5, 0.99]);
    let (resumed, failed) = (common.resumed.get(), common.failed.get());
    let report = Report { requests, seconds, p50_us, p99_us, resumed, failed };
    println!("{}", serde_json::to_string(&report)?);
    Ok(())
}

/// Connections that stay, until standard input ends.
pub(crate) fn idle(args: &IdleArgs) -> Outcome {
    let args = &args.common;
    let exchange = Rc::new(Exchange::new(args, false));
    on_one_thread(PATIENCE, async {
        let tls = if args.tls { Some(tls::config(false)?) } else { None };
        let connector = Rc::new(Connector { to: args.to, tls });
        let mut open = Vec::with_capacity(args.connections);
        while open.len() < args.connections {
            let count = OPENING.min(args.connections - open.len());
            let opening = (0..count).map(|_| {
                let (exchange, connector) = (Rc::clone(&exchange), Rc::clone(&connector));
                tokio::task::spawn_local(async move { opened(&exchange, &connector).await })
            });
            for connection in opening.collect::<Vec<_>>() {
                open.push(connection.await??);
            }
        }
        println!("open");
        std::io::stdin().read_to_end(&mut Vec::new())?; // nothing is to happen meanwhile
        Ok(())
    })
}

/// Runs it, for so many seconds at most.
fn on_one_thread<T>(limit: f64, what: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let limit = Duration::try_from_secs_f64(limit)?;
    let what = async { tokio::time::timeout(limit, what).await.map_err(|_| "answers that don't come")? };
    LocalSet::new().block_on(&runtime, what)
}

/// A connection that has had an answer.
async fn opened(exchange: &Exchange, connector: &Connector) -> Outcome<Connection> {
    let mut connection = connector.connect().await?;
    let mut buffer = vec![0; CHUNK];
    exchange.open(connection.stream(), &mut buffer).await?;
    exchange.run(connection.stream(), &mut buffer).await?;
    Ok(connection)
}

async fn client(common: Rc<Common>, connector: Connector) -> Outcome<Latencies> {
    let (mut latencies, mut buffer) = (Latencies::default(), vec![0; CHUNK]);
    let mut kept = None;
    while common.left.get() > 0 && Instant::now() < common.until {
        common.left.set(common.left.get() - 1);
        match common.request(&connector, &mut kept, &mut buffer).await {
            Ok(took) => latencies.add(took),
            Err(_) if common.tolerate => common.failed.set(common.failed.get() + 1),
            Err(error) => return Err(error),
        }
    }
    Ok(latencies)
}

impl Common {
    /// One request on the connection that is kept, or on a new one; how long it took. That is without connecting,
    /// unless there is a connection for each.
    async fn request(
        &self,
        connector: &Connector,
        kept: &mut Option<Connection>,
        buffer: &mut [u8],
    ) -> Outcome<Duration> {
        let mut began = Instant::now();
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => {
                let mut connection = connector.connect().await?;
                self.resumed.set(self.resumed.get() + u64::from(connection.is_resumed()));
                self.exchange.open(connection.stream(), buffer).await?;
                if !self.each {
                    began = Instant::now();
                }
                connection
            }
        };
        self.exchange.run(connection.stream(), buffer).await?;
        let took = began.elapsed();
        if self.each {
            connection.close().await;
        } else {
            *kept = Some(connection);
        }
        Ok(took)
    }
}
