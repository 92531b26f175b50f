//! Clients that ask for their messages: WAMP over HTTP long-polling.

use super::cookies::fresh;
use super::endpoint::{Endpoint, Who};
use super::outbox::Outbox;
use super::peer::OPENING;
use super::router::Router;
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use jackfield_shared::config::{LongpollOptions, LongpollService, Queue, QueuePolicy};
use jackfield_wamp::codec::{Batch, Unbatched, append_to_batch};
use jackfield_wamp::{Id, Serializer};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep};
use tracing::debug;

/// Characters of a transport's name, which alone lets a client at its session.
const NAME: usize = 24;

/// How often it is looked whose time is over.
const SWEEP: Duration = Duration::from_secs(1);

/// A batch of messages grows no further once it has so many bytes.
const BATCH: usize = 1 << 20;

/// The clients of one service, by the names of their transports.
pub(crate) struct Longpoll {
    endpoint: Endpoint,
    options: LongpollOptions,
    polled: RefCell<HashMap<String, Rc<Polled>>>,
    /// Whether somebody looks whose time is over.
    sweeping: Cell<bool>,
}

/// What came of opening a transport.
pub(crate) enum Opening<'a> {
    /// It is open.
    Opened {
        name: String,
        /// The subprotocol.
        protocol: &'a str,
        /// Sets a new cookie.
        set_cookie: Option<HeaderValue>,
    },
    /// None of the client's subprotocols is spoken.
    Unspoken,
    /// There are as many clients as may be.
    Full,
}

impl fmt::Debug for Longpoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Longpoll").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Longpoll {
    /// Without clients yet; the error says what is wrong.
    pub(crate) fn new(config: &LongpollService, router: Option<&Rc<Router>>) -> Result<Rc<Self>, String> {
        let options = &config.options;
        let max_size = u64::try_from(options.queue_limit_bytes).ok().filter(|most| *most > 0);
        let queue = Queue { max_size: max_size.unwrap_or(u64::MAX), policy: QueuePolicy::Close };
        Ok(Rc::new(Self {
            endpoint: Endpoint::longpoll(config, queue, router)?,
            options: options.clone(),
            polled: RefCell::default(),
            sweeping: Cell::new(false),
        }))
    }

    /// Opens a transport for a client that speaks one of these subprotocols.
    pub(crate) fn open<'a>(
        self: &Rc<Self>,
        names: impl Iterator<Item = &'a str>,
        headers: &HeaderMap,
        who: Who,
    ) -> Opening<'a> {
        if self.polled.borrow().len() >= self.options.max_sessions as usize {
            return Opening::Full;
        }
        let Some((polled, protocol, set_cookie)) = self.endpoint.open_longpoll(names, headers, who) else {
            return Opening::Unspoken;
        };
        if let Some(most) = usize::try_from(self.options.queue_limit_messages).ok().filter(|most| *most > 0) {
            polled.outbox.limit_messages(most);
        }
        let name = self.options.debug_transport_id.clone().unwrap_or_else(|| fresh(NAME));
        let before = self.polled.borrow_mut().insert(name.clone(), Rc::new(polled));
        if let Some(before) = before {
            before.end();
        }
        if !self.sweeping.replace(true) {
            spawn_local(Rc::clone(self).sweep());
        }
        Opening::Opened { name, protocol, set_cookie }
    }

    /// The client whose transport has this name.
    pub(crate) fn find(&self, name: &str) -> Option<Rc<Polled>> {
        self.polled.borrow().get(name).filter(|polled| !polled.over.get()).cloned()
    }

    /// Waits for messages of a client, in the bytes of its subprotocol; none: there are none in time.
    pub(crate) async fn receive(&self, polled: &Polled) -> Option<Bytes> {
        polled.receive(seconds(self.options.request_timeout)).await
    }

    /// Lets a client go.
    pub(crate) fn close(&self, name: &str) {
        let polled = self.polled.borrow_mut().remove(name);
        if let Some(polled) = polled {
            polled.end();
        }
    }

    async fn sweep(self: Rc<Self>) {
        let limit = seconds(self.options.session_timeout);
        loop {
            sleep(SWEEP).await;
            let mut polled = self.polled.borrow_mut();
            polled.retain(|_, polled| {
                let stays = polled.stays(limit);
                if !stays {
                    polled.end();
                }
                stays
            });
            if polled.is_empty() {
                self.sweeping.set(false);
                return;
            }
        }
    }
}

