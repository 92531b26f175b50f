//! A way to a router, over which sessions are joined.

use super::setting::Setting;
use crate::client::{Credentials, Error, Login, Room, Serializer, Session, Speech};
use crate::connect::Connector;
use jackfield_shared::config::{ConnectingTransport, Serializer as Written};
use jackfield_shared::status::ConnectionCounters;
use jackfield_shared::tls::Files;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;
use tracing::warn;

/// A way to a router.
pub(crate) struct Connection {
    name: String,
    connector: Connector,
    speech: Speech,
    room: Room,
    authid: Option<String>,
    credentials: Credentials,
    /// How long a session may take to be there.
    pub(crate) timeout: Duration,
    sessions: Cell<u64>,
    joined: Cell<u64>,
    failed: Cell<u64>,
    last_error: RefCell<Option<String>>,
}

/// Counts a session for as long as it is open.
pub(crate) struct Open(Rc<Connection>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.sessions.set(self.0.sessions.get() - 1);
    }
}

impl Connection {
    /// A way by this transport; a session may take `timeout` to be there, and joins as `who`.
    pub(crate) fn new(
        name: &str,
        transport: &ConnectingTransport,
        timeout: Duration,
        who: (Option<String>, Credentials),
        setting: Setting<'_>,
    ) -> Result<Self, String> {
        let connector = Connector::new(transport.endpoint(), setting.means)?;
        let speech = match transport {
            ConnectingTransport::Websocket(transport) => Speech {
                websocket: Some(transport.url.clone()),
                serializer: best(transport.serializers.as_deref())?,
            },
            ConnectingTransport::Rawsocket(transport) => {
                Speech { websocket: None, serializer: best(Some(&[transport.serializer]))? }
            }
        };
        let (authid, credentials) = who;
        Ok(Self {
            name: name.to_owned(),
            connector,
            speech,
            room: Room { scratch: Rc::clone(setting.scratch), budget: Rc::clone(setting.budget) },
            authid,
            credentials,
            timeout,
            sessions: Cell::new(0),
            joined: Cell::new(0),
            failed: Cell::new(0),
            last_error: RefCell::new(None),
        })
    }

    /// Joins a session as `login` says, but by the connection's own proof.
    pub(crate) async fn join(&self, login: &Login) -> Result<Session, Error> {
        let (authid, credentials) = (self.authid.clone(), self.credentials.clone());
        let login = Login { authid, credentials, ..login.clone() };
        let joined = Session::join_by(&self.connector, &self.speech, &self.room, &login, self.timeout).await;
        match &joined {
            Ok(_) => {
                self.joined.set(self.joined.get() + 1);
                *self.last_error.borrow_mut() = None;
            }
            Err(e) => self.note(e.to_string()),
        }
        joined
    }

    /// Counts a session that is not there, or of no use, for this reason.
    pub(crate) fn note(&self, text: String) {
        self.failed.set(self.failed.get() + 1);
        let before = self.last_error.replace(Some(text.clone()));
        // What fails again and again need not be said each time.
        if before.as_ref() != Some(&text) {
            warn!("connection \"{}\": no session with the router: {text}", self.name);
        }
    }

    /// Counts one of its sessions.
    pub(crate) fn open(self: &Rc<Self>) -> Open {
        self.sessions.set(self.sessions.get() + 1);
        Open(Rc::clone(self))
    }

    /// Makes new connections with the files of TLS as they are now.
    pub(crate) fn renew(&self, files: &Files) -> Result<(), String> {
        self.connector.renew(files).map_err(|e| format!("connection \"{}\": {e}", self.name))
    }

    /// What was counted so far.
    pub(crate) fn counters(&self) -> ConnectionCounters {
        ConnectionCounters {
            name: self.name.clone(),
            to: self.connector.to_string(),
            sessions: self.sessions.get(),
            joined: self.joined.get(),
            failed: self.failed.get(),
            last_error: self.last_error.borrow().clone(),
        }
    }
}

/// The serializer that costs least of those that may be spoken.
fn best(configured: Option<&[Written]>) -> Result<Serializer, String> {
    let may =
        |one: &Serializer| configured.is_none_or(|list| list.iter().any(|other| other.name() == one.name()));
    [Serializer::Cbor, Serializer::Msgpack, Serializer::Json].into_iter().find(may).ok_or_else(|| {
        "of the serializers none is spoken here; \"json\", \"msgpack\" and \"cbor\" are".into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_serializer_of_those_configured_is_spoken() {
        assert_eq!(best(None), Ok(Serializer::Cbor));
        assert_eq!(best(Some(&[Written::Json, Written::Ubjson, Written::Msgpack])), Ok(Serializer::Msgpack));
        assert!(best(Some(&[Written::Ubjson])).unwrap_err().contains("none is spoken"));
    }
}
