//! What a configuration asks for, as the router takes it.

use super::edges::Edges;
use super::passage::Routes;
use super::random::fill;
use super::router::{Elsewhere, Router};
use jackfield_shared::config::{
    self, AnonymousAuth, Auth, CryptosignAuth, CryptosignStatic, Disclose, DynamicAuth, Kdf, Match,
    ScramAuth, TicketAuth, TlsAuth, WampcraAuth,
};
use jackfield_shared::ipc::NodeInfo;
use jackfield_wamp::auth::{
    Anonymous, Dynamic, Methods, Principal, Secret, Source, Ticket, cryptosign, scram, wampcra,
};
use jackfield_wamp::link::{Edge, Hub};
use jackfield_wamp::realm::{Access, Allow, Bounds, Config, Kept, Realm, Role, Rule, Store, TimeoutUnit};
use jackfield_wamp::{Dict, Ids, Serializer, uri};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The router with the realms of a worker, if it has some; the error says what is not built, or is wrong.
pub(super) fn router(
    worker: &config::Worker,
    node: &NodeInfo,
    edge: Option<u64>,
) -> Result<Option<Rc<Router>>, String> {
    let config::WorkerKind::Router(router) = &worker.kind else { return Ok(None) };
    let realms = realms(&router.realms)?;
    let elsewhere = match edge {
        Some(number) => {
            let edges = realms.iter().map(|_| Edge::new(number, Ids::new(fill))).collect();
            Elsewhere::Realms(Edges::new(number, edges, &router.realm_link))
        }
        None => Elsewhere::Nothing,
    };
    Ok(Some(Router::new(realms, elsewhere, Ids::new(fill), told(worker, node))))
}

/// The router of a process that passes sessions of these realms and roles on, each by a route.
pub(super) fn front<'a>(
    worker: &config::Worker,
    node: &NodeInfo,
    realms: impl IntoIterator<Item = (&'a String, Vec<String>)>,
    routes: Rc<dyn Routes>,
) -> Rc<Router> {
    let role = |name| Role { name, access: Access::Static(Vec::new()) };
    let realm = |(name, roles): (&String, Vec<String>)| {
        let config = Config { roles: roles.into_iter().map(role).collect(), ..Config::new(name) };
        Realm::new(config, Ids::new(fill))
    };
    let realms = realms.into_iter().map(realm).collect();
    Router::new(realms, Elsewhere::Sessions(routes), Ids::new(fill), told(worker, node))
}

/// What Crossbar.io tells its clients of the process that they are connected to.
fn told(worker: &config::Worker, node: &NodeInfo) -> Dict {
    Dict::new()
        .with("x_cb_node", node.id.as_str())
        .with("x_cb_worker", worker.id.as_str())
        .with("x_cb_pid", u64::from(std::process::id()))
}

/// A hub for each realm of a realm process of a worker; the error says what is not built, or is wrong.
pub(super) fn hubs(worker: &config::Worker, process: usize) -> Result<Vec<Hub>, String> {
    let config::WorkerKind::Router(router) = &worker.kind else {
        return Err(format!("worker \"{}\" has no realms", worker.id));
    };
    Ok(realms(router.realms_of(process))?
        .into_iter()
        .map(|realm| Hub::new(vec![realm], Ids::new(fill)))
        .collect())
}

/// A hub without a realm, which tells sessions of realms that there are no longer so.
pub(super) fn no_realm() -> Hub {
    Hub::new(Vec::new(), Ids::new(fill))
}

fn realms<'a>(configured: impl IntoIterator<Item = &'a config::Realm>) -> Result<Vec<Realm>, String> {
    let configs: Result<Vec<_>, String> = configured.into_iter().map(realm).collect();
    Ok(configs?.into_iter().map(|config| Realm::new(config, Ids::new(fill))).collect())
}

