//! Fields of a head that are for the next hop only (RFC 9110, section 7.6.1).

use crate::fields::items;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Takes out what is for the next hop only: the fields that say so, and those that `Connection` names.
pub(in crate::web) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Nearly all say no more than this.
    let usual = |value: &HeaderValue| matches!(value.as_bytes(), b"close" | b"keep-alive");
    if headers.get_all(CONNECTION).iter().any(|value| !usual(value)) {
        let named: Vec<HeaderName> =
            items(headers, &CONNECTION).filter_map(|name| name.parse().ok()).collect();
        for name in named {
            headers.remove(name);
        }
    }
    for name in [CONNECTION, HTTP2_SETTINGS, KEEP_ALIVE, PROXY_CONNECTION, TE, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
}
