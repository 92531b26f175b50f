//! What a client is granted: realm, authid, role, and how it came to them.

use super::{Hello, Realms, Refusal};
use crate::auth::Principal;
use crate::{Dict, Value};

/// What a client will be, once it has proved who it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grant {
    pub(crate) realm: Option<String>,
    pub(crate) authid: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) method: String,
    pub(crate) provider: &'static str,
    pub(crate) extra: Option<Dict>,
    /// The connection between the client and its proxy, where there is one that tells of it.
    pub(crate) transport: Option<Dict>,
}

/// Roles that a client may have though the realm does not know them: it then may do nothing.
pub(crate) const EVERYWHERE: [&str; 2] = ["trusted", "anonymous"];

impl Grant {
    /// What the client wants.
    pub(crate) fn wanted(hello: &Hello, method: &str, provider: &'static str) -> Self {
        let (realm, authid) = (hello.realm.clone(), hello.authid.clone());
        Self { realm, authid, method: method.into(), provider, ..Self::default() }
    }

    /// Gives the role of a principal that is known, or one like those `others` have, which nobody will ever get.
    pub(crate) fn of_known<'a>(
        self,
        role: Option<Option<&str>>,
        others: impl IntoIterator<Item = Option<&'a str>>,
        realms: &dyn Realms,
    ) -> Result<Self, Refusal> {
        let Some(role) = role else {
            let realm = self.realm.clone().unwrap_or_default();
            let like = others.into_iter().flatten().find(|role| realms.has_role(&realm, role));
            return self.assign(&Principal::with_role(like.or(Some(EVERYWHERE[0]))), realms);
        };
        self.assign(&Principal::with_role(role), realms)
    }

    /// Takes over what a proxy says about its client.
    pub(crate) fn of_proxied(mut self, hello: &Hello, realms: &dyn Realms) -> Result<Self, Refusal> {
        let text = |key: &str| {
            let value =
                hello.authextra.as_ref().and_then(|extra| extra.get(key)?.as_str()).map(str::to_owned);
            value.ok_or_else(|| Refusal::not_authorized(format!("authextra has no \"{key}\"")))
        };
        let extra = hello.authextra.as_ref().and_then(|extra| extra.get("proxy_authextra"));
        let mut extra = extra.and_then(|extra| extra.clone().into_dict());
        if let Some(extra) = &mut extra {
            self.transport = extra.get("transport").cloned().and_then(Value::into_dict);
            extra.0.retain(|(key, _)| key != "transport");
        }
        let principal = Principal {
            realm: Some(text("proxy_realm")?),
            authid: Some(text("proxy_authid")?),
            role: Some(text("proxy_authrole")?),
            extra,
            ..Principal::default()
        };
        self.assign(&principal, realms)
    }

    /// Takes over what authentication says, and checks that there is such a realm with such a role.
    pub(crate) fn assign(mut self, principal: &Principal, realms: &dyn Realms) -> Result<Self, Refusal> {
        let over = |own: &mut Option<String>, other: &Option<String>| {
            if other.is_some() {
                own.clone_from(other);
            }
        };
        over(&mut self.realm, &principal.realm);
        over(&mut self.authid, &principal.authid);
        over(&mut self.role, &principal.role);
        if principal.extra.is_some() {
            self.extra.clone_from(&principal.extra);
        }
        self.check(realms).map(|()| self)
    }

    fn check(&self, realms: &dyn Realms) -> Result<(), Refusal> {
        let Some(realm) = self.realm.as_deref().filter(|realm| !realm.is_empty()) else {
            return Err(Refusal::no_such_realm("no realm assigned"));
        };
        if self.authid.as_deref().is_none_or(str::is_empty) {
            return Err(Refusal::new("wamp.error.no_such_principal", "no authid assigned"));
        }
        let Some(role) = self.role.as_deref().filter(|role| !role.is_empty()) else {
            return Err(Refusal::new("wamp.error.no_such_role", "no authrole assigned"));
        };
        if !realms.has_realm(realm) {
            return Err(Refusal::no_such_realm(format!("no realm \"{realm}\" exists on this router")));
        }
        if !EVERYWHERE.contains(&role) && !realms.has_role(realm, role) {
            return Err(Refusal::new(
                "wamp.error.no_such_role",
                format!("realm \"{realm}\" has no role \"{role}\""),
            ));
        }
        Ok(())
    }
}
