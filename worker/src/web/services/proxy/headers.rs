//! The heads of requests and answers: what is for the next hop only is taken out, and the backend is told whom the
//! request comes from (RFC 9110, section 7.6; RFC 7239).

use super::websocket::Handshake;
use crate::fields::{has_token, items, set};
use crate::net::stream::Peer;
use crate::web::engine::answer::{Answer, failure};
use crate::web::engine::client::Client;
use crate::web::engine::hop_by_hop::remove_hop_by_hop;
use crate::web::engine::path::Rest;
use crate::web::engine::received::Asked;
use hyper::header::{
    CONTENT_LENGTH, EXPECT, Entry, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING, VIA,
};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, StatusCode, Uri, Version};
use jackfield_shared::config::{self, Reverseproxy};
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// What a request to a backend is made of.
pub(super) struct Outgoing<'a> {
    pub(super) request: &'a Asked,
    /// If the request is one of WebSocket.
    pub(super) handshake: Option<&'a Handshake>,
    pub(super) rest: Rest<'a>,
    pub(super) client: &'a Client,
    pub(super) config: &'a Reverseproxy,
    /// The backend's own `Host`.
    pub(super) host: &'a HeaderValue,
}

impl Outgoing<'_> {
    /// Its head, for HTTP/2 or HTTP/1.1.
    pub(super) fn for_version(&self, two: bool) -> Request<()> {
        let asked = self.request.headers();
        let mut headers = asked.clone();
        remove_hop_by_hop(&mut headers);
        remove_ambiguous(&mut headers);
        headers.remove(EXPECT); // answered by us, as soon as the backend wants the content
        if asked.contains_key(TRANSFER_ENCODING) {
            headers.remove(CONTENT_LENGTH);
        }
        if has_token(asked, &TE, "trailers") {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
        let asked_host = self.asked_host();
        self.tell_of_client(&mut headers, asked_host.as_ref());
        let host = asked_host.as_ref().filter(|_| self.config.preserve_host).unwrap_or(self.host);
        let mut request = Request::new(());
        *request.method_mut() = self.request.method().clone();
        *request.uri_mut() = self.uri(two.then_some(host));
        if two {
            *request.version_mut() = Version::HTTP_2;
            headers.remove(HOST);
        } else {
            headers.insert(HOST, host.clone());
        }
        *request.headers_mut() = headers;
        if let Some(handshake) = self.handshake {
            handshake.ask(&mut request, two);
        }
        request
    }

    /// The host that the client asked for.
    fn asked_host(&self) -> Option<HeaderValue> {
        match self.request.uri().authority() {
            Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
            None => self.request.headers().get(HOST).cloned(),
        }
    }

    /// The path of the service is replaced by that of the configuration; the query stays.
    fn uri(&self, authority: Option<&HeaderValue>) -> Uri {
        let mut target = format!("{}{}", self.config.path, self.rest.as_str());
        if !target.starts_with('/') && target != "*" {
            target.insert(0, '/');
        }
        if let Some(query) = self.request.uri().query() {
            target.push('?');
            target.push_str(query);
        }
        let mut parts = hyper::http::uri::Parts::default();
        parts.path_and_query = target.parse().ok();
        if let Some(authority) = authority.and_then(|host| Authority::try_from(host.as_bytes()).ok()) {
            parts.authority = Some(authority);
            parts.scheme = Some(Scheme::HTTP);
        }
        // Put together from parts that were a request's, so it is one's again.
        Uri::from_parts(parts).unwrap_or_default()
    }

    fn tell_of_client(&self, headers: &mut HeaderMap, host: Option<&HeaderValue>) {
        let address = match self.client.peer {
            Peer::Tcp(address) => Some(address.ip().to_canonical()),
            Peer::Unix | Peer::Onion => None,
        };
        let scheme = match self.config.forwarded_proto {
            Some(config::Scheme::Https) => "https",
            Some(config::Scheme::Http) => "http",
            None if self.client.is_secure() => "https",
            None => "http",
        };
        let port = self.config.forwarded_port.unwrap_or_else(|| {
            let named = host.and_then(|host| Authority::try_from(host.as_bytes()).ok()?.port_u16());
            named.unwrap_or(if scheme == "https" { 443 } else { 80 })
        });
        let by_address = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
        append(headers, FORWARDED_FOR, &by_address);
        match address {
            Some(_) => set(headers, REAL_IP, &by_address),
            None => drop(headers.remove(REAL_IP)),
        }
        set(headers, FORWARDED_PROTO, scheme);
        set(headers, FORWARDED_PORT, &port.to_string());
        let node = match address {
            Some(IpAddr::V6(address)) => format!("\"[{address}]\""),
            _ => by_address,
        };
        let mut forwarded = format!("for={node};proto={scheme}");
        match host.and_then(|host| Some((host, host.to_str().ok()?))) {
            Some((host, text)) if !text.contains(['"', '\\']) => {
                headers.insert(FORWARDED_HOST, host.clone());
                forwarded.push_str(&format!(";host=\"{text}\""));
            }
            _ => drop(headers.remove(FORWARDED_HOST)),
        }
        append(headers, FORWARDED, &forwarded);
        add_hop(headers, self.request.version());
    }
}

/// Says that we have passed on a request that came in this version of HTTP (RFC 9110, section 7.6.3).
pub(in crate::web) fn add_hop(headers: &mut HeaderMap, version: Version) {
    let version = if version == Version::HTTP_2 { "2.0" } else { "1.1" };
    append(headers, VIA, &format!("{version} jackfield"));
}

/// Proxies of ours that a request may come through.
const MOST_HOPS: usize = 16;

/// Whether a request has come through so many of us that it goes round in circles.
pub(in crate::web) fn goes_round(headers: &HeaderMap) -> bool {
    items(headers, &VIA).filter(|hop| hop.ends_with(" jackfield")).count() >= MOST_HOPS
}

/// What that is in the log.
pub(in crate::web) const GOES_ROUND: &str =
    "a request has come through 16 proxies of ours already: the backends lead back here";

/// The answer to it.
pub(in crate::web) fn looped(asked: &HeaderMap) -> Answer {
    let text = "The way to the server behind this address leads round in circles.";
    failure(asked, StatusCode::LOOP_DETECTED, text)
}

/// Takes out fields whose names have an underscore: backends that make variables of them (CGI, WSGI) take them for those
/// with a hyphen, of which they may believe that they come from us.
pub(in crate::web) fn remove_ambiguous(headers: &mut HeaderMap) {
    let ambiguous: Vec<_> = headers.keys().filter(|name| name.as_str().contains('_')).cloned().collect();
    for name in ambiguous {
        headers.remove(name);
    }
}

/// Adds to a list, which stays one field.
fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    let all = match headers.entry(name.clone()) {
        Entry::Vacant(_) => value.to_owned(),
        Entry::Occupied(before) => {
            let before: Vec<_> = before.iter().filter_map(|value| value.to_str().ok()).collect();
            format!("{}, {value}", before.join(", "))
        }
    };
    set(headers, name, &all);
}
