//! The end of the process that has the clients.

use super::announce::announce;
use super::socket::{Chunk, read, write_all};
use crate::connect::dial;
use crate::wamp::Router;
use jackfield_shared::links::of_realm;
use jackfield_wamp::link::{About, Error, Greeting};
use std::future::pending;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;
use tracing::{debug, warn};

/// Between two attempts to connect, if one fails at once.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the router connected to the processes that have its realms, by a link for each realm; `place` names (O_PATH of
/// open(2)) the directory of their sockets. Completes with a reason when that can't be: then the sessions are lost.
pub(crate) async fn keep_linked(router: Rc<Router>, place: OwnedFd) -> String {
    let Some((edge, realms)) = router.edge() else { return pending().await };
    let directory = PathBuf::from(format!("/proc/self/fd/{}", place.as_raw_fd()));
    let chunk = Chunk::default();
    let mut links = JoinSet::new();
    links.spawn_local(announce(
        directory.clone(),
        Greeting { edge, about: About::Realms(realms.clone()) },
        chunk.clone(),
    ));
    for (realm, name) in realms.into_iter().enumerate() {
        let path = of_realm(&directory, &name);
        let greeting = Greeting { edge, about: About::Realm(name) };
        let link = Link { router: Rc::clone(&router), greeting, realm, chunk: chunk.clone() };
        links.spawn_local(async move { link.keep(&path).await });
    }
    match links.join_next().await {
        Some(Err(e)) => format!("a link to the realm process has failed: {e}"),
        Some(Ok(reason)) => reason,
        None => pending().await,
    }
}

/// The link of a realm.
struct Link {
    router: Rc<Router>,
    greeting: Greeting,
    realm: usize,
    chunk: Chunk,
}

impl Link {
    async fn keep(&self, path: &Path) -> String {
        let mut failed = false;
        loop {
            match dial(path).await {
                Ok(stream) => {
                    debug!("linked to the realm process: {:?}", self.greeting.about);
                    failed = false;
                    let since = Instant::now();
                    match self.serve(stream).await {
                        Ok(()) => {
                            debug!("a link to the realm process has ended");
                            // The realm was not there any more; it is about to be found elsewhere.
                            if since.elapsed() < PAUSE {
                                sleep(PAUSE).await;
                            }
                        }
                        Err(e @ Error::Refused) => {
                            self.router.close();
                            return e.to_string();
                        }
                        Err(e) => {
                            warn!("{e}; connecting again");
                            sleep(PAUSE).await;
                        }
                    }
                }
                Err(e) => {
                    if !std::mem::replace(&mut failed, true) {
                        warn!("can't connect to the realm process: {e}; trying again");
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn serve(&self, stream: UnixStream) -> Result<(), Error> {
        let (reader, writer) = stream.into_split();
        self.router.linked(self.realm);
        let result = tokio::select! {
            result = self.receive(&reader) => result,
            () = self.send(writer) => Ok(()),
        };
        self.router.unlinked(self.realm);
        result
    }

    /// Takes what comes, until the end: also what was sent before the other end died.
    async fn receive(&self, reader: &OwnedReadHalf) -> Result<(), Error> {
        loop {
            match read(reader, &self.chunk).await {
                0 => return Ok(()),
                count => self.router.take_from_link(self.realm, &self.chunk.first(count)),
            }
            while self.router.turn_of_link(self.realm)? {
                yield_now().await;
            }
            // The clients, and the other realms, have their turn even if there is always more to read.
            yield_now().await;
        }
    }

    /// Sends what there is, until it can't be sent any longer.
    async fn send(&self, writer: OwnedWriteHalf) {
        let mut buffer = Vec::new();
        self.greeting.put(&mut buffer);
        loop {
            if write_all(&writer, &mut buffer, None, |_| {}).await.is_err() {
                // The reader comes to the end in its time.
                return pending().await;
            }
            self.router.take_for_link(self.realm, &mut buffer).await;
        }
    }
}
