//! Ids, paths and types, as transports and services have them.

use super::decode::*;

/// Says that a `type` other than `name` is passed over, where Crossbar.io does not look at it.
pub(crate) fn tell_type(fields: &mut Fields<'_>, name: &str, cx: &mut Context<'_>) {
    if let Some(entry) = fields.entry("type")
        && !matches!(&entry.value.kind, super::source::Kind::String(found) if found == name)
    {
        let message = format!("is not looked at here, and can only be {name:?}");
        cx.warn_at("type", entry.value.span, message);
    }
}

/// An id as Crossbar.io wants it.
pub(crate) fn id() -> Text {
    matching(
        "an id of 3 to 64 characters: a-z, 0-9 and _, a letter first",
        Some("^[a-z][a-z0-9_]{2,63}$"),
        is_id,
    )
}

pub(crate) fn is_id(text: &str) -> bool {
    let text = until_dollar(text);
    (3..=64).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// Notes an id that must not be given twice to siblings.
pub(crate) fn claim_id(id: &str, levels: usize, fields: &Fields<'_>, cx: &mut Context<'_>) {
    if fields.has("id") {
        let mut scope = cx.path().clone();
        for _ in 1..levels {
            scope.pop();
        }
        let claim =
            Claim { what: (scope, id.to_owned()), path: cx.path().key("id"), span: fields.span_of("id") };
        cx.ids.push(claim);
    }
}

/// Whether `key` is a path of segments with slashes between them, or `/`.
pub(crate) fn is_path_key(key: &str) -> bool {
    let is_segment = |segment: &str| {
        let is_of_segments = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'~');
        segment.bytes().all(is_of_segments) && segment.bytes().any(|b| b != b'.')
    };
    let key = until_dollar(key);
    key == "/" || key.split('/').all(is_segment)
}

/// Whether `key` is a name of a host in lower case, or of all that are one label below it.
pub(crate) fn is_host_key(key: &str) -> bool {
    let is_label = |label: &str| {
        let of_label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(of_label)
    };
    let key = until_dollar(key);
    key.len() <= 253 && key.strip_prefix("*.").unwrap_or(key).split('.').all(is_label)
}

/// An object from names of hosts to what is served there.
pub(crate) fn hosts<R: Rule>(value: R) -> MapOf<R> {
    keyed(
        "the name of a host in lower case, as \"example.org\", or \"*.example.org\" for all that are one label below it",
        Some(r"^(\*\.)?[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\n?$"),
        is_host_key,
        value,
    )
}

/// An object from paths of URLs to what is served there.
pub(crate) fn paths<R: Rule>(value: R) -> MapOf<R> {
    keyed(
        "path segments of A-Z, a-z, 0-9, _, -, . and ~ with slashes between them, as \"api\" and \"a/b.txt\", or \"/\"",
        Some(r"^(\.*[A-Za-z0-9_~-][A-Za-z0-9_.~-]*(/\.*[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*|/)\n?$"),
        is_path_key,
        value,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_in_lower_case() {
        for (key, is_host) in [
            ("example.org", true),
            ("*.example.org", true),
            ("localhost", true),
            ("192.0.2.1", true),
            ("xn--bcher-kva.example", true),
            ("Example.org", false),
            ("*", false),
            ("a.*.org", false),
            ("example.org.", false),
            ("example.org:443", false),
            ("", false),
        ] {
            assert_eq!(is_host_key(key), is_host, "{key}");
        }
    }

    #[test]
    fn paths_have_segments_without_ways_up() {
        for (key, is_path) in [
            ("/", true),
            ("api", true),
            ("a/b", true),
            (".well-known/acme-challenge", true),
            ("favicon.ico", true),
            ("..a/~b", true),
            ("", false),
            ("/api", false),
            ("api/", false),
            ("a//b", false),
            ("..", false),
            ("a/../b", false),
            ("./a", false),
            ("a b", false),
            ("a%20b", false),
        ] {
            assert_eq!(is_path_key(key), is_path, "{key}");
        }
    }
}