fn seconds(seconds: i64) -> Option<Duration> {
    u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs)
}

/// A client.
pub(crate) struct Polled {
    id: Id,
    router: Rc<Router>,
    outbox: Rc<Outbox>,
    batch: Option<Batch>,
    /// Its last request was here until then.
    last: Cell<Instant>,
    /// It was in a realm, or had just come, until then.
    in_realm: Cell<Instant>,
    /// Its requests that wait.
    waiting: Cell<usize>,
    /// Another request waits in place of the one before.
    superseded: Notify,
    over: Cell<bool>,
}

impl Polled {
    pub(super) fn new(id: Id, router: Rc<Router>, outbox: Rc<Outbox>, batch: Option<Batch>) -> Self {
        let now = Instant::now();
        Self {
            id,
            router,
            outbox,
            batch,
            last: Cell::new(now),
            in_realm: Cell::new(now),
            waiting: Cell::new(0),
            superseded: Notify::new(),
            over: Cell::new(false),
        }
    }

    /// What its messages are written in.
    pub(crate) fn serializer(&self) -> Serializer {
        self.outbox.serializer()
    }

    /// Takes what the client sends.
    pub(crate) fn send(&self, bytes: Bytes) {
        self.last.set(Instant::now());
        match self.batch {
            None => self.router.receive(self.id, &bytes),
            Some(_) if bytes.is_empty() => self.router.violated(self.id, "a batch without a message"),
            Some(batch) => {
                for message in Unbatched::new(batch, bytes) {
                    match message {
                        Ok(message) => self.router.receive(self.id, &message),
                        Err(e) => self.router.violated(self.id, &e.to_string()),
                    }
                }
            }
        }
    }

    async fn receive(&self, limit: Option<Duration>) -> Option<Bytes> {
        // One request waits at a time: a client that asks anew does not read the answer of the one before.
        self.superseded.notify_waiters();
        let _waits = Waits::new(self);
        let messages = poll_fn(|cx| {
            self.outbox.register(cx);
            if let Some(messages) = self.next() {
                return Poll::Ready(Some(messages));
            }
            if self.outbox.ending().is_some() {
                self.over.set(true);
            }
            if self.over.get() { Poll::Ready(None) } else { Poll::Pending }
        });
        let late = async {
            match limit {
                Some(limit) => sleep(limit).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.superseded.notified() => None,
            messages = messages => messages,
            () = late => None,
        }
    }

    fn next(&self) -> Option<Bytes> {
        let serializer = self.outbox.serializer();
        let first = self.outbox.pop()?;
        let Some(batch) = self.batch else { return Some(first.encoded(serializer).clone()) };
        let mut batched = Vec::new();
        append_to_batch(batch, first.encoded(serializer), &mut batched);
        while batched.len() < BATCH
            && let Some(next) = self.outbox.pop()
        {
            append_to_batch(batch, next.encoded(serializer), &mut batched);
        }
        Some(batched.into())
    }

    fn stays(&self, limit: Option<Duration>) -> bool {
        if self.outbox.is_in_realm() {
            self.in_realm.set(Instant::now());
        }
        let idle = self.waiting.get() == 0 && limit.is_some_and(|limit| self.last.get().elapsed() >= limit);
        if idle || self.in_realm.get().elapsed() >= OPENING {
            debug!("WAMP session {}: the client does not ask for its messages, or joins no realm", self.id);
            return false;
        }
        !self.over.get()
    }

    /// Ends it, and the requests that wait.
    fn end(&self) {
        self.over.set(true);
        self.superseded.notify_waiters();
        self.router.disconnected(self.id);
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        self.router.disconnected(self.id);
    }
}

/// A request that waits.
struct Waits<'a>(&'a Polled);

impl<'a> Waits<'a> {
    fn new(polled: &'a Polled) -> Self {
        polled.waiting.set(polled.waiting.get() + 1);
        Self(polled)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting.set(self.0.waiting.get() - 1);
        self.0.last.set(Instant::now());
    }
}
