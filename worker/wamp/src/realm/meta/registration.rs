//! `wamp.registration.*`

use super::session::{list, no_such_session_text};
use super::{Arguments, Refused, Reply};
use crate::realm::dealer::Registration;
use crate::realm::{Effects, Realm, errors};
use crate::time::rfc3339;
use crate::uri::Match;
use crate::{Dict, Id, Now, Value};

impl Realm {
    pub(crate) fn meta_registration(
        &mut self,
        now: Now,
        name: &str,
        arguments: &Arguments,
        out: &mut Effects,
    ) -> Option<Result<Reply, Refused>> {
        Some(match name {
            "list" => arguments.only(&[]).map(|()| Value::from(self.list_registrations()).into()),
            "lookup" => self.lookup_registration(arguments),
            "match" => self.match_registration(arguments),
            "get" => {
                self.registration_of(arguments, &[]).map(|r| Value::from(registration_details(r)).into())
            }
            "list_callees" => self
                .registration_of(arguments, &[])
                .map(|r| list(r.callees.iter().map(|callee| callee.session).collect()).into()),
            "count_callees" => self.registration_of(arguments, &[]).map(|r| (r.callees.len() as u64).into()),
            "remove_callee" => self.remove_callee(now, arguments, out),
            _ => return None,
        })
    }

    fn list_registrations(&self) -> Dict {
        let mut all: Vec<_> = self.dealer.registrations.iter().map(|(_, r)| r).collect();
        all.sort_by(|a, b| (a.created, &a.uri).cmp(&(b.created, &b.uri)));
        let of = |policy| list(all.iter().filter(|r| r.policy == policy).map(|r| r.id).collect());
        Match::ALL.into_iter().fold(Dict::new(), |dict, policy| dict.with(policy.name(), of(policy)))
    }

    fn lookup_registration(&self, arguments: &Arguments) -> Result<Reply, Refused> {
        arguments.only(&["procedure", "options"])?;
        let procedure = arguments.text(0, "procedure")?;
        let found = self.dealer.table.get(arguments.policy(1, "options")?, procedure);
        Ok(self.registration_id(found).into())
    }

    fn match_registration(&self, arguments: &Arguments) -> Result<Reply, Refused> {
        arguments.only(&["procedure"])?;
        let procedure = arguments.text(0, "procedure")?;
        let found = if procedure.starts_with("wamp.") { None } else { self.dealer.table.best(procedure) };
        Ok(self.registration_id(found).into())
    }

    fn registration_id(&self, key: Option<usize>) -> Value {
        key.map_or(Value::Null, |key| self.dealer.registrations[key].id.into())
    }

    fn registration_of(&self, arguments: &Arguments, more: &[&str]) -> Result<&Registration, Refused> {
        arguments.only(&[&["registration_id"], more].concat())?;
        let id = arguments.id(0, "registration_id")?;
        let key = self.dealer.by_id.get(&id).ok_or_else(|| no_such_registration(id))?;
        Ok(&self.dealer.registrations[*key])
    }

    fn remove_callee(
        &mut self,
        now: Now,
        arguments: &Arguments,
        out: &mut Effects,
    ) -> Result<Reply, Refused> {
        let id = self.registration_of(arguments, &["callee_id", "reason"])?.id;
        let callee = arguments.id(1, "callee_id")?;
        let reason = arguments.text_if(2, "reason")?;
        if !self.sessions.contains_key(&callee) {
            return Err(Refused::with_message(errors::NO_SUCH_SESSION, no_such_session_text(callee)));
        }
        if !self.revoke_registration(now, callee, id, reason, out) {
            let text = format!("session {callee} is not registered on registration {id} on this dealer");
            return Err(Refused::new(errors::NO_SUCH_REGISTRATION, text));
        }
        Ok(Value::Null.into())
    }
}

/// The details of a registration, as the meta API tells them.
pub(crate) fn registration_details(registration: &Registration) -> Dict {
    Dict::new()
        .with("id", registration.id)
        .with("created", rfc3339(registration.created))
        .with("uri", &*registration.uri)
        .with("match", registration.policy.name())
        .with("invoke", registration.invoke.name())
}

fn no_such_registration(id: Id) -> Refused {
    let text = format!("no registration with ID {id} exists on this dealer");
    Refused::new(errors::NO_SUCH_REGISTRATION, text)
}
