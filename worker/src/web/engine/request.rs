//! Requests as every service understands them: what HTTP says of them was checked, and what the versions of it say each in
//! their own way is said in one.

use super::answer::{Answer, failure};
use super::received::Asked;
use hyper::header::{CONTENT_LENGTH, COOKIE, HOST, HeaderValue, RANGE, TRANSFER_ENCODING};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, StatusCode, Version};
use percent_encoding::percent_decode_str;

/// Fields of a head; of HTTP/1 more are not even read.
const MOST_FIELDS: usize = 100;

/// The answer to a request that nobody can understand, or each in another way.
pub(in crate::web) fn refuse(request: &Asked) -> Option<Answer> {
    let (status, text) = wrong(request)?;
    Some(failure(request.headers(), status, text))
}

fn wrong(request: &Asked) -> Option<(StatusCode, &'static str)> {
    let (headers, uri) = (request.headers(), request.uri());
    let bad = |text| Some((StatusCode::BAD_REQUEST, text));
    if headers.len() > MOST_FIELDS {
        return Some((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "A request has 100 fields at most."));
    }
    let hosts: Vec<_> = headers.get_all(HOST).iter().collect();
    if hosts.len() > 1 || (hosts.is_empty() && request.version() == Version::HTTP_11) {
        return bad("A request of HTTP/1.1 has one header Host.");
    }
    if !hosts.iter().all(|host| is_host(host.as_bytes())) {
        return bad("Host names no host.");
    }
    if uri.authority().is_some_and(|authority| !is_host(authority.as_str().as_bytes())) {
        return bad("The address names no host.");
    }
    // RFC 9113, section 8.3.1; in HTTP/1.1 the target wins (RFC 9112, section 3.2.2).
    if let (Version::HTTP_2, Some(authority), [host]) = (request.version(), uri.authority(), &hosts[..])
        && !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
    {
        return bad("Host is another one than that of the address.");
    }
    let is_connect = request.method() == Method::CONNECT;
    let is_path = uri.path().starts_with('/') || (request.method() == Method::OPTIONS && uri.path() == "*");
    if !is_connect && (!is_path || (uri.authority().is_some() && uri.scheme().is_none())) {
        return bad("The target is no path.");
    }
    if leaves_its_place(uri.path()) {
        return bad("The path has segments that lead elsewhere.");
    }
    // What reads HTTP/2 has looked at them only as far as it needs them.
    if headers.get_all(CONTENT_LENGTH).iter().any(|length| !is_length(length)) {
        return bad("Content-Length is no length.");
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")) {
        let text = "Of the transfer codings, only chunked is taken here.";
        return Some((StatusCode::NOT_IMPLEMENTED, text));
    }
    None
}

/// The host that is asked for, without its port; empty: none.
pub(in crate::web) fn host<B>(request: &hyper::Request<B>) -> &str {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let end = match host.strip_prefix('[') {
        Some(address) => address.find(']').map_or(host.len(), |end| end + 2),
        None => host.find(':').unwrap_or(host.len()),
    };
    host.get(..end).unwrap_or(host).trim_end_matches('.')
}

/// The answer to a request for a host whose clients authenticate in another way than this one has.
pub(in crate::web) fn misdirected(request: &Asked) -> Answer {
    let text =
        "This name is served on a connection of its own: clients show a certificate for it, or another one.";
    failure(request.headers(), StatusCode::MISDIRECTED_REQUEST, text)
}

/// Whether it is the name, or the address, of a host, with a port or without; none at all is allowed (RFC 9110, section
/// 7.2).
fn is_host(host: &[u8]) -> bool {
    let Ok(authority) = Authority::try_from(host) else { return host.is_empty() };
    let text = authority.as_str();
    let after = text.strip_prefix(authority.host());
    let port = after.and_then(|rest| rest.strip_prefix(':').or(rest.is_empty().then_some("")));
    port.is_some_and(|port| port.is_empty() || authority.port_u16().is_some())
}

fn is_length(length: &HeaderValue) -> bool {
    length
        .to_str()
        .is_ok_and(|length| length.trim().parse::<u64>().is_ok_and(|length| i64::try_from(length).is_ok()))
}

/// Whether a segment, as the most generous of readers decodes it, is `.` or `..`: what such a path leads to depends on who
/// reads it, and a service is not to be left by it. Parameters behind a semicolon don't count, nor does which way a slash
/// leans or whether it is encoded.
fn leaves_its_place(path: &str) -> bool {
    if !path.contains(['.', '%']) {
        return false;
    }
    let decoded: Vec<u8> = percent_decode_str(path).collect();
    decoded
        .split(|byte| matches!(byte, b'/' | b'\\'))
        .map(|segment| segment.split(|byte| *byte == b';').next().unwrap_or_default())
        .any(|segment| matches!(segment, b"." | b".."))
}