fn realm(realm: &config::Realm) -> Result<Config, String> {
    let name = realm.name.clone().ok_or("a realm has no name")?;
    let roles = realm
        .roles
        .iter()
        .map(role)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("realm \"{name}\": {e}"))?;
    let store =
        realm.store.as_ref().map(store).transpose().map_err(|e| format!("realm \"{name}\": store: {e}"))?;
    let strict = realm.options.uri_check.as_deref() == Some("strict");
    Ok(Config {
        roles,
        uri_check: if strict { uri::Check::Strict } else { uri::Check::Loose },
        meta_api: realm.options.enable_meta_api,
        call_timeout_unit: match realm.options.call_timeout_unit {
            config::TimeoutUnit::Milliseconds => TimeoutUnit::Milliseconds,
            config::TimeoutUnit::Seconds => TimeoutUnit::Seconds,
        },
        authorizer_timeout: realm.options.authorizer_timeout,
        authenticator_timeout: realm.options.authenticator_timeout,
        authenticator_wait: realm.options.authenticator_wait.unwrap_or_default(),
        kill_timeout: realm.options.kill_timeout,
        bounds: bounds(&realm.options.limits),
        store,
        ..Config::new(name)
    })
}

fn bounds(limits: &config::RealmLimits) -> Bounds {
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Bounds {
        subscriptions: limits.subscriptions as usize,
        registrations: limits.registrations as usize,
        calls: limits.calls as usize,
        queued_bytes: bytes(limits.queued_calls_size),
        testaments: limits.testaments as usize,
        retained_bytes: bytes(limits.retained_size),
        history_bytes: bytes(limits.history_size),
        ..Bounds::default()
    }
}

fn role(role: &config::Role) -> Result<Role, String> {
    let name = role.name.clone().ok_or("a role has no name")?;
    let access = match &role.authorizer {
        Some(authorizer) => {
            let disclose = role.disclose.as_ref();
            let disclose =
                |key| disclose.and_then(|disclose| disclose.get(key)?.as_bool()).unwrap_or_default();
            Access::Dynamic {
                authorizer: authorizer.clone(),
                disclose: jackfield_wamp::realm::Disclose {
                    caller: disclose("caller"),
                    publisher: disclose("publisher"),
                },
            }
        }
        None => Access::Static(role.permissions.iter().flatten().map(rule).collect()),
    };
    Ok(Role { name, access })
}

fn rule(permission: &config::Permission) -> Rule {
    let (uri, policy) = match (&permission.matching, permission.uri.strip_suffix('*')) {
        (None, Some(prefix)) => (prefix, uri::Match::Prefix),
        (None, None) => (permission.uri.as_str(), uri::Match::Exact),
        (Some(Match::Exact), _) => (permission.uri.as_str(), uri::Match::Exact),
        (Some(Match::Prefix), _) => (permission.uri.as_str(), uri::Match::Prefix),
        (Some(Match::Wildcard), _) => (permission.uri.as_str(), uri::Match::Wildcard),
    };
    let config::Allow { call, register, publish, subscribe } = permission.allow;
    let Disclose { caller, publisher } = permission.disclose;
    Rule {
        uri: uri.to_owned(),
        policy,
        allow: Allow { call, register, publish, subscribe },
        disclose: jackfield_wamp::realm::Disclose { caller, publisher },
    }
}

/// Reads `store`, which the format hands on as it is.
fn store(store: &Json) -> Result<Store, String> {
    match store.get("type").and_then(Json::as_str) {
        None | Some("memory") => {}
        Some(other) => return Err(format!("type \"{other}\" is not built; \"memory\" is")),
    }
    let limit = |json: &Json| json.get("limit").and_then(Json::as_u64).map(|limit| limit as usize);
    let kept = |key: &str| -> Result<Vec<Kept>, String> {
        let Some(list) = store.get(key) else { return Ok(Vec::new()) };
        let list = list.as_array().ok_or_else(|| format!("\"{key}\" is no list"))?;
        list.iter()
            .map(|kept| {
                let uri = kept.get("uri").and_then(Json::as_str).ok_or_else(|| format!("an entry of \"{key}\" has no \"uri\""))?;
                let policy = kept.get("match").and_then(Json::as_str).unwrap_or("exact");
                let policy = uri::Match::named(policy).ok_or_else(|| {
                    format!("\"{key}\", \"{uri}\": found \"match\": \"{policy}\", expected \"exact\", \"prefix\" or \"wildcard\"")
                })?;
                Ok(Kept { uri: uri.to_owned(), policy, limit: limit(kept) })
            })
            .collect()
    };
    Ok(Store {
        limit: limit(store).unwrap_or(1000),
        event_history: kept("event-history")?,
        call_queues: kept("call-queue")?,
    })
}

