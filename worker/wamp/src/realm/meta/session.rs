//! `wamp.session.*`

use super::{Arguments, Refused, Reply};
use crate::realm::session::Session;
use crate::realm::{Realm, errors};
use crate::{Dict, Id, Value, uri};

impl Realm {
    pub(crate) fn meta_session(
        &mut self,
        caller: Option<Id>,
        name: &str,
        arguments: &Arguments,
    ) -> Option<Result<Reply, Refused>> {
        Some(match name {
            "count" => self.sessions_of(arguments).map(|ids| (ids.len() as u64).into()),
            "list" => self.sessions_of(arguments).map(|ids| list(ids).into()),
            "get" => self.get_session(arguments),
            "kill" => self.kill_session(caller, arguments),
            "kill_by_authid" => self.kill_sessions(caller, arguments, "authid", |own| &own.identity.authid),
            "kill_by_authrole" => {
                self.kill_sessions(caller, arguments, "authrole", |own| &own.identity.authrole)
            }
            "kill_all" => self.kill_all(caller, arguments),
            "add_testament" => self.add_testament(caller, arguments),
            "flush_testaments" => self.flush_testaments(caller, arguments),
            _ => return None,
        })
    }

    /// The sessions of given roles, or all, in the order of joining.
    fn sessions_of(&self, arguments: &Arguments) -> Result<Vec<Id>, Refused> {
        arguments.only(&["filter_authroles"])?;
        let roles = arguments.names(0, "filter_authroles")?;
        Ok(self
            .find_sessions(|own| roles.as_ref().is_none_or(|roles| roles.contains(&&*own.identity.authrole))))
    }

    fn find_sessions(&self, wanted: impl Fn(&Session) -> bool) -> Vec<Id> {
        let mut found: Vec<_> = self.sessions.values().filter(|own| wanted(own)).collect();
        found.sort_unstable_by_key(|own| own.joined);
        found.into_iter().map(|own| own.identity.session).collect()
    }

    fn get_session(&self, arguments: &Arguments) -> Result<Reply, Refused> {
        arguments.only(&["session_id"])?;
        let id = arguments.id(0, "session_id")?;
        let own = self.sessions.get(&id).ok_or_else(|| no_such_session(id))?;
        Ok(Value::from(self.session_details(own)).into())
    }

    /// The details of a session, as the meta API tells them.
    pub(crate) fn session_details(&self, own: &Session) -> Dict {
        let mut details = Dict::new().with("realm", self.config.name.as_str());
        details.0.extend(own.details().0);
        details
    }

    fn kill_session(&self, caller: Option<Id>, arguments: &Arguments) -> Result<Reply, Refused> {
        arguments.only(&["session_id", "reason", "message"])?;
        let id = arguments.id(0, "session_id")?;
        let (reason, message) = farewell(arguments, 1)?;
        if caller == Some(id) || !self.sessions.contains_key(&id) {
            return Err(no_such_session(id));
        }
        Ok(Reply { kill: vec![id], reason, message, ..Value::Null.into() })
    }

    fn kill_sessions(
        &self,
        caller: Option<Id>,
        arguments: &Arguments,
        name: &str,
        key: impl Fn(&Session) -> &str,
    ) -> Result<Reply, Refused> {
        arguments.only(&[name, "reason", "message"])?;
        let wanted = arguments.text(0, name)?;
        let (reason, message) = farewell(arguments, 1)?;
        let kill = self.find_sessions(|own| key(own) == wanted && caller != Some(own.identity.session));
        Ok(Reply { reason, message, ..list(kill.clone()).into() }.killing(kill))
    }

    fn kill_all(&self, caller: Option<Id>, arguments: &Arguments) -> Result<Reply, Refused> {
        arguments.only(&["reason", "message"])?;
        let (reason, message) = farewell(arguments, 0)?;
        let kill = self.find_sessions(|own| caller != Some(own.identity.session));
        Ok(Reply { reason, message, ..(kill.len() as u64).into() }.killing(kill))
    }
}

impl Reply {
    fn killing(mut self, kill: Vec<Id>) -> Self {
        self.kill = kill;
        self
    }
}

/// Reason and message of a GOODBYE.
fn farewell(arguments: &Arguments, at: usize) -> Result<(Option<String>, Option<String>), Refused> {
    let reason = arguments.text_if(at, "reason")?;
    if let Some(reason) = reason
        && !uri::is_valid(reason, uri::Check::Loose)
    {
        let text = format!("the reason '{}' is not a URI", errors::short(reason));
        return Err(Refused::new(errors::INVALID_URI, text));
    }
    let message = arguments.text_if(at + 1, "message")?;
    Ok((reason.map(str::to_owned), message.map(str::to_owned)))
}

pub(crate) fn no_such_session_text(id: Id) -> String {
    format!("no session with ID {id} exists on this router")
}

fn no_such_session(id: Id) -> Refused {
    Refused::new(errors::NO_SUCH_SESSION, no_such_session_text(id))
}

/// A list of ids.
pub(crate) fn list(ids: Vec<Id>) -> Value {
    Value::List(ids.into_iter().map(Value::from).collect())
}
