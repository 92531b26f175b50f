//! A strict JSON reader that keeps positions: no comments, no trailing commas, no byte order mark, no `NaN`, no
//! key twice in one object. General JSON crates give up either the positions or the strictness.

use std::collections::HashSet;

use super::tree::{Entry, Kind, MAX_DEPTH, MAX_NODES, Span, SyntaxError, Value};

pub(super) fn parse(text: &str) -> Result<Value, SyntaxError> {
    let mut reader = Reader { rest: text, at: Span::new(1, 1), nodes: 0 };
    if text.starts_with('\u{feff}') {
        return Err(reader.error("found a byte order mark, JSON starts without one".into()));
    }
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    match reader.rest.chars().next() {
        None => Ok(value),
        Some(found) => Err(reader.unexpected(Some(found), "the end of the document")),
    }
}

struct Reader<'t> {
    rest: &'t str,
    at: Span,
    nodes: usize,
}

impl<'t> Reader<'t> {
    fn error(&self, message: String) -> SyntaxError {
        SyntaxError { span: self.at, message }
    }

    fn unexpected(&self, found: Option<char>, expected: &str) -> SyntaxError {
        let hint = match found {
            Some('/' | '#') => "; JSON has no comments (a configuration in YAML may have them)",
            Some('\'') => "; JSON strings stand in double quotes",
            Some('N' | 'I') => "; JSON has no NaN and no Infinity",
            _ => "",
        };
        match found {
            Some(found) => self.error(format!("found {found:?}, expected {expected}{hint}")),
            None => self.error(format!("found the end of the file, expected {expected}")),
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.rest = self.rest.get(next.len_utf8()..).unwrap_or_default();
        if next == '\n' {
            self.at = Span::new(self.at.line + 1, 1);
        } else {
            self.at.column += 1;
        }
        Some(next)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.next();
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(self.error(format!(
                "the document is too large: at most {MAX_DEPTH} levels and {MAX_NODES} values are read"
            )));
        }
        let span = self.at;
        let kind = match self.peek() {
            Some('{') => self.map(depth)?,
            Some('[') => self.list(depth)?,
            Some('"') => Kind::String(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some('a'..='z') => self.word()?,
            found => return Err(self.unexpected(found, "a value")),
        };
        Ok(Value { kind, span })
    }

    fn map(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        self.next();
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        self.space();
        if self.peek() == Some('}') {
            self.next();
            return Ok(Kind::Map(entries));
        }
        loop {
            self.space();
            let key_span = self.at;
            match self.peek() {
                Some('"') => {}
                Some('}') => {
                    return Err(self.error("found '}' after ',', JSON has no trailing commas".into()));
                }
                found => return Err(self.unexpected(found, "an attribute name in double quotes")),
            }
            let key = self.string()?;
            if !seen.insert(key.clone()) {
                return Err(SyntaxError { span: key_span, message: super::tree::duplicate_key(&key) });
            }
            self.space();
            match self.peek() {
                Some(':') => self.next(),
                found => return Err(self.unexpected(found, "':'")),
            };
            self.space();
            let value = self.value(depth + 1)?;
            entries.push(Entry { key, key_span, value });
            self.space();
            match self.peek() {
                Some(',') => self.next(),
                Some('}') => {
                    self.next();
                    return Ok(Kind::Map(entries));
                }
                found => return Err(self.unexpected(found, "',' or '}'")),
            };
        }
    }

    fn list(&mut self, depth: usize) -> Result<Kind, SyntaxError> {
        self.next();
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(']') {
            self.next();
            return Ok(Kind::List(items));
        }
        loop {
            self.space();
            if self.peek() == Some(']') {
                return Err(self.error("found ']' after ',', JSON has no trailing commas".into()));
            }
            items.push(self.value(depth + 1)?);
            self.space();
            match self.peek() {
                Some(',') => self.next(),
                Some(']') => {
                    self.next();
                    return Ok(Kind::List(items));
                }
                found => return Err(self.unexpected(found, "',' or ']'")),
            };
        }
    }

    fn word(&mut self) -> Result<Kind, SyntaxError> {
        let length = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let word = self.rest.get(..length).unwrap_or_default();
        let kind = match word {
            "null" => Kind::Null,
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            _ => {
                // Not quoted: it may be a password.
                return Err(
                    self.error("found a bare word, expected a value; strings stand in double quotes".into())
                );
            }
        };
        for _ in 0..length {
            self.next();
        }
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind, SyntaxError> {
        let start = self.at;
        let text = self.rest;
        let mut length = 0;
        let mut whole = true;
        while let Some(c @ ('-' | '+' | '.' | 'e' | 'E' | '0'..='9')) = self.peek() {
            whole &= c.is_ascii_digit() || c == '-';
            length += 1;
            self.next();
        }
        let text = text.get(..length).unwrap_or_default();
        let wrong = |message: String| SyntaxError { span: start, message };
        if !is_json_number(text) {
            return Err(wrong("found what begins like a number and is none in JSON".into()));
        }
        if whole && let Ok(value) = text.parse() {
            return Ok(Kind::Int(value));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Kind::Float(value)),
            _ => Err(wrong("the number is too large".into())),
        }
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        self.next();
        let mut text = String::new();
        loop {
            let at = self.at;
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape(at)?),
                Some(c) if c < ' ' => {
                    return Err(SyntaxError {
                        span: at,
                        message: format!("found {c:?} inside a string, where JSON wants it escaped"),
                    });
                }
                Some(c) => text.push(c),
                None => return Err(SyntaxError { span: start, message: "this string has no end".into() }),
            }
        }
    }

    fn escape(&mut self, at: Span) -> Result<char, SyntaxError> {
        let wrong = |message: &str| SyntaxError { span: at, message: message.into() };
        Ok(match self.next() {
            Some(c @ ('"' | '\\' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let lone = || wrong("found half of a surrogate pair, which is no character");
                let first = self.hex4(at)?;
                if (0xd800..0xdc00).contains(&first) {
                    if self.next() != Some('\\') || self.next() != Some('u') {
                        return Err(lone());
                    }
                    let second = self.hex4(at)?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return Err(lone());
                    }
                    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or_else(lone)?
                } else {
                    char::from_u32(first).ok_or_else(lone)?
                }
            }
            _ => return Err(wrong("found an escape that JSON does not have")),
        })
    }

    fn hex4(&mut self, at: Span) -> Result<u32, SyntaxError> {
        (0..4).try_fold(0, |value, _| match self.next().and_then(|c| c.to_digit(16)) {
            Some(digit) => Ok(value * 16 + digit),
            None => Err(SyntaxError { span: at, message: "\\u wants four hexadecimal digits".into() }),
        })
    }
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut rest = text.strip_prefix('-').unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest.starts_with('0')) {
        return false;
    }
    rest = rest.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or_default();
    }
    if let Some(exponent) = rest.strip_prefix(['e', 'E']) {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let length = digits(exponent);
        return length > 0 && length == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> (u32, u32, String) {
        let error = parse(text).unwrap_err();
        (error.span.line, error.span.column, error.message)
    }

    #[test]
    fn every_key_and_value_knows_its_place() {
        let value = parse("{\n  \"é\": [1,\n    \"two\"]}").unwrap();
        let entry = value.get("é").unwrap();
        assert_eq!(entry.key_span, Span::new(2, 3));
        assert_eq!(entry.value.span, Span::new(2, 8));
        let Kind::List(items) = &entry.value.kind else { panic!("{entry:?}") };
        assert_eq!(items[1].span, Span::new(3, 5));
    }

    #[test]
    fn values_are_what_serde_json_reads() {
        for text in [
            "null",
            "[]",
            "{}",
            "1e3",
            "-1.5E-2",
            "18446744073709551615",
            r#""\ud83d\ude00\n\/""#,
            " [ 1 , {\"a\":true} ] ",
        ] {
            let expected: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(parse(text).unwrap().to_json(), expected, "{text}");
        }
    }

    #[test]
    fn leniency_is_refused_with_its_place() {
        assert_eq!(error("{\"a\": 1, \"a\": 2}").0, 1);
        assert!(error("{\"a\": 1, \"a\": 2}").2.contains("twice"));
        assert!(error("[1,]").2.contains("trailing"));
        assert!(error("{\"a\":1,}").2.contains("trailing"));
        assert!(error("{\n// x\n}").2.contains("comments"));
        assert_eq!(error("[\n NaN]").1, 2);
        for text in [
            "",
            "\u{feff}{}",
            "01",
            "1.",
            "+1",
            "[1 2]",
            "{'a':1}",
            "\"\\ud800\"",
            "\"a\nb\"",
            "1e999",
            "nul",
            "{} {}",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
