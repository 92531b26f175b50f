//! A session of a client.

use super::link::Link;
use super::{Error, Login, Reason, Room, Speech, Target};
use crate::connect::{Connector, Means};
use crate::net::backlog::Scratch;
use crate::net::budget::Budget;
use crate::wamp::outbox::Outbox;
use jackfield_wamp::auth::client::Client;
use jackfield_wamp::{Dict, Id, Message, Outgoing, Payload, Value, codec, kind};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The time for joining where answers are waited for without a limit.
const JOINING: Duration = Duration::from_secs(30);

/// Bytes that are kept for the connection: what the router may send at a time.
const BUDGET: u64 = 256 << 20;

/// A session with a router.
#[derive(Debug)]
pub struct Session {
    link: Link,
    /// Came while an answer was waited for.
    waiting: VecDeque<Message>,
    last_request: Id,
    limit: Duration,
    /// Its id.
    pub id: Id,
    /// What WELCOME says.
    pub details: Dict,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Session {
    /// Connects and joins. That, and each answer later, may take `limit`; zero: 30 s, and answers any time.
    ///
    /// # Errors
    ///
    /// Nobody is there, or the client is not let in.
    pub async fn join(target: &Target, login: &Login, limit: Duration) -> Result<Self, Error> {
        let Target { endpoint, files, websocket, serializer } = target;
        let connector = Connector::new(endpoint, Means::of(files)).map_err(Error::Connect)?;
        let speech = Speech { websocket: websocket.clone(), serializer: *serializer };
        let room = Room { scratch: Rc::new(Scratch::new()), budget: Budget::new(BUDGET) };
        Self::join_by(&connector, &speech, &room, login, limit).await
    }

    /// The same by a connector that is there.
    pub(crate) async fn join_by(
        connector: &Connector,
        speech: &Speech,
        room: &Room,
        login: &Login,
        limit: Duration,
    ) -> Result<Self, Error> {
        let joining = if limit.is_zero() { JOINING } else { limit };
        let end = end(joining);
        let opening = Link::open(connector, speech, room);
        let link = match end {
            Some(end) => timeout_at(end, opening).await.map_err(|_| {
                Error::Connect(format!("{connector}: no connection within {} s", joining.as_secs_f64()))
            })??,
            None => opening.await?,
        };
        let mut random = [0; 16];
        crate::wamp::random::fill(&mut random);
        let (credentials, authid) = (login.credentials.clone(), login.authid.clone());
        let channel = link.channel.filter(|_| login.bound);
        if login.bound && channel.is_none() {
            let text = "there is no channel binding without TLS 1.3, which the router does not speak here";
            return Err(Error::Protocol(text.into()));
        }
        let mut client = Client::new(credentials, authid, random, channel);
        let mut details = login.details.clone();
        if details.get("roles").is_none() {
            details.push("roles", roles());
        }
        details.push("agent", concat!("jackfield/", env!("CARGO_PKG_VERSION")));
        client.hello(&mut details).map_err(Error::Protocol)?;
        let mut session = Self {
            link,
            waiting: VecDeque::new(),
            last_request: 0,
            limit: joining,
            id: 0,
            details: Dict::new(),
        };
        session.send(Message::Hello { realm: login.realm.clone(), details });
        loop {
            match session.receive(end).await? {
                Message::Challenge { method, extra } => {
                    let signature = client.answer(&method, &extra).map_err(Error::Protocol)?;
                    session.send(Message::Authenticate { signature, extra: Dict::new() });
                }
                Message::Welcome { session: id, details } => {
                    client.welcome(&details).map_err(Error::Protocol)?;
                    session.id = id;
                    session.details = details;
                    session.limit = limit;
                    return Ok(session);
                }
                Message::Abort { details, reason, .. } => {
                    let text = details.get("message").and_then(Value::as_str).unwrap_or_default();
                    return Err(Error::Refused(Reason { uri: reason, text: text.to_owned() }));
                }
                other => {
                    return Err(Error::Protocol(format!("the router answers HELLO by {}", other.name())));
                }
            }
        }
    }

    /// Sends a message.
    pub fn send(&self, message: Message) {
        self.link.outbox.push(&Rc::new(Outgoing::new(message)));
    }

    /// Messages that wait for the router.
    pub(crate) fn outbox(&self) -> &Rc<Outbox> {
        &self.link.outbox
    }

    /// The number of the next request.
    pub fn next_request(&mut self) -> Id {
        self.last_request += 1;
        self.last_request
    }

    /// Sends the request that `message` makes of its number, and waits for the answer to it.
    ///
    /// # Errors
    ///
    /// There is none in time.
    pub async fn ask(&mut self, message: impl FnOnce(Id) -> Message) -> Result<Message, Error> {
        let request = self.next_request();
        self.send(message(request));
        self.next_answer(request).await
    }

    /// The next answer to a request: more of a call whose result comes in parts.
    ///
    /// # Errors
    ///
    /// The session has ended, or there is none in time.
    pub async fn next_answer(&mut self, request: Id) -> Result<Message, Error> {
        let end = end(self.limit);
        loop {
            let message = self.receive(end).await?;
            if answers(&message) == Some(request) {
                return Ok(message);
            }
            self.waiting.push_back(message);
        }
    }

    /// The next message that answers nothing, whenever it comes.
    ///
    /// # Errors
    ///
    /// The session has ended.
    pub async fn next(&mut self) -> Result<Message, Error> {
        match self.waiting.pop_front() {
            Some(message) => Ok(message),
            None => self.receive(None).await,
        }
    }

    /// Says GOODBYE, and waits for the answer, and for what was sent before to be on its way.
    pub async fn leave(mut self) {
        let reason = "wamp.close.close_realm".into();
        self.send(Message::Goodbye { details: Dict::new(), reason });
        let end = Instant::now() + self.limit.clamp(Duration::from_secs(1), Duration::from_secs(5));
        // The answer to it, or the end.
        while self.receive(Some(end)).await.is_ok() {}
        self.link.outbox.end(1000, "");
        let _ = timeout_at(end, &mut self.link.ended).await;
    }

    async fn receive(&mut self, end: Option<Instant>) -> Result<Message, Error> {
        let message = match end {
            Some(end) => {
                timeout_at(end, self.link.incoming.next()).await.map_err(|_| Error::Late(self.limit))?
            }
            None => self.link.incoming.next().await,
        };
        match message {
            Some(Message::Goodbye { reason, details }) => {
                let text = details.get("message").and_then(Value::as_str).unwrap_or_default();
                Err(Error::Ended(Reason { uri: reason, text: text.to_owned() }))
            }
            Some(Message::Abort { reason, details, payload }) if !self.details.is_empty() => {
                let text = details.get("message").and_then(Value::as_str).unwrap_or_default();
                let text = if text.is_empty() { first(&payload) } else { text.to_owned() };
                Err(Error::Ended(Reason { uri: reason, text }))
            }
            Some(message) => Ok(message),
            None => {
                let why = (&mut self.link.ended).await;
                Err(Error::Lost(why.unwrap_or_else(|_| "the connection was closed".into())))
            }
        }
    }
}

/// When a limit is over; `None`: never, or not in a time that can be told.
fn end(limit: Duration) -> Option<Instant> {
    if limit.is_zero() { None } else { Instant::now().checked_add(limit) }
}

/// Which request a message answers.
fn answers(message: &Message) -> Option<Id> {
    match message {
        Message::Error { request_type, request, .. } if *request_type != kind::INVOCATION => Some(*request),
        Message::Published { request, .. }
        | Message::Subscribed { request, .. }
        | Message::Unsubscribed { request, details: None }
        | Message::Registered { request, .. }
        | Message::Unregistered { request, details: None }
        | Message::Result { request, .. } => Some(*request),
        _ => None,
    }
}

/// The first argument, for people.
fn first(payload: &Payload) -> String {
    let args = payload.decode().map(|(args, _)| args).unwrap_or_default();
    match args.into_iter().next() {
        Some(Value::Str(text)) => text,
        Some(other) => codec::json_text(&other),
        None => String::new(),
    }
}

/// What the command line's client can do.
fn roles() -> Dict {
    let role = |features: &[&str]| {
        let features = features.iter().fold(Dict::new(), |dict, feature| dict.with(*feature, true));
        Value::from(Dict::new().with("features", features))
    };
    Dict::new()
        .with(
            "caller",
            role(&["caller_identification", "progressive_call_results", "call_canceling", "call_timeout"]),
        )
        .with("callee", role(&["caller_identification", "pattern_based_registration", "shared_registration"]))
        .with(
            "publisher",
            role(&["publisher_identification", "subscriber_blackwhite_listing", "publisher_exclusion"]),
        )
        .with(
            "subscriber",
            role(&["publisher_identification", "pattern_based_subscription", "event_retention"]),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_limit_has_an_end_or_none() {
        assert_eq!(end(Duration::ZERO), None);
        assert_eq!(end(Duration::MAX), None);
        assert!(end(Duration::from_secs(1)).is_some_and(|end| end > Instant::now()));
    }
}