/// The serializers that a transport speaks: of those that are configured, the ones that are known here.
pub(super) fn serializers(configured: Option<&[config::Serializer]>) -> Result<Vec<Serializer>, String> {
    let Some(configured) = configured else { return Ok(Serializer::ALL.to_vec()) };
    let spoken: Vec<_> =
        configured.iter().filter_map(|serializer| Serializer::named(serializer.name())).collect();
    if spoken.is_empty() {
        return Err("of the serializers none is spoken here; \"json\", \"msgpack\" and \"cbor\" are".into());
    }
    Ok(spoken)
}

const NO_PYTHON: &str = "the controller puts a procedure of the Python host in the place of a function";

/// The authentication methods of a transport.
pub(super) fn methods(auth: Option<&Auth>) -> Result<Methods, String> {
    let Some(auth) = auth else { return Ok(Methods { absent: true, ..Methods::default() }) };
    let anonymous = auth.anonymous.as_ref().map(|auth| match auth {
        AnonymousAuth::Static(auth) => Source::Static(Anonymous {
            realm: auth.realm.clone(),
            role: auth.role.clone(),
            authid: auth.authid.clone(),
        }),
        AnonymousAuth::Dynamic(auth) => Source::Dynamic(dynamic(auth)),
    });
    Ok(Methods {
        anonymous,
        anonymous_proxy: auth.anonymous_proxy.is_some(),
        ticket: auth.ticket.as_ref().map(ticket).transpose()?,
        wampcra: auth.wampcra.as_ref().map(cra).transpose()?,
        scram: auth.scram.as_ref().map(scram_keys).transpose()?,
        cryptosign: auth.cryptosign.as_ref().map(sign).transpose()?,
        cryptosign_proxy: auth.cryptosign_proxy.as_ref().map(sign).transpose()?,
        tls: auth.tls.as_ref().map(certificates).transpose()?,
        cookie: auth.cookie.is_some(),
        absent: false,
    })
}

fn dynamic(auth: &DynamicAuth) -> Dynamic {
    Dynamic { procedure: auth.authenticator.clone(), realm: auth.realm.clone(), role: auth.role.clone() }
}

fn ticket(auth: &TicketAuth) -> Result<Source<BTreeMap<String, Ticket>>, String> {
    Ok(match auth {
        TicketAuth::Static(auth) => Source::Static(each(&auth.principals, |principal| {
            let Some(ticket) = &principal.ticket else { return Ok(None) };
            Ok(Some(Ticket { ticket: Secret(ticket.0.clone()), role: principal.role.clone() }))
        })?),
        TicketAuth::Dynamic(auth) => Source::Dynamic(dynamic(auth)),
        TicketAuth::Function(_) => return Err(format!("ticket: {NO_PYTHON}")),
    })
}

fn cra(auth: &WampcraAuth) -> Result<Source<BTreeMap<String, wampcra::User>>, String> {
    Ok(match auth {
        WampcraAuth::Static(auth) => Source::Static(each(&auth.users, |user| {
            let Some(secret) = &user.secret else { return Ok(None) };
            let number = |number: i64, name: &str| {
                u32::try_from(number)
                    .ok()
                    .filter(|number| *number > 0)
                    .ok_or(format!("\"{name}\" is not above 0"))
            };
            let salt = match &user.salt {
                None => None,
                Some(salt) => Some(wampcra::Salt {
                    salt: salt.clone(),
                    iterations: number(user.iterations, "iterations")?,
                    keylen: number(user.keylen, "keylen")?,
                }),
            };
            Ok(Some(wampcra::User { secret: Secret(secret.0.clone()), role: user.role.clone(), salt }))
        })?),
        WampcraAuth::Dynamic(auth) => Source::Dynamic(dynamic(auth)),
        WampcraAuth::Function(_) => return Err(format!("wampcra: {NO_PYTHON}")),
    })
}

