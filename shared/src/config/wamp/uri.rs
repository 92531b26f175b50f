//! Names of realms, procedures and topics.

use super::super::decode::*;

/// A realm's name: letters, digits, `_`, `-`, `@`, `.`, at least 3 of them, a letter first.
pub(crate) fn realm_name() -> Text {
    matching("a realm name: 3 to 255 letters, digits and _ - @ . with a letter first", None, is_realm_name)
}

/// A realm named where Crossbar.io takes any string.
pub(crate) fn realm_name_loose() -> Text {
    text()
}

pub(crate) fn is_realm_name(text: &str) -> bool {
    let text = until_dollar(text);
    (3..=255).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'@' | b'.'))
}

/// A URI of a procedure or topic, written as the WAMP specification's strict pattern wants it.
pub(crate) fn uri() -> Text {
    matching(
        "a WAMP URI: parts of a-z, 0-9 and _, joined by points",
        Some("^([0-9a-z_]+\\.)*([0-9a-z_]+)$"),
        |text| {
            until_dollar(text).split('.').all(|part| {
                !part.is_empty() && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'z' | b'_'))
            })
        },
    )
}

/// A URI of a rule: parts may be empty, and any characters but space, `#` and `.` may stand in them.
pub(crate) fn uri_pattern() -> Text {
    matching("a WAMP URI (pattern), without white space and #", None, |text| {
        !text.contains(|c: char| c.is_whitespace() || c == '#')
    })
}
