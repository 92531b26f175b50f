//! What edges keep for a hub, written for the link.

use super::error::Error;
use super::hub::Hub;
use super::wire::{Read, put_bytes, put_dict, put_maybe, put_message, put_number, put_payload};
use crate::realm::{Lasting, LastingEvent, LastingKey};
use crate::uri::Match;
use crate::{Id, Message};
use bytes::Bytes;
use std::time::Duration;

/// Something that was kept, and the realm that it belongs to.
pub(super) enum Record {
    Realm(String, Lasting),
    Session(Past),
}

/// A session as it is kept: who it is, and what it leaves behind.
pub(super) struct Past {
    pub(super) realm: String,
    pub(super) edge: u64,
    pub(super) session: Id,
    pub(super) authid: String,
    pub(super) authrole: String,
    /// The calls that make its testaments.
    pub(super) testaments: Vec<Message>,
}

impl Hub {
    /// A session as it is to be kept; nothing: there is none with this id.
    pub(super) fn put_session(&self, session: Id) -> Option<Vec<u8>> {
        let &(at, edge) = self.sessions.get(&session)?;
        let realm = self.realms.get(at)?;
        let (authid, authrole) = realm.identity(session)?;
        let mut out = Vec::new();
        put_bytes(realm.name().as_bytes(), &mut out);
        put_number(edge, &mut out);
        put_bytes(authid.as_bytes(), &mut out);
        put_bytes(authrole.as_bytes(), &mut out);
        realm.testaments(session).for_each(|testament| put_message(&testament, &mut out));
        Some(out)
    }
}

/// Something of a realm as it is to be kept.
pub(super) fn put(realm: &str, lasting: &Lasting) -> Vec<u8> {
    let mut out = Vec::new();
    put_bytes(realm.as_bytes(), &mut out);
    match lasting {
        Lasting::Topic { policy, uri, .. } => {
            put_bytes(policy.name().as_bytes(), &mut out);
            put_bytes(uri.as_bytes(), &mut out);
        }
        Lasting::Event(event) => {
            put_number(event.order, &mut out);
            put_number(u64::try_from(event.time.as_nanos()).unwrap_or(u64::MAX), &mut out);
            put_bytes(event.topic.as_bytes(), &mut out);
            put_dict(&event.details, &mut out);
            put_payload(&event.payload, &mut out);
            put_dict(&event.receivers, &mut out);
            put_maybe(event.except, &mut out);
            put_maybe(event.publisher.as_ref().map(|publisher| publisher.0), &mut out);
            if let Some((_, authid, authrole)) = &event.publisher {
                put_bytes(authid.as_bytes(), &mut out);
                put_bytes(authrole.as_bytes(), &mut out);
            }
        }
    }
    out
}

/// Reads what the functions above have written.
pub(super) fn read(key: LastingKey, content: &Bytes) -> Result<Record, Error> {
    let r = &mut Read(content.clone());
    let realm = r.text()?;
    let (past, publication) = match key {
        LastingKey::Session(session) => {
            let (edge, authid, authrole) = (r.number()?, r.text()?, r.text()?);
            let mut testaments = Vec::new();
            while !r.is_empty() {
                testaments.push(r.message()?);
            }
            return Ok(Record::Session(Past { realm, edge, session, authid, authrole, testaments }));
        }
        LastingKey::Topic(id) => {
            let policy = Match::named(&r.text()?).ok_or(Error::Malformed)?;
            return Ok(Record::Realm(realm, Lasting::Topic { id, policy, uri: r.text()? }));
        }
        LastingKey::Retained(publication) => (false, publication),
        LastingKey::Past(publication) => (true, publication),
    };
    let (order, time, topic) = (r.number()?, Duration::from_nanos(r.number()?), r.text()?);
    let (details, payload, receivers, except) = (r.dict()?, r.payload()?, r.dict()?, r.maybe()?);
    let publisher = match r.maybe()? {
        Some(session) => Some((session, r.text()?, r.text()?)),
        None => None,
    };
    let event = LastingEvent {
        past,
        order,
        time,
        publication,
        topic,
        details,
        payload,
        receivers,
        except,
        publisher,
    };
    Ok(Record::Realm(realm, Lasting::Event(Box::new(event))))
}
