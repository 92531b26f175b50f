//! Which process serves a link.

use crate::wamp::{Failure, Inside, Insider, ROUTER, Router};
use jackfield_wamp::rlink::{LOCK, MARK};
use jackfield_wamp::{Dict, Message, Outgoing, Payload, Value};
use std::rc::Rc;

/// What a session is refused with that is not the first to register a procedure.
const TAKEN: &str = "wamp.error.procedure_already_exists";

/// A session of the router's own for a link.
pub(super) async fn join(
    router: &Rc<Router>,
    realm: &str,
    link: &str,
    roles: Dict,
) -> Result<Inside, Failure> {
    let details = Dict::new().with("roles", roles).with("authextra", Dict::new().with(MARK, link));
    let who = Insider { realm: realm.to_owned(), role: ROUTER.to_owned(), authid: link.to_owned(), details };
    Inside::join(router, who).await
}

/// The right to serve a link, until it is dropped.
pub(super) struct Lead(Inside);

impl Lead {
    /// Waits until no other process serves a link.
    pub(super) async fn take(router: &Rc<Router>, realm: &str, link: &str) -> Result<Self, Failure> {
        let session = join(router, realm, link, jackfield_wamp::rlink::roles()).await?;
        let (options, topic) = (Dict::new(), "wamp.registration.on_delete".to_owned());
        session.send(Message::Subscribe { request: 1, options, topic });
        let mut request = 1;
        loop {
            request += 1;
            let (options, procedure) = (Dict::new(), format!("{LOCK}{link}"));
            session.send(Message::Register { request, options, procedure: procedure.clone() });
            match next(&session, |message| answers(message, request)).await?.message() {
                Message::Registered { .. } => return Ok(Self(session)),
                Message::Error { error, .. } if error == TAKEN => {}
                Message::Error { error, .. } => {
                    return Err(Failure::Refused(format!("it may not register \"{procedure}\": {error}")));
                }
                _ => continue,
            }
            request += 1;
            let (options, payload) = (Dict::new(), Payload::one(procedure));
            let procedure = "wamp.registration.lookup".to_owned();
            session.send(Message::Call { request, options, procedure, payload });
            let answer = next(&session, |message| answers(message, request)).await?;
            let Some(taken) = arguments(answer.message()).first().and_then(Value::as_id) else { continue };
            next(&session, |message| {
                let is_event = matches!(message, Message::Event { .. });
                is_event && arguments(message).get(1).and_then(Value::as_id) == Some(taken)
            })
            .await?;
        }
    }

    /// Completes when the right is gone.
    pub(super) async fn lost(&self) {
        // It has asked for no other answer.
        let _ = next(&self.0, |message| matches!(message, Message::Unregistered { .. })).await;
    }
}

fn answers(message: &Message, to: u64) -> bool {
    matches!(message, Message::Registered { request, .. } | Message::Error { request, .. } | Message::Result { request, .. } if *request == to)
}

/// The next message of a kind.
async fn next(session: &Inside, wanted: impl Fn(&Message) -> bool) -> Result<Rc<Outgoing>, Failure> {
    loop {
        let message = session.next().await.ok_or(Failure::Gone)?;
        match message.message() {
            Message::Goodbye { .. } | Message::Abort { .. } => return Err(Failure::Gone),
            own if wanted(own) => return Ok(message),
            _ => {}
        }
    }
}

fn arguments(message: &Message) -> Vec<Value> {
    match message {
        Message::Event { payload, .. } | Message::Result { payload, .. } => {
            payload.decode().map(|(args, _)| args).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}
