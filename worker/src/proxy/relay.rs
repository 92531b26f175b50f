//! One session, from its client to the router that has it.

use super::login::{login, welcome};
use super::routes::Routes;
use crate::client::{Error, Message, Reason, Session};
use crate::upstream::{Connection, Open};
use crate::wamp::{Passage, Router};
use jackfield_wamp::session::Joined;
use jackfield_wamp::{Dict, kind};
use std::rc::Rc;
use tracing::debug;

/// What is said where no router can be reached, or is reached no longer.
const NETWORK: &str = "wamp.error.network_failure";

/// Joins a session for a client that was let in, and passes on what is said until one of both ends it.
pub(super) async fn relay(routes: Rc<Routes>, router: Rc<Router>, passage: Rc<Passage>, joined: Joined) {
    let joining = tokio::select! {
        biased;
        () = passage.left() => return,
        joining = join(&routes, &joined) => joining,
    };
    let (mut session, open) = match joining {
        Ok(joined) => joined,
        Err(Reason { uri, text }) => return router.turn_away(&passage, &uri, &text),
    };
    let proxy = routes.told(&joined);
    let welcome = welcome(session.id, &session.details, &joined, &proxy);
    router.welcome(&passage, Rc::clone(session.outbox()), welcome);
    drop(joined);
    let ended = tokio::select! {
        biased;
        () = passage.left() => None,
        ended = receive(&mut session, &router, &passage) => Some(ended),
    };
    match ended {
        None => session.leave().await,
        Some(Error::Ended(Reason { uri, text })) => {
            router.end_passage(&passage, &uri, &text);
            session
                .send(Message::Goodbye { details: Dict::new(), reason: "wamp.close.goodbye_and_out".into() });
        }
        Some(Error::Protocol(text)) => {
            router.end_passage(&passage, "wamp.error.protocol_violation", &text);
        }
        Some(e) => {
            debug!("a session was lost: {e}");
            router.end_passage(&passage, NETWORK, "the connection with the router was lost");
        }
    }
    drop(open);
}

/// Passes on what the router says, as fast as the client takes it, until the session ends.
async fn receive(session: &mut Session, router: &Router, passage: &Rc<Passage>) -> Error {
    loop {
        match session.next().await {
            Ok(message) if is_for_clients(&message) => router.pass(passage, message),
            Ok(message) => {
                return Error::Protocol(format!("the router has sent {} in a session", message.name()));
            }
            Err(e) => return e,
        }
        passage.room().await;
    }
}

fn is_for_clients(message: &Message) -> bool {
    matches!(
        message.kind(),
        kind::ERROR
            | kind::PUBLISHED
            | kind::SUBSCRIBED
            | kind::UNSUBSCRIBED
            | kind::EVENT
            | kind::RESULT
            | kind::REGISTERED
            | kind::UNREGISTERED
            | kind::INVOCATION
            | kind::INTERRUPT
    )
}

/// Joins over the next connection of the route, or the one after that if nobody answers.
async fn join(routes: &Routes, joined: &Joined) -> Result<(Session, Open), Reason> {
    let (realm, role) = (&joined.realm, &joined.joining.authrole);
    let Some(connections) = routes.connections(realm, role) else {
        let text = format!("there is no route for role \"{role}\" of realm \"{realm}\"");
        return Err(Reason { uri: "wamp.error.no_such_role".into(), text });
    };
    let login = login(joined);
    for connection in connections {
        match connection.join(&login).await {
            Ok(session) => return Ok((session, Connection::open(&connection))),
            Err(Error::Refused(reason)) => return Err(reason),
            // The log and the status say more, and are for the operator.
            Err(_) => {}
        }
    }
    Err(Reason { uri: NETWORK.into(), text: "the router can't be reached".into() })
}
