//! Who decides about a client, and by which proof.

use super::{Answer, Grant, Hello, Output, Refusal, Session, State, Terms, decoy};
use crate::auth::cryptosign::{self, Binding};
use crate::auth::{Anonymous, Dynamic, Methods, Pending, Principal, Proof, Remembered, Source, Ticket};
use crate::auth::{scram, wampcra};
use crate::uri::Check;
use crate::{Dict, Ids, Message, Now, Payload, Value};
use std::collections::BTreeMap;

/// A client about whom a procedure decides.
#[derive(Debug)]
pub(super) struct Asking {
    pub(super) hello: Hello,
    pub(super) grant: Grant,
    pub(super) next: Next,
}

/// What follows the answer of a procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The client is let in.
    Admit,
    /// It gets a challenge of this method.
    Challenge(&'static str),
}

/// The method by which a proxy proves with a key that it is one.
const PROXY: &str = "cryptosign-proxy";

/// One text for every proof that is wrong, whatever is wrong with it.
pub(super) const WRONG: &str = "authentication failed: the authid is unknown, or the proof is wrong";

type Tried = Result<Output, Refusal>;

impl Session {
    pub(super) fn hello(&mut self, now: Now, hello: Hello, terms: Terms<'_>, ids: &mut Ids) -> Output {
        if hello.realm.as_deref().is_some_and(|realm| !crate::uri::is_valid(realm, Check::Loose)) {
            return self.refuse(Refusal::new("wamp.error.invalid_uri", "the realm is no valid URI"));
        }
        let anonymous = ["anonymous".to_owned()];
        let wanted = if hello.authmethods.is_empty() { &anonymous[..] } else { &hello.authmethods };
        let tried = if terms.methods.cookie
            && wanted.iter().any(|method| method == "cookie")
            && let Some(remembered) = self.connection.cookie.clone()
        {
            Some(self.remembered(&hello, remembered, terms))
        } else {
            // The first method that is configured decides.
            wanted.iter().find_map(|method| self.by(method, now, &hello, terms, ids))
        };
        let none = || {
            let offered = wanted.join(", ");
            Err(Refusal::new(
                "wamp.error.no_auth_method",
                format!("none of the authmethods that the client offers ({offered:.200}) is accepted here"),
            ))
        };
        tried.unwrap_or_else(none).unwrap_or_else(|refusal| self.refuse(refusal))
    }

    /// Tries a method, if it is configured.
    fn by(
        &mut self,
        method: &str,
        now: Now,
        hello: &Hello,
        terms: Terms<'_>,
        ids: &mut Ids,
    ) -> Option<Tried> {
        let Methods { anonymous, ticket, wampcra, scram, cryptosign, cryptosign_proxy, tls, .. } =
            terms.methods;
        Some(match method {
            "anonymous" if terms.methods.absent => {
                let open = Source::Static(Anonymous { realm: None, role: "anonymous".into(), authid: None });
                self.anonymous(hello, &open, terms, ids)
            }
            "anonymous" => self.anonymous(hello, anonymous.as_ref()?, terms, ids),
            "anonymous-proxy" if terms.methods.anonymous_proxy => self.anonymous_proxy(hello, terms),
            "ticket" => self.ticket(hello, ticket.as_ref()?, terms, ids),
            "wampcra" => self.wampcra(now, hello, wampcra.as_ref()?, terms, ids),
            "scram" => self.scram(hello, scram.as_ref()?, terms, ids),
            "cryptosign" => self.cryptosign(hello, cryptosign.as_ref()?, "cryptosign", terms, ids),
            PROXY => self.cryptosign(hello, cryptosign_proxy.as_ref()?, PROXY, terms, ids),
            "tls" => self.tls(hello, tls.as_ref()?, terms),
            _ => return None,
        })
    }

    fn remembered(&mut self, hello: &Hello, remembered: Remembered, terms: Terms<'_>) -> Tried {
        let Remembered { realm, authid, authrole, authmethod, authextra } = remembered;
        let grant = Grant { method: authmethod, provider: "cookie", ..Grant::default() };
        let principal = Principal {
            realm: Some(realm),
            authid: Some(authid),
            role: Some(authrole),
            extra: authextra,
            ..Principal::default()
        };
        Ok(self.accept(hello, grant.assign(&principal, terms.realms)?, terms))
    }

