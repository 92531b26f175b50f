//! Rules of paths: what holds for requests before a service answers them, and for its answers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::decode::*;
use super::endpoint::{ConnectingEndpoint, one_network};

object! {
    /// What holds at a path and below it, whatever serves it. Where several paths of a request have rules, all networks are
    /// looked at and all headers are changed; of `basic`, `forward_auth`, `cors` and `request_id` the one of the longest path counts.
    pub struct PathRules as "the rules of a path" {
        /// Networks whose clients may come; absent: all. Clients of Unix sockets and onion services have no address, and so
        /// may not.
        pub allow as "allow": Option<Vec<String>> = some(one_network()), optional;
        /// Networks whose clients may not, though they be in `allow`.
        pub deny as "deny": Vec<String> = list(one_network()), default(json!([]), Vec::new());
        /// How often each client may ask; more gets 429. Of several paths of a request each limit holds.
        pub limit as "limit": Option<RequestLimit> = nested(), optional;
        /// Asks for a name and a password.
        pub basic as "basic": Option<BasicAuth> = nested(), optional;
        /// Asks another server who may come.
        pub forward_auth as "forward_auth": Option<ForwardAuth> = nested(), optional;
        /// Lets pages of other origins use it (CORS).
        pub cors as "cors": Option<Cors> = nested(), optional;
        /// Gives each request an id.
        pub request_id as "request_id": Option<RequestId> = nested(), optional;
        /// Changes of the headers of requests, before a service sees them.
        pub request as "request": HeaderRules = nested(), defaulted;
        /// Changes of the headers of answers.
        pub response as "response": HeaderRules = nested(), defaulted;
    }
}

object! {
    /// How often each client may ask. Each process counts for itself.
    pub struct RequestLimit as "a limit of requests" {
        /// Requests in each `period`, on average.
        pub requests as "requests": u32 = int(1..=1_000_000), required;
        /// Seconds.
        pub period as "period": Duration = seconds(0.1..=86400.0), default(json!(1), Duration::from_secs(1));
        /// Requests that a client may make at once; absent: `requests`.
        pub burst as "burst": Option<u32> = int(1..=1_000_000), optional;
        /// Addresses of IPv6 that have so many first bits in common are one client.
        pub ipv6_prefix as "ipv6_prefix": u8 = int(32..=128), default(64);
        /// Networks whose clients are not counted.
        pub exempt as "exempt": Vec<String> = list(one_network()), default(json!([]), Vec::new());
    }
}

object! {
    /// A name and a password, asked for as RFC 7617 says. It is sent with each request: use TLS.
    pub struct BasicAuth as "basic authentication" {
        /// The file with the users, a line `NAME:HASH` each, as `jackfield passwd` and `htpasswd -B` write it (Argon2 or bcrypt).
        /// A changed file is taken while the node runs.
        pub file as "file": PathBuf = file(), required;
        /// What browsers show their users.
        pub realm as "realm": String = matching("1 to 128 printable ASCII characters without a quotation mark", None, is_realm), default(json!("restricted"), "restricted".to_owned());
    }
}

fn is_realm(text: &str) -> bool {
    let is_plain = |b: u8| (b.is_ascii_graphic() || b == b' ') && !matches!(b, b'"' | b'\\');
    (1..=128).contains(&text.len()) && text.bytes().all(is_plain)
}

object! {
    /// Asks another server whether a request may come, before anything else sees it: with GET and the headers of the request, but
    /// without its content, by HTTP/1.1. A status from 200 to 299 lets it come; whatever else is answered, such as 401 or a
    /// redirect to a page for the password, the client gets.
    pub struct ForwardAuth as "forward authentication" {
        /// The server.
        pub endpoint as "endpoint": ConnectingEndpoint = nested(), required;
        /// What is asked for, with its query if it has one. The request's own method, scheme, host and path are told by
        /// `X-Forwarded-Method`, `-Proto`, `-Host` and `-Uri`, the client's address by `X-Forwarded-For`.
        pub path as "path": String = matching("a path that begins with a slash", Some("^/"), is_target), default(json!("/"), "/".to_owned());
        /// Headers of its answer that services get with the request, in place of whatever the client says there.
        pub headers as "headers": Vec<String> = list(header_name()), default(json!([]), Vec::new());
        /// Seconds for the whole answer; then the client gets 504.
        pub timeout as "timeout": Duration = seconds(0.1..=600.0), default(json!(10), Duration::from_secs(10));
    }
}

fn is_target(text: &str) -> bool {
    let text = until_dollar(text);
    text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}

object! {
    /// Which pages of other origins may use it, and how.
    pub struct Cors as "CORS settings" {
        /// Their origins, such as `https://app.example`; `*`: all.
        pub origins as "origins": Vec<String> = some(matching("an origin like https://app.example, or \"*\"", None, is_origin)), required;
        /// Methods that they may use.
        pub methods as "methods": Vec<String> = some(matching("a method like GET", None, is_token)), default(json!(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].map(str::to_owned).into());
        /// Headers that they may send; absent: those that they ask for.
        pub headers as "headers": Option<Vec<String>> = some(header_name()), optional;
        /// Headers of answers that they may read.
        pub expose as "expose": Vec<String> = list(header_name()), default(json!([]), Vec::new());
        /// Lets them send cookies and passwords.
        pub credentials as "credentials": bool = boolean(), default(false);
        /// Seconds for which browsers keep what they were told.
        pub max_age as "max_age": Duration = whole_seconds(0..=86400), default(json!(600), Duration::from_secs(600));
    }
    check Cors::check;
}

impl Cors {
    fn check(&self, fields: &mut Fields<'_>, cx: &mut Context<'_>) {
        if self.credentials && self.origins.iter().any(|origin| origin == "*") {
            let text = "lets every page act for its visitor beside \"origins\": [\"*\"]; name the origins";
            cx.error_at("credentials", fields.span_of("credentials"), text);
        }
    }
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let of_host = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:[]".contains(&b);
    text == "*" || host.is_some_and(|host| !host.is_empty() && host.bytes().all(of_host))
}

object! {
    /// An id for each request: services and backends find it in a header, the client in the answer, operators in the access
    /// log (format `json`).
    pub struct RequestId as "the settings of request ids" {
        /// The header.
        pub header as "header": String = header_name(), default(json!("X-Request-Id"), "X-Request-Id".to_owned());
        /// Keeps what the client says, if it is 1 to 128 characters of A-Z, a-z, 0-9, `-`, `_` and `.`: where only proxies of
        /// one's own come.
        pub keep as "keep": bool = boolean(), default(false);
    }
}

object! {
    /// Changes of headers.
    pub struct HeaderRules as "changes of headers" {
        /// Name → value, in place of what there was.
        pub set as "set": BTreeMap<String, String> = keyed("the name of a header", None, is_changeable, matching("a header's value of visible characters", None, is_value)), default(json!({}), BTreeMap::new());
        /// Names of headers that are left out.
        pub remove as "remove": Vec<String> = list(header_name()), default(json!([]), Vec::new());
    }
    absent default;
}

/// The name of a header that may be changed.
fn header_name() -> Text {
    matching("the name of a header, which is not one of the connection's own", None, is_changeable)
}

fn is_token(text: &str) -> bool {
    let of_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(of_token)
}

/// Whether it is a name, and not one by which both sides know where a message ends and what the connection is.
fn is_changeable(name: &str) -> bool {
    const OWN: [&str; 8] = [
        "connection",
        "content-length",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    is_token(name) && !OWN.contains(&name.to_ascii_lowercase().as_str())
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b))
}