fn scram_keys(auth: &ScramAuth) -> Result<Source<BTreeMap<String, scram::Keys>>, String> {
    Ok(match auth {
        ScramAuth::Static(auth) => Source::Static(each(&auth.principals, |principal| {
            let number =
                |number: i64, name: &str| u64::try_from(number).map_err(|_| format!("\"{name}\" is below 0"));
            let keys = scram::Keys {
                kdf: match principal.kdf {
                    Kdf::Argon2id13 => "argon2id-13".into(),
                    Kdf::Pbkdf2 => "pbkdf2".into(),
                },
                iterations: number(principal.iterations, "iterations")?,
                memory: number(principal.memory, "memory")?,
                salt: principal.salt.clone(),
                stored_key: Secret(principal.stored_key.0.clone()),
                server_key: Secret(principal.server_key.0.clone()),
                role: principal.role.clone(),
            };
            keys.check().map(|()| Some(keys))
        })?),
        ScramAuth::Dynamic(auth) => Source::Dynamic(dynamic(auth)),
        ScramAuth::Function(_) => return Err(format!("scram: {NO_PYTHON}")),
    })
}

fn sign(auth: &CryptosignAuth) -> Result<Source<BTreeMap<String, cryptosign::Keys>>, String> {
    Ok(match auth {
        CryptosignAuth::Static(CryptosignStatic { principals: Some(principals), .. }) => {
            Source::Static(each(principals, |principal| {
                if let Some(wrong) =
                    principal.authorized_keys.iter().find(|key| cryptosign::key(key).is_none())
                {
                    return Err(format!("the key \"{wrong:.80}\" is not 32 bytes in hexadecimal"));
                }
                Ok(Some(cryptosign::Keys {
                    authorized_keys: principal.authorized_keys.clone(),
                    role: principal.role.clone(),
                    realm: principal.realm.clone(),
                }))
            })?)
        }
        CryptosignAuth::Static(_) => return Err("cryptosign: trust roots are not built yet".into()),
        CryptosignAuth::Dynamic(auth) => Source::Dynamic(dynamic(auth)),
        CryptosignAuth::Function(_) => return Err(format!("cryptosign: {NO_PYTHON}")),
    })
}

fn certificates(auth: &TlsAuth) -> Result<Source<BTreeMap<String, Principal>>, String> {
    Ok(match auth {
        TlsAuth::Static(auth) => {
            let mut principals = BTreeMap::new();
            for (authid, principal) in
                auth.principals.as_ref().and_then(Json::as_object).into_iter().flatten()
            {
                let text = |key: &str| principal.get(key).and_then(Json::as_str).map(str::to_owned);
                let fingerprint = text("certificate-sha1")
                    .ok_or_else(|| format!("tls: principal \"{authid}\" has no \"certificate-sha1\""))?;
                let known = Principal {
                    authid: Some(authid.clone()),
                    realm: text("realm"),
                    ..Principal::with_role(text("role").as_deref())
                };
                principals.insert(fingerprint.to_ascii_uppercase(), known);
            }
            Source::Static(principals)
        }
        TlsAuth::Dynamic(auth) => Source::Dynamic(dynamic(auth)),
        TlsAuth::Function(_) => return Err(format!("tls: {NO_PYTHON}")),
    })
}

/// Takes each principal over that can log in; errors name it.
fn each<T, U>(
    principals: &BTreeMap<String, T>,
    take: impl Fn(&T) -> Result<Option<U>, String>,
) -> Result<BTreeMap<String, U>, String> {
    let named = |(authid, principal): (&String, &T)| {
        let taken = take(principal).map_err(|e| format!("principal \"{authid}\": {e}"))?;
        Ok(taken.map(|taken| (authid.clone(), taken)))
    };
    principals.iter().filter_map(|principal| named(principal).transpose()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::RealmLimits;

    #[test]
    fn limits_of_a_realm_are_its_bounds() {
        // What is not configured is as the realm has it itself.
        assert_eq!(format!("{:?}", bounds(&RealmLimits::default())), format!("{:?}", Bounds::default()));
        let limits = RealmLimits {
            subscriptions: 1,
            registrations: 2,
            calls: 3,
            queued_calls_size: 4,
            testaments: 5,
            retained_size: 6,
            history_size: 7,
        };
        let Bounds {
            subscriptions,
            registrations,
            calls,
            queued_bytes,
            testaments,
            retained_bytes,
            history_bytes,
            ..
        } = bounds(&limits);
        let all =
            [subscriptions, registrations, calls, queued_bytes, testaments, retained_bytes, history_bytes];
        assert_eq!(all, [1, 2, 3, 4, 5, 6, 7]);
    }
}