    fn anonymous(
        &mut self,
        hello: &Hello,
        source: &Source<Anonymous>,
        terms: Terms<'_>,
        ids: &mut Ids,
    ) -> Tried {
        let grant = Grant::wanted(hello, "anonymous", source.provider());
        match source {
            Source::Static(Anonymous { realm, role, authid }) => {
                let authid = authid.clone().or_else(|| self.connection.cookie_value.clone());
                let principal = Principal {
                    realm: realm.clone(),
                    authid: Some(authid.unwrap_or_else(|| decoy::serial(ids))),
                    role: Some(role.clone()),
                    extra: hello.authextra.clone(),
                    ..Principal::default()
                };
                Ok(self.accept(hello, grant.assign(&principal, terms.realms)?, terms))
            }
            Source::Dynamic(dynamic) => {
                let authid = self.connection.cookie_value.clone().unwrap_or_else(|| decoy::serial(ids));
                let grant = Grant { authid: Some(authid), ..grant };
                self.ask(hello, grant, dynamic, Next::Admit, Dict::new(), terms)
            }
        }
    }

    fn anonymous_proxy(&mut self, hello: &Hello, terms: Terms<'_>) -> Tried {
        let grant = Grant::wanted(hello, "anonymous-proxy", "static");
        Ok(self.accept(hello, grant.of_proxied(hello, terms.realms)?, terms))
    }

    fn ticket(
        &mut self,
        hello: &Hello,
        source: &Source<BTreeMap<String, Ticket>>,
        terms: Terms<'_>,
        ids: &mut Ids,
    ) -> Tried {
        let grant = Grant::wanted(hello, "ticket", source.provider());
        match source {
            Source::Static(tickets) => {
                let grant = Grant { extra: hello.authextra.clone(), ..grant };
                let known = tickets.get(named(hello)?);
                let grant = grant.of_known(
                    known.map(ticket_role),
                    tickets.values().map(ticket_role),
                    terms.realms,
                )?;
                let ticket = known.map_or_else(|| decoy::secret(ids), |known| known.ticket.clone());
                Ok(self.challenge(hello.clone(), grant, Pending::Ticket(ticket), Dict::new()))
            }
            Source::Dynamic(dynamic) => {
                Ok(self.challenge(hello.clone(), grant, Pending::TicketFor(dynamic.clone()), Dict::new()))
            }
        }
    }

    fn wampcra(
        &mut self,
        now: Now,
        hello: &Hello,
        source: &Source<BTreeMap<String, wampcra::User>>,
        terms: Terms<'_>,
        ids: &mut Ids,
    ) -> Tried {
        let grant = Grant::wanted(hello, "wampcra", source.provider());
        match source {
            Source::Static(users) => {
                let authid = named(hello)?;
                let known = users.get(authid);
                let grant =
                    grant.of_known(known.map(user_role), users.values().map(user_role), terms.realms)?;
                let user = known.cloned().unwrap_or_else(|| decoy::user(users, authid, ids));
                Ok(self.wampcra_challenge(now, hello.clone(), grant, user, ids))
            }
            Source::Dynamic(dynamic) => {
                self.ask(hello, grant, dynamic, Next::Challenge("wampcra"), who(hello), terms)
            }
        }
    }

    fn wampcra_challenge(
        &mut self,
        now: Now,
        hello: Hello,
        grant: Grant,
        user: wampcra::User,
        ids: &mut Ids,
    ) -> Output {
        let (authid, role) =
            (grant.authid.as_deref().unwrap_or_default(), grant.role.as_deref().unwrap_or_default());
        let challenge = wampcra::challenge(authid, role, grant.provider, self.id, ids.random(), now);
        let extra = user.extra(&challenge);
        self.challenge(hello, grant, Pending::Wampcra(Box::new(user), challenge), extra)
    }

    fn scram(
        &mut self,
        hello: &Hello,
        source: &Source<BTreeMap<String, scram::Keys>>,
        terms: Terms<'_>,
        ids: &mut Ids,
    ) -> Tried {
        let grant = Grant::wanted(hello, "scram", source.provider());
        let authid = named(hello)?;
        scram_nonce(hello)?;
        match source {
            Source::Static(principals) => {
                let known = principals.get(authid);
                let grant =
                    grant.of_known(known.map(keys_role), principals.values().map(keys_role), terms.realms)?;
                let keys = known.cloned().unwrap_or_else(|| decoy::keys(principals, authid, ids));
                self.scram_challenge(hello.clone(), grant, &keys, ids)
            }
            Source::Dynamic(dynamic) => {
                self.ask(hello, grant, dynamic, Next::Challenge("scram"), Dict::new(), terms)
            }
        }
    }

