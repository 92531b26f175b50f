//! One link: connected, and connected again.

use super::leader::{Lead, join};
use crate::client::{Credentials, Login, Secret, Session};
use crate::upstream::{Connection, Setting};
use crate::wamp::outbox::{Outbox, Queued};
use crate::wamp::random::fill;
use crate::wamp::{Inside, Router};
use jackfield_shared::backoff::Backoff;
use jackfield_shared::config::Rlink;
use jackfield_wamp::rlink::{Bridge, MARK, Side, Terms, roles};
use jackfield_wamp::{Dict, Id, Message, Outgoing, Payload, Value, kind};
use std::rc::Rc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

/// After a session that lasted so long the attempts begin anew.
const LASTING: Duration = Duration::from_secs(1);

/// A link from a realm to one of another router.
pub(super) struct Link {
    id: String,
    realm: String,
    remote_realm: String,
    terms: Terms,
    retry_max: Duration,
    pub(super) connection: Rc<Connection>,
}

impl Link {
    pub(super) fn new(realm: &str, config: &Rlink, setting: Setting<'_>) -> Result<Self, String> {
        let key = setting.key.ok_or("the plan came without the key of the node")?;
        let credentials = Credentials::CryptosignOrAnonymous(Secret(key.private.0.clone()));
        let who = (config.authid.clone(), credentials);
        let connection = Connection::new(&config.id, &config.transport, config.timeout, who, setting)?;
        Ok(Self {
            id: config.id.clone(),
            realm: realm.to_owned(),
            remote_realm: config.realm.clone(),
            terms: Terms {
                local_events: config.forward_local_events,
                remote_events: config.forward_remote_events,
                local_invocations: config.forward_local_invocations,
                remote_invocations: config.forward_remote_invocations,
                exclude_authid: config.exclude_authid.clone(),
            },
            retry_max: config.retry_max,
            connection: Rc::new(connection),
        })
    }

    /// Serves the link whenever it is this process's turn.
    pub(super) async fn serve(&self, router: &Rc<Router>) {
        loop {
            match Lead::take(router, &self.realm, &self.id).await {
                Ok(lead) => tokio::select! {
                    () = lead.lost() => {}
                    () = self.keep(router) => {}
                },
                Err(e) => self.connection.note(format!("the link has no session in its own realm: {e}")),
            }
            sleep(self.retry_max).await;
        }
    }

    /// Connects, and connects again.
    async fn keep(&self, router: &Rc<Router>) {
        let mut backoff = Backoff::default();
        loop {
            let began = Instant::now();
            self.link(router).await;
            if began.elapsed() > LASTING {
                backoff.reset();
            }
            let mut random = [0; 4];
            fill(&mut random);
            sleep(backoff.delay(u32::from_ne_bytes(random)).min(self.retry_max)).await;
        }
    }

    /// One session with each router, until one of them ends.
    async fn link(&self, router: &Rc<Router>) {
        let details =
            Dict::new().with("roles", roles()).with("authextra", Dict::new().with(MARK, self.id.as_str()));
        let login = Login {
            realm: Some(self.remote_realm.clone()),
            authid: None,
            credentials: Credentials::Method(String::new()),
            bound: false,
            details,
        };
        // The connection says why there is none.
        let Ok(remote) = self.connection.join(&login).await else { return };
        // A router may know better than the client which realm is its.
        let realm = remote.details.get("realm").and_then(Value::as_str).unwrap_or(&self.remote_realm);
        if realm != self.remote_realm {
            let wanted = &self.remote_realm;
            let text =
                format!("the other router lets the link into realm \"{realm}\", not into \"{wanted}\"");
            return self.connection.note(text);
        }
        let local = match join(router, &self.realm, &self.id, roles()).await {
            Ok(local) => local,
            Err(e) => {
                return self.connection.note(format!("the link has no session in its own realm: {e}"));
            }
        };
        info!("link \"{}\": connected with realm \"{}\" of the other router", self.id, self.remote_realm);
        let open = Connection::open(&self.connection);
        let why = self.pump(&local, remote).await;
        drop(open);
        self.connection.note(why);
    }

    /// Carries messages, neither side's faster than the other one takes them. Completes with the reason for the end.
    async fn pump(&self, local: &Inside, mut remote: Session) -> String {
        let outbox = Rc::clone(remote.outbox());
        let mut bridge = Bridge::new(self.terms.clone(), local.id, remote.id);
        let mut before = (0, 0);
        loop {
            while let Some(message) = next_output(&mut bridge, local) {
                if !send(&outbox, &mut bridge, message) {
                    return "the other router does not take what is sent to it".into();
                }
            }
            for notice in bridge.take_notices() {
                warn!("link \"{}\": {notice}", self.id);
            }
            if let Some(why) = bridge.failed() {
                return why.to_owned();
            }
            let mirrored = bridge.mirrored();
            if std::mem::replace(&mut before, mirrored) != mirrored {
                let (subscriptions, registrations) = mirrored;
                debug!("link \"{}\": {subscriptions} subscriptions, {registrations} registrations", self.id);
            }
            let from_local = async {
                outbox.room().await;
                local.next().await
            };
            let from_remote = async {
                local.room().await;
                remote.next().await
            };
            tokio::select! {
                message = from_local => match message.as_ref().map(|message| message.message()) {
                    None | Some(Message::Goodbye { .. } | Message::Abort { .. }) => {
                        return "the session of the link in its own realm has ended".into();
                    }
                    Some(message) => bridge.receive(Side::Local, message.clone()),
                },
                message = from_remote => match message {
                    Ok(message) => bridge.receive(Side::Remote, message),
                    Err(e) => return e.to_string(),
                },
            }
        }
    }
}

/// Hands out what is for the local router; the next message that is for the other one.
fn next_output(bridge: &mut Bridge, local: &Inside) -> Option<Message> {
    bridge.take_output(Side::Local).into_iter().for_each(|message| local.send(message));
    bridge.take_one(Side::Remote)
}

/// Sends a message to the other router; false: it takes none.
fn send(outbox: &Outbox, bridge: &mut Bridge, message: Message) -> bool {
    let message = Rc::new(Outgoing::new(message));
    match outbox.push(&message) {
        Queued::Yes | Queued::Dropped => true,
        Queued::Full => false,
        Queued::TooLong => {
            let refused = |request_type, request: Id| Message::Error {
                request_type,
                request,
                details: Dict::new(),
                error: "wamp.error.payload_size_exceeded".into(),
                payload: Payload::one("the payload is longer than what the other router takes"),
            };
            match message.message() {
                Message::Call { request, .. } => bridge.receive(Side::Remote, refused(kind::CALL, *request)),
                Message::Publish { request, .. } => {
                    bridge.receive(Side::Remote, refused(kind::PUBLISH, *request));
                }
                Message::Yield { request, .. } | Message::Error { request, .. } => {
                    outbox.push(&Rc::new(Outgoing::new(refused(kind::INVOCATION, *request))));
                }
                _ => return false,
            }
            true
        }
    }
}
