//! The other processes of the worker, as they are reached for what only one of them has: sessions of clients by
//! long-polling, whose next request may come to any of them. A connection to another process is made by the controller
//! when it is needed first; requests go over it by HTTP/2, which keeps them apart, bounds what waits, and tells the other
//! end when a client has gone.

mod serve;
mod words;

use crate::controller::Controller;
use crate::net::executor::LocalExecutor;
use crate::wamp::{Action, Done, Longpoll, home};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use jackfield_shared::ipc::FromWorker;
use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

/// How long another process, and the controller, have to answer at most.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether a process lives that has a request for long.
const LOOK: Duration = Duration::from_secs(5);
/// The controller is asked no sooner again when there was no such process: anybody can make up names.
const PAUSE: Duration = Duration::from_millis(5);
/// Requests that may wait for connections to other processes.
const MOST_WAITING: usize = 64;

/// The other processes.
pub(crate) struct Siblings {
    controller: Rc<Controller>,
    /// What has sessions here.
    here: RefCell<Vec<Weak<Longpoll>>>,
    known: RefCell<HashMap<u32, SendRequest<Full<Bytes>>>>,
    /// One asks at a time.
    asking: Mutex<()>,
    waiting: Semaphore,
}

/// Another process gives no answer, or there are too many that wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Silent;

impl Siblings {
    /// Asks the controller for them.
    pub(crate) fn new(controller: &Rc<Controller>) -> Self {
        Self {
            controller: Rc::clone(controller),
            here: RefCell::default(),
            known: RefCell::default(),
            asking: Mutex::new(()),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }

    /// Lets other processes reach the clients of a service.
    pub(crate) fn open(&self, service: &Rc<Longpoll>) {
        let mut here = self.here.borrow_mut();
        if here.iter().any(|known| known.as_ptr() == Rc::as_ptr(service)) {
            return;
        }
        if here.is_empty() {
            self.controller.send(FromWorker::Reachable);
        }
        here.push(Rc::downgrade(service));
    }

    /// Does what a client of another process asks for; nothing: there is no such client.
    ///
    /// # Errors
    /// When the process does not answer.
    pub(crate) async fn pass(&self, name: &str, action: Action) -> Result<Option<Done>, Silent> {
        let Some(process) = home(name).filter(|process| *process != std::process::id()) else {
            return Ok(None);
        };
        let Some(mut way) = self.reach(process).await? else { return Ok(None) };
        let is_brief = !matches!(action, Action::Receive);
        let Some(request) = words::request(name, action) else { return Ok(None) };
        let answer = async {
            let answer = way.send_request(request).await?;
            words::done(answer).await
        };
        let answer =
            if is_brief { timeout(PATIENCE, answer).await.map_err(|_| Silent)? } else { answer.await };
        answer.map_err(|e| {
            // It has ended, or is about to be found silent by the controller, too.
            debug!("process {process}, which has a client's session: {e}");
            Silent
        })
    }

    /// The way to a process; nothing: there is none with sessions of ours.
    async fn reach(&self, process: u32) -> Result<Option<SendRequest<Full<Bytes>>>, Silent> {
        if let Some(way) = self.known(process) {
            return Ok(Some(way));
        }
        let _waits = self.waiting.try_acquire().map_err(|_| Silent)?;
        let _asking = timeout(PATIENCE, self.asking.lock()).await.map_err(|_| Silent)?;
        if let Some(way) = self.known(process) {
            return Ok(Some(way));
        }
        let asked = timeout(PATIENCE, self.controller.sibling(process)).await.map_err(|_| Silent)?;
        let Some(socket) = asked else {
            sleep(PAUSE).await;
            return Ok(None);
        };
        let way = timeout(PATIENCE, connect(socket)).await.map_err(|_| Silent)?.map_err(|e| {
            warn!("process {process}, which has a client's session, can't be reached: {e}");
            Silent
        })?;
        self.known.borrow_mut().insert(process, way.clone());
        Ok(Some(way))
    }

    fn known(&self, process: u32) -> Option<SendRequest<Full<Bytes>>> {
        let mut known = self.known.borrow_mut();
        known.retain(|_, way| !way.is_closed());
        known.get(&process).cloned()
    }

    /// The service here that has this client.
    fn service(&self, name: &str) -> Option<Rc<Longpoll>> {
        self.here.borrow().iter().filter_map(Weak::upgrade).find(|service| service.has(name))
    }
}

async fn connect(socket: OwnedFd) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = stream(socket).map_err(|e| e.to_string())?;
    let mut builder = http2::Builder::new(LocalExecutor);
    builder.timer(TokioTimer::new()).keep_alive_interval(LOOK).keep_alive_timeout(PATIENCE);
    let (way, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|e: hyper::Error| e.to_string())?;
    spawn_local(connection);
    Ok(way)
}

fn stream(socket: OwnedFd) -> std::io::Result<UnixStream> {
    let socket = std::os::unix::net::UnixStream::from(socket);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}
