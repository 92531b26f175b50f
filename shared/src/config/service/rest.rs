//! WAMP for clients that speak HTTP only.

use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::diagnostic::{Path, Remark, Severity};
use super::super::endpoint::is_network;
use super::super::transport::Serializer;
use super::super::transport::{Section, Within};
use super::super::wamp::{Auth, Cookie, realm_name_loose};
use super::serves::Serves;

const MIB: i128 = 1024 * 1024;
const YEAR: f64 = 31_536_000.0;
const ANY: std::ops::RangeInclusive<i128> = i64::MIN as i128..=i64::MAX as i128;

object! {
    /// Publishes events, or calls procedures, for HTTP requests.
    pub struct RestService as "a publisher or caller service" {
        /// The realm.
        pub realm as "realm": String = realm_name_loose(), required;
        /// The role requests are made as.
        pub role as "role": String = text(), required;
        /// Which requests are taken.
        pub options as "options": RestOptions = nested(), defaulted;
    }
}

object! {
    /// Which requests are taken.
    pub struct RestOptions as "options of a publisher or caller service" {
        /// Requests are signed with this key, by its name.
        pub key as "key": Option<String> = text(), optional;
        /// The key's secret.
        pub secret as "secret": Option<Secret> = secret(), optional;
        /// Bytes a request's body may have; 0: as many as `max_body_size` of the transport allows, or 16 MiB.
        pub post_body_limit as "post_body_limit": u32 = int(0..=MIB), default(0);
        /// Seconds a request's `timestamp` may differ from ours; 0: any.
        pub timestamp_delta_limit as "timestamp_delta_limit": Duration = whole_seconds(0..=86400), default(json!(300), Duration::from_secs(300));
        /// Networks requests may come from, as `ADDRESS`, `ADDRESS/BITS` or `ADDRESS/NETMASK`; absent: any.
        pub require_ip as "require_ip": Option<Vec<String>> = list(matching("an IP address or a network like 10.0.0.0/8", None, is_network)), optional;
        /// Only over TLS.
        pub require_tls as "require_tls": bool = boolean(), default(false);
        /// Seconds a request waits for the answer of the realm, after which the call is cancelled; 0: any.
        pub timeout as "timeout": Duration = seconds(0.1..=YEAR).or_off(), default(json!(300), Duration::from_secs(300));
        /// Requests that wait for such an answer at a time, at most; more get 503.
        pub max_waiting as "max_waiting": u32 = int(1..=16384), default(1000);
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
    }
    check RestOptions::check;
}

impl RestOptions {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        match (&self.key, &self.secret) {
            (Some(_), None) => {
                let text = "has no effect without \"secret\": requests are taken unsigned";
                cx.warn_at("key", fields.span_of("key"), text);
            }
            (None, Some(_)) => {
                let text = "needs \"key\" beside it: without, every request is refused";
                cx.warn_at("secret", fields.span_of("secret"), text);
            }
            _ => {}
        }
    }
}

object! {
    /// Publishes events for webhooks.
    pub struct WebhookService as "a webhook service" {
        /// The realm.
        pub realm as "realm": String = realm_name_loose(), required;
        /// The role events are published as.
        pub role as "role": String = text(), required;
        /// What is published.
        pub options as "options": WebhookOptions = nested(), required;
    }
}

object! {
    /// What is published for webhooks.
    pub struct WebhookOptions as "options of a webhook service" {
        /// The topic; without one nothing can be published, and the worker does not start.
        pub topic as "topic": Option<String> = text(), optional;
        /// The answer after an event was published.
        pub success_response as "success_response": String = text(), default(json!("OK"), "OK".to_owned());
        /// The answer after it was not.
        pub error_response as "error_response": String = text(), default(json!("NOT OK"), "NOT OK".to_owned());
        /// The secret GitHub signs with: `X-Hub-Signature-256` is checked, or `X-Hub-Signature` where there is no other.
        pub github_secret as "github_secret": Option<Secret> = secret(), optional;
        /// Bytes a request's body may have; 0: as many as `max_body_size` of the transport allows, or 16 MiB.
        pub post_body_limit as "post_body_limit": u32 = int(0..=MIB), default(0);
        /// Seconds a request waits for the acknowledgement of the realm; 0: any.
        pub timeout as "timeout": Duration = seconds(0.1..=YEAR).or_off(), default(json!(30), Duration::from_secs(30));
        /// Requests that wait for it at a time, at most; more get 503.
        pub max_waiting as "max_waiting": u32 = int(1..=16384), default(1000);
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
    }
}

object! {
    /// WAMP over HTTP long-polling.
    pub struct LongpollService as "a long-poll service" {
        /// How it is spoken.
        pub options as "options": LongpollOptions = nested(), defaulted;
        /// The serializers offered; absent: every one.
        pub serializers as "serializers": Option<Vec<Serializer>> = list(word()), optional;
        /// How clients authenticate; absent: anonymously.
        pub auth as "auth": Option<Auth> = nested(), optional;
        /// A cookie by which a browser is known again.
        pub cookie as "cookie": Option<Cookie> = nested(), optional;
    }
}

object! {
    /// How long-polling is spoken.
    pub struct LongpollOptions as "options of a long-poll service" {
        /// Seconds a request waits for a message, after which it is answered with nothing; 0 or less: any.
        pub request_timeout as "request_timeout": i64 = int(ANY), default(10);
        /// Seconds without a request after which a session ends; 0 or less: it never does.
        pub session_timeout as "session_timeout": i64 = int(ANY), default(30);
        /// Bytes of messages that wait for a client between its requests; more end its session; 0 or less: any.
        pub queue_limit_bytes as "queue_limit_bytes": i64 = int(ANY), default(131072);
        /// Messages that wait for a client between its requests; more end its session; 0 or less: any.
        pub queue_limit_messages as "queue_limit_messages": i64 = int(ANY), default(100);
        /// Clients at a time, at most; more get 503.
        pub max_sessions as "max_sessions": u32 = int(1..=1_000_000), default(10000);
        /// The id of every session, for debugging.
        pub debug_transport_id as "debug_transport_id": Option<String> = text(), optional;
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
    }
}

impl Serves for RestService {
    fn speaks_wamp(&self) -> bool {
        true
    }
}

impl Serves for WebhookService {
    fn speaks_wamp(&self) -> bool {
        true
    }
}

impl Serves for LongpollService {
    fn speaks_wamp(&self) -> bool {
        true
    }

    fn section(&self) -> Option<Section<'_>> {
        Some(Section {
            serializers: self.serializers.as_deref(),
            auth: self.auth.as_ref(),
            cookie: self.cookie.as_ref(),
        })
    }

    fn unbuilt(&self, at: &Path, within: Within) -> Vec<Remark> {
        let message = "a request goes to any of several processes, which finds a session by the id that its process has given \
                       it: with this option, sessions are not found; leave it out, or have one process";
        let remark = (Severity::Warning, at.key("options").key("debug_transport_id"), message.to_owned());
        let has_id = self.options.debug_transport_id.is_some();
        (has_id && within.has_several).then_some(remark).into_iter().collect()
    }
}
