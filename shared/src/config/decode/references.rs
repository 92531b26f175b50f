//! References in strings: `${NAME}`, `${NAME:-default}`, `${file:PATH}` and `${credential:NAME}`.

use serde_json::{Value as Json, json};

/// A piece of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// As it is written.
    Text(&'t str),
    /// What a variable of the environment says.
    Variable {
        /// Its name.
        name: &'t str,
        /// What holds where it is unset or empty.
        default: Option<&'t str>,
    },
    /// What is in a file.
    File(&'t str),
    /// What is in a file of `$CREDENTIALS_DIRECTORY`.
    Credential(&'t str),
}

/// A variable's name: `[A-Za-z_][A-Za-z0-9_]*`
pub(crate) fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// What stands between the braces of a reference, if it is one.
fn reference(inner: &str) -> Option<Piece<'_>> {
    if let Some(path) = inner.strip_prefix("file:") {
        return (!path.is_empty()).then_some(Piece::File(path));
    }
    if let Some(name) = inner.strip_prefix("credential:") {
        return (!name.is_empty()).then_some(Piece::Credential(name));
    }
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    is_variable(name).then_some(Piece::Variable { name, default })
}

/// How many bytes of `text`, which begins behind `${`, stand before the brace that closes it.
fn length(text: &str) -> Option<usize> {
    let mut open = 1_usize;
    text.bytes().position(|byte| {
        match byte {
            b'{' => open += 1,
            b'}' => open -= 1,
            _ => {}
        }
        open == 0
    })
}

/// The pieces of `text`. What only looks like a reference is text; `$${` is `${` as text.
pub(crate) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    // Where the text begins that is not among the pieces yet, and where the search for more goes on.
    let (mut begin, mut from) = (0, 0);
    let between = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("${")) {
        let (at, inner) = (from + found, from + found + 2);
        from = inner;
        if at > begin && between(at - 1, at) == "$" {
            pieces.push(Piece::Text(between(begin, at - 1)));
            begin = at;
            continue;
        }
        let Some(length) = length(between(inner, text.len())) else { continue };
        if let Some(piece) = reference(between(inner, inner + length)) {
            pieces.push(Piece::Text(between(begin, at)));
            pieces.push(piece);
            begin = inner + length + 1;
            from = begin;
        }
    }
    pieces.push(Piece::Text(between(begin, text.len())));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// The reference that the whole of `text` is.
pub(crate) fn whole(text: &str) -> Option<Piece<'_>> {
    match pieces(text).as_slice() {
        [Piece::Text(_)] => None,
        [piece] => Some(piece.clone()),
        _ => None,
    }
}

/// `schema`, or a string with a reference in it instead.
pub(super) fn or_reference(schema: Json) -> Json {
    json!({"anyOf": [schema, {"type": "string", "pattern": "\\$\\{(file:|credential:|[A-Za-z_][A-Za-z0-9_]*(:-.*)?\\}).*"}]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_fall_into_text_and_references() {
        let variable = |name, default| Piece::Variable { name, default };
        for (text, expected) in [
            ("", vec![]),
            ("plain $X $ {", vec![Piece::Text("plain $X $ {")]),
            ("${X}", vec![variable("X", None)]),
            ("a${X}b", vec![Piece::Text("a"), variable("X", None), Piece::Text("b")]),
            ("${X:-}${Y:-a{b}c}", vec![variable("X", Some("")), variable("Y", Some("a{b}c"))]),
            ("${X:-${Y}}", vec![variable("X", Some("${Y}"))]),
            ("$${X}", vec![Piece::Text("${X}")]),
            ("a$${X}${Y}", vec![Piece::Text("a"), Piece::Text("${X}"), variable("Y", None)]),
            ("${1X} ${a b} ${", vec![Piece::Text("${1X} ${a b} ${")]),
            ("${a ${X}", vec![Piece::Text("${a "), variable("X", None)]),
            ("${file:/a b}", vec![Piece::File("/a b")]),
            ("${credential:db}x", vec![Piece::Credential("db"), Piece::Text("x")]),
            ("${file:}", vec![Piece::Text("${file:}")]),
            ("é${X}é", vec![Piece::Text("é"), variable("X", None), Piece::Text("é")]),
        ] {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn a_whole_string_is_a_reference_or_not() {
        assert!(whole("${X:-1}").is_some() && whole("${file:x}").is_some());
        assert!(whole("${X} ").is_none() && whole("X").is_none() && whole("").is_none());
    }
}
