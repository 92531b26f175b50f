//! Realms, their roles and what these may do.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::decode::*;
use super::super::include::including;
use super::super::source::{Kind, Value};
use super::{Rlink, is_realm_name, realm_name, uri, uri_pattern};

object! {
    /// A realm: who may do what in it.
    pub struct Realm as "a realm" {
        /// Its name.
        pub name as "name": Option<String> = declared_realm(), optional;
        /// A name for the configuration alone.
        pub id as "id": Option<String> = text(), optional;
        /// Its roles.
        pub roles as "roles": Vec<Role> = including(list(nested())), default(json!([]), Vec::new());
        /// How it routes.
        pub options as "options": RealmOptions = nested(), defaulted;
        /// Links to realms of other routers.
        pub rlinks as "rlinks": Vec<Rlink> = list(nested()), default(json!([]), Vec::new());
        /// What it keeps: event history and call queues.
        pub store as "store": Option<Json> = object_value(), optional;
        /// The types its messages are checked against.
        pub inventory as "inventory": Option<Json> = object_value(), optional;
    }
    check Realm::check;
    open true;
}

impl Realm {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if !self.rlinks.is_empty() && !self.options.enable_meta_api {
            let span = fields.span_of("rlinks");
            let message = "learn by the meta API what there is to be linked, which \"enable_meta_api\" of \"options\" switches off";
            cx.error_at("rlinks", span, message);
        }
    }
}

/// Crossbar.io finds out about a wrong name only when it starts.
fn declared_realm() -> impl Rule<Out = String> {
    then(named("a realm name", text()), |name, value, cx| {
        if !is_realm_name(&name) {
            cx.warn(
                value.span,
                format!("found {name:?}, no client can join it; expected {}", realm_name().expected()),
            );
        }
        Some(name)
    })
}

/// An object that is handed on as it is.
fn object_value() -> impl Rule<Out = Json> {
    then(named("an object", map(any())), |_, value, _| Some(value.to_json()))
}

choice! {
    /// The unit of a call's `timeout`.
    pub enum TimeoutUnit {
        /// Milliseconds, as the specification says.
        Milliseconds = "ms",
        /// Seconds, as Crossbar.io takes it.
        Seconds = "s",
    }
}

object! {
    /// How a realm routes.
    pub struct RealmOptions as "realm options" {
        /// Events sent at a stretch before other work has its turn.
        pub event_dispatching_chunk_size as "event_dispatching_chunk_size": i64 = chunk_size(), default(100);
        /// How strictly URIs are checked.
        pub uri_check as "uri_check": Option<String> = text(), optional;
        /// Answers the WAMP meta API.
        pub enable_meta_api as "enable_meta_api": bool = boolean(), default(true);
        /// The unit of a call's `timeout`.
        pub call_timeout_unit as "call_timeout_unit": TimeoutUnit = word(), default(json!("ms"), TimeoutUnit::Milliseconds);
        /// Seconds that a dynamic authorizer may take.
        pub authorizer_timeout as "authorizer_timeout": Duration = seconds(0.1..=60.0), default(json!(5), Duration::from_secs(5));
        /// Seconds that a dynamic authenticator, which is called in this realm, may take.
        pub authenticator_timeout as "authenticator_timeout": Duration = seconds(0.1..=60.0), default(json!(5), Duration::from_secs(5));
        /// Seconds that a callee may take to answer a call that was cancelled by `kill`; then the caller is told without it.
        pub kill_timeout as "kill_timeout": Duration = seconds(0.1..=3600.0), default(json!(60), Duration::from_secs(60));
        /// What may grow in the realm, and how far. What goes beyond it is refused with `jackfield.error.limit_reached`.
        pub limits as "limits": RealmLimits = nested(), defaulted;
        /// Seconds for which a client is kept waiting for a dynamic authenticator in this realm that is not registered; 0: it
        /// is refused at once. Absent: 10 where the node has components or guests, which may bring it, else 0.
        pub authenticator_wait as "authenticator_wait": Option<Duration> = seconds(0.1..=600.0).or_off(), optional;
        /// Passes the meta API on to other nodes.
        pub bridge_meta_api as "bridge_meta_api": bool = boolean(), default(false);
    }
    absent default;
}

object! {
    /// What may grow in a realm, and how far.
    pub struct RealmLimits as "the limits of a realm" {
        /// Subscriptions of a session.
        pub subscriptions as "subscriptions": u32 = int(1..=10_000_000), default(10000);
        /// Registrations of a session.
        pub registrations as "registrations": u32 = int(1..=10_000_000), default(10000);
        /// Calls of a session that are not answered yet.
        pub calls as "calls": u32 = int(1..=10_000_000), default(16384);
        /// Bytes of the arguments of all calls that wait for a callee at its limit (`concurrency`).
        pub queued_calls_size as "queued_calls_size": u64 = int(0..=1_099_511_627_776), default(67108864);
        /// Testaments of a session.
        pub testaments as "testaments": u32 = int(0..=1_000_000), default(100);
        /// Bytes of all retained events, with their topics.
        pub retained_size as "retained_size": u64 = int(0..=1_099_511_627_776), default(67108864);
        /// Bytes of the event history.
        pub history_size as "history_size": u64 = int(0..=1_099_511_627_776), default(67108864);
    }
    absent default;
}