/// Says in one way what the versions of HTTP say in several: the host by `Host`, cookies in one field (RFC 9113, section
/// 8.2.3). `Range` has a meaning with GET only (RFC 9110, section 14.2).
pub(in crate::web) fn normalize(request: &mut Asked) {
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(HOST, host);
    }
    if request.method() != Method::GET {
        request.headers_mut().remove(RANGE);
    }
    let cookies: Vec<_> = request.headers().get_all(COOKIE).iter().map(|cookie| cookie.as_bytes()).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        request.headers_mut().insert(COOKIE, joined);
    }
}

/// The path and the query: what stands in an access log, whatever form the target has.
pub(in crate::web) fn target(request: &hyper::Request<impl Sized>) -> &str {
    request.uri().path_and_query().map_or("/", PathAndQuery::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn request(method: &str, target: &str, version: Version, fields: &[(&str, &str)]) -> Asked {
        let mut request = Request::builder().method(method).uri(target).version(version);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(None).unwrap()
    }

    #[test]
    fn what_each_would_understand_in_another_way_is_refused() {
        let (one, two) = (Version::HTTP_11, Version::HTTP_2);
        let host = ("host", "a.test:80");
        for (status, target, version, fields) in [
            (0, "/", one, &[host][..]),
            (0, "/", one, &[("host", "")]),
            (0, "/", one, &[("host", "[::1]:8080")]),
            (0, "http://b.test/", one, &[host]),
            (400, "/", one, &[]),
            (400, "/", one, &[host, host]),
            (400, "/", one, &[("host", "a b\"c")]),
            (400, "/", one, &[("host", "u@h")]),
            (400, "/", one, &[("host", "a:99999")]),
            (400, "/", one, &[("host", "a:b")]),
            (400, "j", one, &[host]),
            (400, "j:80", one, &[host]),
            (400, "*", one, &[host]),
            (0, "https://a.test/x", two, &[]),
            (0, "https://a.test:80/x", two, &[host]),
            (400, "https://b.test/x", two, &[host]),
            (400, "https://u@a.test/x", two, &[]),
            (0, "/", one, &[host, ("content-length", "9223372036854775807")]),
            (400, "/", one, &[host, ("content-length", "9223372036854775808")]),
            (0, "/", one, &[host, ("transfer-encoding", "Chunked")]),
            (501, "/", one, &[host, ("transfer-encoding", "gzip, chunked")]),
            (501, "/", one, &[host, ("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")]),
        ] {
            let request = request("GET", target, version, fields);
            assert_eq!(wrong(&request).map_or(0, |(s, _)| s.as_u16()), status, "{target} {fields:?}");
        }
        assert!(wrong(&request("OPTIONS", "*", one, &[host])).is_none());
        let many: Vec<_> = (0..101).map(|n| if n == 0 { host } else { ("x-field", "1") }).collect();
        let status = wrong(&request("GET", "/", two, &many)).unwrap().0;
        assert_eq!(status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert!(wrong(&request("GET", "/", two, &many[..100])).is_none());
    }

    #[test]
    fn a_host_is_told_from_its_port() {
        for (said, expected) in [
            ("a.test", "a.test"),
            ("a.test.:80", "a.test"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("192.0.2.1:1", "192.0.2.1"),
            ("", ""),
        ] {
            assert_eq!(host(&request("GET", "/", Version::HTTP_11, &[("host", said)])), expected, "{said}");
        }
        assert_eq!(host(&request("GET", "/", Version::HTTP_10, &[])), "");
    }

    #[test]
    fn no_path_leaves_its_service() {
        for (path, leaves) in [
            ("/a/b.html", false),
            ("/.well-known/x", false),
            ("/a/...", false),
            ("/a/..b", false),
            ("/a%20b", false),
            ("/public/../admin", true),
            ("/public/./admin", true),
            ("/public/%2e%2E/admin", true),
            ("/public/..;/admin", true),
            ("/public/..%2fadmin", true),
            ("/public%2f..%2fadmin", true),
            ("/public/..%5cadmin", true),
            ("/public/%2e%2e%3Bx/admin", true),
            ("/..", true),
        ] {
            assert_eq!(leaves_its_place(path), leaves, "{path}");
        }
    }

    #[test]
    fn the_versions_say_it_in_one_way() {
        let cookies = [("cookie", "a=1"), ("cookie", "b=2")];
        let mut two = request("GET", "https://a.test/x?y", Version::HTTP_2, &cookies);
        normalize(&mut two);
        assert_eq!(
            (&two.headers()[HOST], &two.headers()[COOKIE]),
            (&"a.test".parse().unwrap(), &"a=1; b=2".parse().unwrap())
        );
        assert_eq!(target(&two), "/x?y");
        let mut head = request("HEAD", "/", Version::HTTP_11, &[("host", "a"), ("range", "bytes=0-1")]);
        normalize(&mut head);
        assert!(!head.headers().contains_key(RANGE));
        let mut absolute = request("GET", "http://b.test/", Version::HTTP_11, &[("host", "a.test")]);
        normalize(&mut absolute);
        assert_eq!(absolute.headers().get_all(HOST).iter().collect::<Vec<_>>(), ["b.test"]);
    }
}
