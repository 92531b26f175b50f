//! The end of the process that has the clients.

use super::socket::{Chunk, read, write_all};
use crate::connect::dial;
use crate::wamp::Router;
use jackfield_wamp::link::{About, Error, Greeting};
use std::future::pending;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;
use tracing::{debug, warn};

/// Between two attempts to connect, if one fails at once.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the router connected to the process that has its realms, by a link for each of them; `place` names (O_PATH of
/// open(2)) the socket at which that process listens. Completes with a reason when that can't be: then the sessions are
/// lost.
pub(crate) async fn keep_linked(router: Rc<Router>, place: OwnedFd) -> String {
    let Some((edge, realms)) = router.edge() else { return pending().await };
    let path: Rc<Path> = PathBuf::from(format!("/proc/self/fd/{}", place.as_raw_fd())).into();
    let chunk = Chunk::default();
    let mut links = JoinSet::new();
    let mut keep = |about, realm| {
        let greeting = Greeting { edge, about };
        let (router, path, chunk) = (Rc::clone(&router), Rc::clone(&path), chunk.clone());
        links.spawn_local(async move { Link { router, greeting, realm, chunk }.keep(&path).await });
    };
    keep(About::Realms(realms.clone()), None);
    for (index, name) in realms.into_iter().enumerate() {
        keep(About::Realm(name), Some(index));
    }
    match links.join_next().await {
        Some(Err(e)) => format!("a link to the realm process has failed: {e}"),
        Some(Ok(reason)) => reason,
        None => pending().await,
    }
}

/// A link of one realm, or the connection that says which ones there are.
struct Link {
    router: Rc<Router>,
    greeting: Greeting,
    realm: Option<usize>,
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
                    match self.serve(stream).await {
                        Ok(()) => debug!("a link to the realm process has ended"),
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
        let Some(realm) = self.realm else {
            return tokio::select! {
                result = self.hear(&reader) => result,
                () = self.send(writer, None) => Ok(()),
            };
        };
        self.router.linked(realm);
        let result = tokio::select! {
            result = self.receive(&reader, realm) => result,
            () = self.send(writer, Some(realm)) => Ok(()),
        };
        self.router.unlinked(realm);
        result
    }

    /// Waits for the end of a connection on which nothing comes.
    async fn hear(&self, reader: &OwnedReadHalf) -> Result<(), Error> {
        match read(reader, &self.chunk).await {
            0 => Ok(()),
            _ => Err(Error::Malformed),
        }
    }

    /// Takes what comes, until the end: also what was sent before the other end died.
    async fn receive(&self, reader: &OwnedReadHalf, realm: usize) -> Result<(), Error> {
        loop {
            match read(reader, &self.chunk).await {
                0 => return Ok(()),
                count => self.router.take_from_link(realm, &self.chunk.first(count)),
            }
            while self.router.turn_of_link(realm)? {
                yield_now().await;
            }
            // The clients, and the other realms, have their turn even if there is always more to read.
            yield_now().await;
        }
    }

    /// Sends what there is, until it can't be sent any longer.
    async fn send(&self, writer: OwnedWriteHalf, realm: Option<usize>) {
        let mut buffer = Vec::new();
        self.greeting.put(&mut buffer);
        loop {
            if write_all(&writer, &mut buffer, None, |_| {}).await.is_err() {
                // The reader comes to the end in its time.
                return pending().await;
            }
            match realm {
                Some(realm) => self.router.take_for_link(realm, &mut buffer).await,
                None => return pending().await,
            }
        }
    }
}