/// Crossbar.io converts this one, so that a string or a float will do.
fn chunk_size() -> impl Rule<Out = i64> {
    struct ChunkSize;
    impl Rule for ChunkSize {
        type Out = i64;

        fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<i64> {
            let number = match &value.kind {
                Kind::Float(found) if *found >= 1.0 && *found < 1e15 => Kind::Int(*found as i128),
                Kind::String(text) => match super::super::source::python_int(text) {
                    Some(number) => Kind::Int(number),
                    None => value.kind.clone(),
                },
                other => other.clone(),
            };
            int(1..=i128::from(i64::MAX)).read(&Value { kind: number, span: value.span }, cx)
        }

        fn expected(&self) -> String {
            "an integer of 1 or more".into()
        }

        fn schema(&self, _: &mut Defs) -> Json {
            json!({"type": ["integer", "string", "number"]})
        }
    }
    ChunkSize
}

object! {
    /// A role and what it may do.
    pub struct Role as "a role" {
        /// Its name.
        pub name as "name": Option<String> = text(), optional;
        /// A name for the configuration alone.
        pub id as "id": Option<String> = text(), optional;
        /// The rules, as a list.
        pub permissions as "permissions": Option<Vec<Permission>> = list(nested()), optional;
        /// The procedure that decides instead.
        pub authorizer as "authorizer": Option<String> = uri(), optional;
        /// Tells the procedure who calls and publishes.
        pub disclose as "disclose": Option<Json> = any(), optional;
    }
    check Role::check;
    open true;
}

impl Role {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if self.permissions.is_some() && self.authorizer.is_some() {
            let span = fields.span_of("authorizer");
            cx.error_at("authorizer", span, "stands beside \"permissions\"; a role has the one or the other");
        }
    }
}

choice! {
    /// How a rule's URI is compared.
    pub enum Match {
        /// As a whole.
        Exact = "exact",
        /// As the beginning.
        Prefix = "prefix",
        /// With empty parts standing for anything.
        Wildcard = "wildcard",
    }
}

object! {
    /// A rule: what may be done with a URI.
    pub struct Permission as "a permission" {
        /// The URI; a `*` at its end makes it a prefix.
        pub uri as "uri": String = uri_pattern(), required;
        /// How it is compared; absent: as the `*` says.
        pub matching as "match": Option<Match> = word(), optional;
        /// What is allowed.
        pub allow as "allow": Allow = nested(), defaulted;
        /// What is told about who does it.
        pub disclose as "disclose": Disclose = nested(), defaulted;
        /// The types messages are checked against.
        pub validate as "validate": Option<Validate> = nested(), optional;
        /// Keeps the answer of the authorizer.
        pub cache as "cache": bool = boolean(), default(false);
    }
}

object! {
    /// What is allowed.
    pub struct Allow as "what is allowed" {
        /// Calling.
        pub call as "call": bool = boolean(), default(false);
        /// Registering.
        pub register as "register": bool = boolean(), default(false);
        /// Publishing.
        pub publish as "publish": bool = boolean(), default(false);
        /// Subscribing.
        pub subscribe as "subscribe": bool = boolean(), default(false);
    }
}

object! {
    /// What is told about who does it.
    pub struct Disclose as "what is disclosed" {
        /// Who calls.
        pub caller as "caller": bool = boolean(), default(false);
        /// Who publishes.
        pub publisher as "publisher": bool = boolean(), default(false);
    }
}

object! {
    /// The types messages are checked against, by their names in the realm's inventory.
    pub struct Validate as "the types of messages" {
        /// Of a call.
        pub call as "call": Option<String> = text(), optional;
        /// Of a call's progress.
        pub call_progress as "call_progress": Option<String> = text(), optional;
        /// Of a result.
        pub call_result as "call_result": Option<String> = text(), optional;
        /// Of a result's progress.
        pub call_result_progress as "call_result_progress": Option<String> = text(), optional;
        /// Of an error.
        pub call_error as "call_error": Option<String> = text(), optional;
        /// Of an event.
        pub event as "event": Option<String> = text(), optional;
        /// Of an event's confirmation.
        pub event_confirmation as "event_confirmation": Option<String> = text(), optional;
        /// Handed to the check.
        pub extra as "extra": BTreeMap<String, String> = map(text()), default(json!({}), BTreeMap::new());
    }
}