    fn scram_challenge(&mut self, hello: Hello, grant: Grant, keys: &scram::Keys, ids: &mut Ids) -> Tried {
        let nonce = scram_nonce(&hello)?;
        let (exchange, extra) =
            keys.challenge(grant.authid.as_deref().unwrap_or_default(), &nonce, ids.bytes());
        Ok(self.challenge(hello, grant, Pending::Scram(exchange), extra))
    }

    fn cryptosign(
        &mut self,
        hello: &Hello,
        source: &Source<BTreeMap<String, cryptosign::Keys>>,
        method: &str,
        terms: Terms<'_>,
        ids: &mut Ids,
    ) -> Tried {
        let grant = Grant::wanted(hello, method, source.provider());
        let binding = Binding::of(hello.authextra.as_ref(), self.connection.channel);
        let binding = binding.map_err(Refusal::not_authorized)?;
        let asked = hello.authextra.as_ref().and_then(|extra| extra.get("pubkey")?.as_str());
        match source {
            Source::Static(principals) => {
                let asked = asked.ok_or_else(|| Refusal::not_authorized("authextra has no \"pubkey\""))?;
                // Who has no such key and who does not exist get the same answer.
                let wrong = || Refusal::not_authorized(WRONG);
                let key = cryptosign::key(asked).ok_or_else(wrong)?;
                let has = |keys: &cryptosign::Keys| {
                    keys.authorized_keys.iter().any(|known| known.eq_ignore_ascii_case(asked))
                };
                let (authid, keys) = match hello.authid.as_deref().filter(|authid| !authid.is_empty()) {
                    Some(authid) => {
                        let keys = principals.get(authid).filter(|keys| has(keys));
                        (authid, keys.ok_or_else(wrong)?)
                    }
                    None => {
                        let mut found = principals.iter().filter(|(_, keys)| has(keys));
                        match (found.next(), found.next()) {
                            (Some((authid, keys)), None) => (authid.as_str(), keys),
                            _ => return Err(wrong()),
                        }
                    }
                };
                let grant = if method == PROXY {
                    grant.of_proxied(hello, terms.realms)?
                } else {
                    let principal = Principal {
                        realm: keys.realm.clone(),
                        authid: Some(authid.to_owned()),
                        ..Principal::with_role(keys.role.as_deref())
                    };
                    grant.assign(&principal, terms.realms)?
                };
                let (exchange, extra) = cryptosign::Exchange::new(key, &binding, ids.bytes());
                Ok(self.challenge(hello.clone(), grant, Pending::Cryptosign(exchange), extra))
            }
            Source::Dynamic(dynamic) => {
                self.ask(hello, grant, dynamic, Next::Challenge("cryptosign"), who(hello), terms)
            }
        }
    }

    fn tls(
        &mut self,
        hello: &Hello,
        source: &Source<BTreeMap<String, Principal>>,
        terms: Terms<'_>,
    ) -> Tried {
        let Some(certificate) = self.connection.certificate.clone() else {
            return Err(Refusal::not_authorized("the client has shown no TLS certificate"));
        };
        let grant = Grant::wanted(hello, "tls", source.provider());
        match source {
            Source::Static(principals) => {
                let principal = principals.get(&certificate).ok_or_else(|| Refusal::not_authorized(WRONG))?;
                Ok(self.accept(hello, grant.assign(principal, terms.realms)?, terms))
            }
            Source::Dynamic(dynamic) => self.ask(hello, grant, dynamic, Next::Admit, Dict::new(), terms),
        }
    }

    /// Sends a challenge.
    fn challenge(&mut self, hello: Hello, grant: Grant, pending: Pending, extra: Dict) -> Output {
        let method = pending.method().to_owned();
        self.state = State::Challenged(Box::new((hello, grant, pending)));
        Output::Send(Message::Challenge { method, extra })
    }

