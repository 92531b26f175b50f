//! The end of the process that has the clients.

use super::socket::{CHUNK, read, write_all};
use crate::connect::dial;
use crate::wamp::Router;
use jackfield_wamp::link::Error;
use std::future::pending;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::sleep;
use tracing::{debug, warn};

/// Between two attempts to connect, if one fails at once.
const PAUSE: Duration = Duration::from_millis(20);

/// Keeps the router connected to the process that has its realms; `place` names (O_PATH of open(2)) the socket at which
/// that process listens. Completes with a reason when that can't be: then the sessions are lost.
pub(crate) async fn keep_linked(router: Rc<Router>, place: OwnedFd) -> String {
    let path = PathBuf::from(format!("/proc/self/fd/{}", place.as_raw_fd()));
    let mut failed = false;
    loop {
        match dial(&path).await {
            Ok(stream) => {
                debug!("linked to the realm process");
                failed = false;
                router.linked();
                let ended = serve(&router, stream).await;
                router.unlinked();
                match ended {
                    Ok(()) => debug!("the link to the realm process has ended"),
                    Err(e @ Error::Refused) => {
                        router.close();
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

async fn serve(router: &Router, stream: UnixStream) -> Result<(), Error> {
    let (reader, writer) = stream.into_split();
    tokio::select! {
        result = receive(router, reader) => result,
        () = send(router, writer) => Ok(()),
    }
}

/// Takes what comes, until the end: also what was sent before the other end died.
async fn receive(router: &Router, reader: OwnedReadHalf) -> Result<(), Error> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match read(&reader, &mut chunk).await {
            0 => return Ok(()),
            count => router.take_from_link(&chunk[..count])?,
        }
    }
}

/// Sends what there is, until it can't be sent any longer.
async fn send(router: &Router, writer: OwnedWriteHalf) {
    let mut buffer = Vec::new();
    loop {
        router.take_for_link(&mut buffer).await;
        if write_all(&writer, &mut buffer, None, |_| {}).await.is_err() {
            // The reader comes to the end in its time.
            return pending().await;
        }
    }
}
