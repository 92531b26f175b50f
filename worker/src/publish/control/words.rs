//! The words of a line: `KEY=VALUE`, `KEY="quoted value"`, `WORD` (control-spec, 2.1 and 2.3).

/// The words of a line, quoted values without their quotes.
pub(crate) fn words(line: &str) -> Vec<(String, Option<String>)> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let end = rest.find([' ', '=']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            None => (None, after),
            Some(quoted) if quoted.starts_with('"') => {
                let (value, after) = unquote(&quoted[1..]);
                (Some(value), after)
            }
            Some(plain) => {
                let (value, after) = plain.split_at(plain.find(' ').unwrap_or(plain.len()));
                (Some(value.to_owned()), after)
            }
        };
        words.push((name.to_owned(), value));
        rest = after.trim_start();
    }
    words
}

/// The value of a word with this name.
pub(crate) fn value<'w>(words: &'w [(String, Option<String>)], name: &str) -> Option<&'w str> {
    words.iter().find(|(found, _)| found == name)?.1.as_deref()
}

/// The value up to its closing quote, and what follows. Escapes are those of C, as tor writes them.
fn unquote(text: &str) -> (String, &str) {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(found) = rest.chars().next() {
        rest = &rest[found.len_utf8()..];
        match found {
            '"' => break,
            '\\' => {
                let digits = rest.bytes().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
                let (octal, after) = rest.split_at(digits);
                if let Ok(byte) = u8::from_str_radix(octal, 8) {
                    bytes.push(byte);
                    rest = after;
                    continue;
                }
                let Some(escaped) = rest.chars().next() else { break };
                rest = &rest[escaped.len_utf8()..];
                let meant = match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    other => other,
                };
                bytes.extend(meant.encode_utf8(&mut [0; 4]).bytes());
            }
            plain => bytes.extend(plain.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    (String::from_utf8_lossy(&bytes).into_owned(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_plain_or_quoted() {
        let line = r#"NOTICE BOOTSTRAP PROGRESS=45 SUMMARY="Loading \"relay\" \303\244 descriptors" END="#;
        let words = words(line);
        assert_eq!(words[0], ("NOTICE".into(), None));
        assert_eq!(value(&words, "PROGRESS"), Some("45"));
        assert_eq!(value(&words, "SUMMARY"), Some("Loading \"relay\" ä descriptors"));
        assert_eq!(value(&words, "END"), Some(""));
        assert_eq!(value(&words, "NOTICE"), None);
    }

    #[test]
    fn nothing_is_too_broken() {
        for line in ["", "=", "a=\"", "a=\"\\", "a=\"\\777\"", "  x  ", "a=\"b\"c=\"d"] {
            let _ = words(line);
        }
        assert_eq!(value(&words(r#"F="a\\b\tc" G="x"#), "F"), Some("a\\b\tc"));
    }
}
