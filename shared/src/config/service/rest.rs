//! WAMP for clients that speak HTTP only.

use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::wamp::realm_name_loose;

const MIB: i128 = 1024 * 1024;
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
        /// Bytes a request's body may have.
        pub post_body_limit as "post_body_limit": u32 = int(0..=MIB), default(0);
        /// Seconds a signature's time may differ from ours; 0: any.
        pub timestamp_delta_limit as "timestamp_delta_limit": Duration = whole_seconds(0..=86400), default(json!(0), Duration::ZERO);
        /// Networks requests may come from; absent: any.
        pub require_ip as "require_ip": Option<Vec<String>> = list(text()), optional;
        /// Only over TLS.
        pub require_tls as "require_tls": bool = boolean(), default(false);
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
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
        /// The topic.
        pub topic as "topic": Option<String> = text(), optional;
        /// The answer after an event was published.
        pub success_response as "success_response": String = text(), default(json!("OK"), "OK".to_owned());
        /// The answer after it was not.
        pub error_response as "error_response": String = text(), default(json!("NOT OK"), "NOT OK".to_owned());
        /// The secret GitHub signs with.
        pub github_secret as "github_secret": Option<Secret> = secret(), optional;
        /// Bytes a request's body may have.
        pub post_body_limit as "post_body_limit": u32 = int(0..=MIB), default(0);
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
    }
}

object! {
    /// WAMP over HTTP long-polling.
    pub struct LongpollService as "a long-poll service" {
        /// How it is spoken.
        pub options as "options": LongpollOptions = nested(), defaulted;
    }
}

object! {
    /// How long-polling is spoken.
    pub struct LongpollOptions as "options of a long-poll service" {
        /// Seconds a request waits for something to say.
        pub request_timeout as "request_timeout": i64 = int(ANY), default(10);
        /// Seconds without a request after which a session ends.
        pub session_timeout as "session_timeout": i64 = int(ANY), default(30);
        /// Bytes kept for a client between its requests.
        pub queue_limit_bytes as "queue_limit_bytes": i64 = int(ANY), default(131072);
        /// Messages kept for a client between its requests.
        pub queue_limit_messages as "queue_limit_messages": i64 = int(ANY), default(100);
        /// The id of every session, for debugging.
        pub debug_transport_id as "debug_transport_id": Option<String> = text(), optional;
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
    }
}
