//! Clients that ask for their messages: WAMP over HTTP long-polling.

use super::cookies::fresh;
use super::endpoint::{Endpoint, Who};
use super::home;
use super::polled::Polled;
use super::router::Router;
use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderValue};
use jackfield_shared::config::{LongpollOptions, LongpollService, Queue, QueuePolicy};
use jackfield_shared::drain::Drain;
use jackfield_wamp::Serializer;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::spawn_local;
use tokio::time::sleep;

/// Characters of a transport's name, which alone lets a client at its session.
const NAME: usize = 24;

/// How often it is looked whose time is over.
const SWEEP: Duration = Duration::from_secs(1);

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

/// What a client asks for.
pub(crate) enum Action {
    /// To take its messages.
    Send(Bytes),
    /// To be given messages.
    Receive,
    /// To be let go.
    Close,
}

/// What comes of it.
pub(crate) enum Done {
    /// There is nothing to say.
    Nothing,
    /// Messages, in what they are written; none: there were none in time.
    Messages(Serializer, Bytes),
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

    /// Opens a transport for a client that speaks one of these subprotocols. `drain` is the process's, which does not end
    /// before the client has gone or the time for that is over.
    pub(crate) fn open<'a>(
        self: &Rc<Self>,
        names: impl Iterator<Item = &'a str>,
        headers: &HeaderMap,
        who: Who,
        drain: Drain,
    ) -> Opening<'a> {
        if self.polled.borrow().len() >= self.options.max_sessions as usize {
            return Opening::Full;
        }
        let Some((polled, protocol, set_cookie)) = self.endpoint.open_longpoll(names, headers, who, drain)
        else {
            return Opening::Unspoken;
        };
        if let Some(most) = usize::try_from(self.options.queue_limit_messages).ok().filter(|most| *most > 0) {
            polled.outbox.limit_messages(most);
        }
        let name = self.options.debug_transport_id.clone().unwrap_or_else(|| home::name(&fresh(NAME)));
        let before = self.polled.borrow_mut().insert(name.clone(), Rc::new(polled));
        if let Some(before) = before {
            before.end();
        }
        if !self.sweeping.replace(true) {
            spawn_local(Rc::clone(self).sweep());
        }
        Opening::Opened { name, protocol, set_cookie }
    }

    /// Whether there is a client whose transport has this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<Rc<Polled>> {
        self.polled.borrow().get(name).filter(|polled| !polled.over.get()).cloned()
    }

    /// Does what a client asks for; nothing: there is no such client.
    pub(crate) async fn act(&self, name: &str, action: Action) -> Option<Done> {
        let polled = self.find(name)?;
        match action {
            Action::Send(bytes) => polled.send(bytes),
            Action::Receive => {
                let messages = polled.receive(seconds(self.options.request_timeout)).await;
                return Some(Done::Messages(polled.serializer(), messages.unwrap_or_default()));
            }
            Action::Close => {
                self.polled.borrow_mut().remove(name);
                polled.end();
            }
        }
        Some(Done::Nothing)
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
