//! What an edge says to each process that has realms, whether it has links to it or not.

use super::socket::{Chunk, read, write_all};
use crate::connect::dial;
use jackfield_shared::links::of_process;
use jackfield_wamp::link::Greeting;
use std::collections::BTreeSet;
use std::future::pending;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tracing::warn;

/// Between two attempts to reach a process, if one fails at once.
const PAUSE: Duration = Duration::from_millis(20);

/// Says to each realm process which realms the edge has links for, so that none of them waits for it on account of a realm that
/// it does not know. `directory` is that of their sockets. Completes with a reason when that can't be.
pub(super) async fn announce(directory: PathBuf, greeting: Greeting, chunk: Chunk) -> String {
    let mut greeted = Vec::new();
    greeting.put(&mut greeted);
    let (mut connections, mut open) = (JoinSet::new(), BTreeSet::new());
    let mut failed = false;
    loop {
        let mut number = 0;
        // There may be more of them, or fewer, whenever one has ended.
        let error = loop {
            if !open.contains(&number) {
                match dial(&of_process(&directory, number)).await {
                    Ok(stream) => {
                        open.insert(number);
                        connections.spawn_local(hold(stream, number, greeted.clone(), chunk.clone()));
                    }
                    Err(e) => break e,
                }
            }
            number += 1;
        };
        if number == 0 || error.kind() != ErrorKind::NotFound {
            if !std::mem::replace(&mut failed, true) {
                warn!("can't connect to realm process {number}: {error}; trying again");
            }
            sleep(PAUSE).await;
            continue;
        }
        failed = false;
        match connections.join_next().await {
            Some(Ok(number)) => open.remove(&number),
            Some(Err(e)) => return format!("a link to the realm process has failed: {e}"),
            None => return pending().await,
        };
    }
}

/// Greets a realm process, and waits for its end; returns its number.
async fn hold(stream: UnixStream, number: usize, mut greeting: Vec<u8>, chunk: Chunk) -> usize {
    let since = Instant::now();
    let (reader, writer) = stream.into_split();
    let is_heard = write_all(&writer, &mut greeting, None, |_| {}).await.is_ok();
    // Nothing is ever said here by the other end.
    if is_heard && read(&reader, &chunk).await > 0 {
        warn!("realm process {number} says something where it has nothing to say; connecting again");
    }
    if since.elapsed() < PAUSE {
        sleep(PAUSE).await;
    }
    number
}
