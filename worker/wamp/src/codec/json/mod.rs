//! JSON (RFC 8259), with bytes as strings of U+0000 and their base64 (WAMP specification, "Binary conversion of JSON
//! Strings").

mod write;

pub(crate) use write::Writer;

use super::{Error, MAX_DEPTH, Read, Shape};
use crate::Value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::ops::Range;

pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Whether the entered list has given an element already.
    begun: bool,
}

const fn malformed(at: usize, problem: &'static str) -> Error {
    Error::Malformed { format: "JSON", at, problem }
}

impl<'a> Read<'a> for Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        match simdutf8::compat::from_utf8(bytes) {
            Ok(_) => Ok(Self { bytes, at: 0, begun: false }),
            Err(e) => Err(malformed(e.valid_up_to(), "not UTF-8")),
        }
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.space();
        self.expect(b'[', "expected a list")
    }

    fn more(&mut self) -> Result<bool, Error> {
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(false);
        }
        if std::mem::replace(&mut self.begun, true) {
            self.expect(b',', "expected a comma or the end of the list")?;
        }
        Ok(true)
    }

    fn end(&mut self) -> Result<(), Error> {
        self.space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(malformed(self.at, "something follows the message"))
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        self.decode(0)
    }

    fn skim(&mut self) -> Result<(Range<usize>, Shape), Error> {
        self.space();
        let start = self.at;
        let shape = match self.peek() {
            Some(b'n') => Shape::Null,
            Some(b'[') => Shape::List,
            Some(b'{') => Shape::Map,
            Some(b'"') if self.bytes[start..].starts_with(b"\"\\u0000") => Shape::Bytes,
            Some(b'"') => Shape::Text,
            _ => Shape::Other,
        };
        self.skip()?;
        Ok((start..self.at, shape))
    }

    fn is_empty(raw: &[u8]) -> bool {
        raw.len() >= 2 && raw[1..raw.len() - 1].iter().all(u8::is_ascii_whitespace)
    }
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8, problem: &'static str) -> Result<(), Error> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(malformed(self.at, problem))
    }

    /// Skips a value. The kinds of the open lists and maps are the bits of a number as wide as the depth allows.
    fn skip(&mut self) -> Result<(), Error> {
        let mut maps = [0u64; MAX_DEPTH / 64];
        let mut depth = 0;
        'value: loop {
            self.space();
            match self.peek() {
                Some(open @ (b'[' | b'{')) => {
                    self.at += 1;
                    self.space();
                    let close = if open == b'[' { b']' } else { b'}' };
                    if self.peek() == Some(close) {
                        self.at += 1;
                    } else {
                        if depth == MAX_DEPTH {
                            return Err(Error::TooDeep);
                        }
                        let bit = 1 << (depth % 64);
                        if open == b'{' {
                            maps[depth / 64] |= bit;
                            self.key()?;
                        } else {
                            maps[depth / 64] &= !bit;
                        }
                        depth += 1;
                        continue 'value;
                    }
                }
                Some(b'"') => self.skip_string()?,
                Some(_) => self.skip_word()?,
                None => return Err(malformed(self.at, "the message is cut off")),
            }
            // A value has ended.
            loop {
                if depth == 0 {
                    return Ok(());
                }
                self.space();
                let is_map = maps[(depth - 1) / 64] & 1 << ((depth - 1) % 64) != 0;
                match (self.peek(), is_map) {
                    (Some(b','), false) => {
                        self.at += 1;
                        continue 'value;
                    }
                    (Some(b','), true) => {
                        self.at += 1;
                        self.space();
                        self.key()?;
                        continue 'value;
                    }
                    (Some(b']'), false) | (Some(b'}'), true) => {
                        self.at += 1;
                        depth -= 1;
                    }
                    _ => {
                        return Err(malformed(
                            self.at,
                            "expected a comma or the end of the list or dictionary",
                        ));
                    }
                }
            }
        }
    }

    fn key(&mut self) -> Result<(), Error> {
        if self.peek() != Some(b'"') {
            return Err(malformed(self.at, "expected a key, which is a string"));
        }
        self.skip_string()?;
        self.space();
        self.expect(b':', "expected a colon")
    }

    /// Skips a string, and checks its escapes.
    fn skip_string(&mut self) -> Result<(), Error> {
        self.at += 1;
        loop {
            let rest = &self.bytes[self.at..];
            let Some(length) = memchr::memchr2(b'"', b'\\', rest) else {
                return Err(malformed(self.bytes.len(), "a string is not closed"));
            };
            // Without an early end, so that the compiler makes vectors of it.
            if rest[..length].iter().fold(0xFF, |least, byte| std::cmp::min(least, *byte)) < 0x20 {
                return Err(malformed(self.at, "a control character in a string"));
            }
            self.at += length + 1;
            if rest[length] == b'"' {
                return Ok(());
            }
            self.escape()?;
        }
    }

    /// Reads what follows a backslash.
    fn escape(&mut self) -> Result<char, Error> {
        let kind = self.peek().ok_or(malformed(self.at, "a string is not closed"))?;
        self.at += 1;
        Ok(match kind {
            b'"' | b'\\' | b'/' => char::from(kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let at = self.at;
                let lone = malformed(at, "half a surrogate pair");
                let first = self.hex()?;
                let code = match first {
                    0xD800..0xDC00 => {
                        if !self.bytes[self.at..].starts_with(b"\\u") {
                            return Err(lone);
                        }
                        self.at += 2;
                        let second = self.hex()?;
                        if !(0xDC00..0xE000).contains(&second) {
                            return Err(lone);
                        }
                        0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
                    }
                    other => other,
                };
                char::from_u32(code).ok_or(lone)?
            }
            _ => return Err(malformed(self.at - 1, "an unknown escape in a string")),
        })
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let digits =
            self.bytes.get(self.at..self.at + 4).ok_or(malformed(self.at, "a string is not closed"))?;
        let mut code = 0;
        for digit in digits {
            let value =
                char::from(*digit).to_digit(16).ok_or(malformed(self.at, "expected four hex digits"))?;
            code = code << 4 | value;
        }
        self.at += 4;
        Ok(code)
    }

    /// Skips a number, `true`, `false` or `null`.
    fn skip_word(&mut self) -> Result<(), Error> {
        for word in [&b"true"[..], b"false", b"null"] {
            if self.bytes[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(());
            }
        }
        self.number().map(|_| ())
    }

    /// Skips a number; true if it is a float.
    fn number(&mut self) -> Result<bool, Error> {
        let start = self.at;
        let problem = malformed(start, "expected a value");
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(problem),
        }
        let mut float = false;
        if self.peek() == Some(b'.') {
            float = true;
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            float = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(float)
    }

    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
    }

    fn some_digits(&mut self) -> Result<(), Error> {
        let start = self.at;
        self.digits();
        if self.at == start { Err(malformed(start, "expected a digit")) } else { Ok(()) }
    }

    fn decode(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.space();
        match self.peek() {
            Some(b'[') => {
                self.at += 1;
                let mut list = Vec::new();
                loop {
                    self.space();
                    if self.peek() == Some(b']') && list.is_empty() {
                        break;
                    }
                    list.push(self.decode(depth + 1)?);
                    self.space();
                    match self.peek() {
                        Some(b',') => self.at += 1,
                        Some(b']') => break,
                        _ => return Err(malformed(self.at, "expected a comma or the end of the list")),
                    }
                }
                self.at += 1;
                Ok(Value::List(list))
            }
            Some(b'{') => {
                self.at += 1;
                let mut map = Vec::new();
                loop {
                    self.space();
                    if self.peek() == Some(b'}') && map.is_empty() {
                        break;
                    }
                    if self.peek() != Some(b'"') {
                        return Err(malformed(self.at, "expected a key, which is a string"));
                    }
                    let key = self.string()?;
                    self.space();
                    self.expect(b':', "expected a colon")?;
                    map.push((Value::Str(key), self.decode(depth + 1)?));
                    self.space();
                    match self.peek() {
                        Some(b',') => self.at += 1,
                        Some(b'}') => break,
                        _ => return Err(malformed(self.at, "expected a comma or the end of the dictionary")),
                    }
                }
                self.at += 1;
                Ok(Value::Map(map))
            }
            Some(b'"') => Ok(bytes_or_text(self.string()?)),
            Some(_) => self.word(),
            None => Err(malformed(self.at, "the message is cut off")),
        }
    }

    fn word(&mut self) -> Result<Value, Error> {
        for (word, value) in
            [(&b"true"[..], Value::Bool(true)), (b"false", Value::Bool(false)), (b"null", Value::Null)]
        {
            if self.bytes[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(value);
            }
        }
        let start = self.at;
        let is_float = self.number()?;
        let text = str::from_utf8(&self.bytes[start..self.at]).unwrap_or_default();
        if !is_float && let Ok(number) = text.parse() {
            return Ok(Value::Int(number));
        }
        text.parse().map(Value::Float).map_err(|_| malformed(start, "expected a number"))
    }

    fn string(&mut self) -> Result<String, Error> {
        let start = self.at + 1;
        self.skip_string()?;
        let raw = &self.bytes[start..self.at - 1];
        let Some(first) = memchr::memchr(b'\\', raw) else {
            return Ok(String::from_utf8_lossy(raw).into_owned());
        };
        let mut inner = Reader { bytes: raw, at: first, begun: false };
        let mut text = String::with_capacity(raw.len());
        text.push_str(&String::from_utf8_lossy(&raw[..first]));
        while inner.at < raw.len() {
            inner.at += 1;
            text.push(inner.escape()?);
            let rest = &raw[inner.at..];
            let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
            text.push_str(&String::from_utf8_lossy(&rest[..plain]));
            inner.at += plain;
        }
        Ok(text)
    }
}

fn bytes_or_text(text: String) -> Value {
    match text.strip_prefix('\0').map(|base64| STANDARD.decode(base64)) {
        Some(Ok(bytes)) => Value::Bin(bytes),
        _ => Value::Str(text),
    }
}