    /// Asks a procedure about the client. `more` joins what the procedure is told of it.
    fn ask(
        &mut self,
        hello: &Hello,
        grant: Grant,
        dynamic: &Dynamic,
        next: Next,
        more: Dict,
        terms: Terms<'_>,
    ) -> Tried {
        let realm = dynamic.realm.clone().or_else(|| hello.realm.clone());
        let realm = realm.ok_or_else(|| Refusal::no_such_realm("no realm requested"))?;
        if !terms.realms.has_realm(&realm) {
            return Err(Refusal::no_such_realm(format!("no realm \"{realm}\" exists on this router")));
        }
        let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Str);
        let mut details = Dict::new()
            .with("transport", self.connection.transport.clone())
            .with("session", self.id)
            .with("authmethod", grant.method.as_str())
            .with("authextra", hello.authextra.clone().map_or(Value::Null, Value::from));
        details.0.extend(more.0);
        let args = vec![text(&hello.realm), text(&grant.authid), details.into()];
        self.state = State::Asking(Box::new(Asking { hello: hello.clone(), grant, next }));
        let (procedure, payload) = (dynamic.procedure.clone(), Payload::of(args, Dict::new()));
        Ok(Output::Ask { realm, role: dynamic.role.clone(), procedure, payload })
    }

    /// Takes the answer to a challenge.
    pub(super) fn authenticate(&mut self, signature: &str, terms: Terms<'_>) -> Output {
        let State::Challenged(challenged) = std::mem::replace(&mut self.state, State::Between) else {
            return Output::Nothing;
        };
        let (hello, mut grant, pending) = *challenged;
        if let Pending::TicketFor(dynamic) = &pending {
            let ticket = Dict::new().with("ticket", signature);
            let asked = self.ask(&hello, grant, dynamic, Next::Admit, ticket, terms);
            return asked.unwrap_or_else(|refusal| self.refuse(refusal));
        }
        match pending.verify(signature) {
            Proof::Right { server } => {
                if let Some(proof) = server {
                    grant.extra.get_or_insert_default().push("scram_server_signature", proof);
                }
                self.accept(&hello, grant, terms)
            }
            Proof::Wrong => self.refuse(Refusal::not_authorized(WRONG)),
        }
    }

    /// Goes on with what a procedure has answered.
    pub(super) fn told(
        &mut self,
        now: Now,
        asking: Asking,
        answer: Answer,
        terms: Terms<'_>,
        ids: &mut Ids,
    ) -> Output {
        let tried = self.judged(now, asking, answer, terms, ids);
        tried.unwrap_or_else(|refusal| self.refuse(refusal))
    }

    fn judged(&mut self, now: Now, asking: Asking, answer: Answer, terms: Terms<'_>, ids: &mut Ids) -> Tried {
        let Asking { hello, grant, next } = asking;
        let failed = |text: String| Refusal::new("wamp.error.authentication_failed", text);
        let answer = answer.map_err(|(uri, payload)| Refusal::of_authenticator(uri, &payload))?;
        let principal = Principal::of(&answer).map_err(failed)?;
        let grant = if grant.method == PROXY {
            // The authenticator has said who the proxy is, by its key; the proxy says who the client is.
            grant.of_proxied(&hello, terms.realms)?
        } else {
            grant.assign(&principal, terms.realms)?
        };
        match next {
            Next::Admit => Ok(self.accept(&hello, grant, terms)),
            Next::Challenge("wampcra") => {
                let user = wampcra::User::of(&principal.answer).map_err(failed)?;
                Ok(self.wampcra_challenge(now, hello, grant, user, ids))
            }
            Next::Challenge("scram") => {
                let keys = scram::Keys::of(&principal.answer).map_err(failed)?;
                self.scram_challenge(hello, grant, &keys, ids)
            }
            Next::Challenge(_) => {
                let key = principal.answer.get("pubkey").and_then(Value::as_str).and_then(cryptosign::key);
                let key = key.ok_or_else(|| failed("the authenticator has answered no \"pubkey\"".into()))?;
                let binding = Binding::of(hello.authextra.as_ref(), self.connection.channel);
                let binding = binding.map_err(Refusal::not_authorized)?;
                let (exchange, extra) = cryptosign::Exchange::new(key, &binding, ids.bytes());
                Ok(self.challenge(hello, grant, Pending::Cryptosign(exchange), extra))
            }
        }
    }
}

fn ticket_role(ticket: &Ticket) -> Option<&str> {
    ticket.role.as_deref()
}

fn user_role(user: &wampcra::User) -> Option<&str> {
    user.role.as_deref()
}

fn keys_role(keys: &scram::Keys) -> Option<&str> {
    keys.role.as_deref()
}

/// The authid that the client names.
fn named(hello: &Hello) -> Result<&str, Refusal> {
    let named = hello.authid.as_deref().filter(|authid| !authid.is_empty());
    named.ok_or_else(|| Refusal::not_authorized("HELLO names no authid"))
}

fn scram_nonce(hello: &Hello) -> Result<Vec<u8>, Refusal> {
    scram::nonce(hello.authextra.as_ref())
        .ok_or_else(|| Refusal::not_authorized("authextra has no \"nonce\" of 16 bytes or more in base64"))
}

/// Who the client says that it is, for an authenticator.
fn who(hello: &Hello) -> Dict {
    let text = |text: &Option<String>| text.clone().map_or(Value::Null, Value::Str);
    Dict::new().with("authid", text(&hello.authid)).with("authrole", text(&hello.authrole))
}
