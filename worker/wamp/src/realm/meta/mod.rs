//! The meta API: procedures and events of `wamp.`.

mod arguments;
mod events;
mod history;
mod registration;
mod session;
mod subscription;
mod testament;

pub(crate) use arguments::{Arguments, Refused};

use super::dealer::Caller;
use super::{Effect, Effects, ForHub, Realm, errors};
use crate::{Dict, Id, Now, Payload, Value};

/// What a procedure answers, and which sessions end by it after that.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) payload: Payload,
    pub(crate) kill: Vec<Id>,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
}

impl<T: Into<Value>> From<T> for Reply {
    fn from(value: T) -> Self {
        Self { payload: Payload::one(value), ..Self::default() }
    }
}

impl Realm {
    /// Answers a call of a procedure of `wamp.`.
    pub(crate) fn call_meta(
        &mut self,
        now: Now,
        caller: Caller,
        procedure: &str,
        payload: &Payload,
        out: &mut Effects,
    ) {
        let reply =
            if self.config.meta_api { self.answer_meta(now, caller, procedure, payload, out) } else { None };
        match reply {
            Some(Ok(reply)) => {
                self.respond(caller, Dict::new(), reply.payload, out);
                if let Caller::Session { session, .. } = caller
                    && self.lasting
                    && procedure.ends_with("_testament") | procedure.ends_with("_testaments")
                {
                    out.push(Effect::Hub(ForHub::Testaments(session)));
                }
                for session in reply.kill {
                    self.end_session(now, session, reply.reason.as_deref(), reply.message.clone(), out);
                }
            }
            Some(Err(Refused { error, payload })) => {
                self.respond_error(caller, error, Dict::new(), payload, out);
            }
            None => {
                let text = format!("no callee registered for procedure <{}>", errors::short(procedure));
                self.respond_error(caller, errors::NO_SUCH_PROCEDURE, Dict::new(), Payload::one(text), out);
            }
        }
    }

    fn answer_meta(
        &mut self,
        now: Now,
        caller: Caller,
        procedure: &str,
        payload: &Payload,
        out: &mut Effects,
    ) -> Option<Result<Reply, Refused>> {
        let (subject, name) = procedure.strip_prefix("wamp.")?.split_once('.')?;
        if !matches!(subject, "session" | "registration" | "subscription") {
            return None;
        }
        let arguments = match payload.decode() {
            Ok((args, kwargs)) => Arguments::new(args, kwargs),
            Err(why) => return Some(Err(Refused::argument(format!("the arguments cannot be read: {why}")))),
        };
        let session = if let Caller::Session { session, .. } = caller { Some(session) } else { None };
        match subject {
            "session" => self.meta_session(session, name, &arguments),
            "registration" => self.meta_registration(now, name, &arguments, out),
            _ => self.meta_subscription(now, session, name, &arguments, out),
        }
    }
}
