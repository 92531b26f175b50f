//! Header fields of HTTP: lists, and values of ours (RFC 9110, sections 5.6.1 and 12.4.2).

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

/// The items of a field that is a list.
pub(crate) fn items<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a str> + use<'a> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|item| !item.is_empty())
}

/// Whether a list has this token.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    items(headers, name).any(|item| item.eq_ignore_ascii_case(token))
}

/// The items of a list by which a client says what it wants, without their parameters, and how much, from 0 to 1.
pub(crate) fn weighted<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (&'a str, f32)> + use<'a> {
    items(headers, name).map(|item| {
        let (wanted, parameters) = item.split_once(';').unwrap_or((item, ""));
        let mut parameters = parameters.split(';').map(str::trim);
        let weight = parameters.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        (wanted.trim(), weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0)))
    })
}

/// Sets a field; one whose value can't stand in a header is left as it was.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
