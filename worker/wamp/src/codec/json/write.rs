//! Writing JSON.

use super::super::Write;
use crate::Value;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write as _;

#[derive(Default)]
pub(crate) struct Writer {
    begun: bool,
}

impl Write for Writer {
    fn list(&mut self, _: usize, out: &mut Vec<u8>) {
        self.begun = false;
        out.push(b'[');
    }

    fn element(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            out.push(b',');
        }
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        out.push(b']');
    }

    fn value(&mut self, value: &Value, out: &mut Vec<u8>) {
        write(value, out);
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        write_text(text, out);
    }

    fn uint(&mut self, number: u64, out: &mut Vec<u8>) {
        write_uint(number, out);
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Value::Int(number) => write_int(*number, out),
        // JSON has no other floats.
        Value::Float(number) if !number.is_finite() => out.extend_from_slice(b"null"),
        Value::Float(number) => {
            // A Vec takes every byte.
            let _ = write!(out, "{number:?}");
        }
        Value::Str(text) => write_text(text, out),
        Value::Bin(bytes) => {
            out.extend_from_slice(b"\"\\u0000");
            out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
            out.push(b'"');
        }
        Value::List(list) => {
            out.push(b'[');
            for (index, value) in list.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(value, out);
            }
            out.push(b']');
        }
        Value::Map(map) => {
            out.push(b'{');
            for (index, (key, value)) in map.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write_key(key, out);
                out.push(b':');
                write(value, out);
            }
            out.push(b'}');
        }
        Value::Tag(_, value) => write(value, out),
    }
}

/// Keys of JSON are strings; other serializers have others, too.
fn write_key(key: &Value, out: &mut Vec<u8>) {
    match key {
        Value::Str(text) => write_text(text, out),
        Value::Bin(_) => write(key, out),
        Value::Tag(_, key) => write_key(key, out),
        other => {
            let mut text = Vec::new();
            write(other, &mut text);
            write_text(&String::from_utf8_lossy(&text), out);
        }
    }
}

fn write_int(number: i128, out: &mut Vec<u8>) {
    match u64::try_from(number) {
        Ok(number) => write_uint(number, out),
        // A Vec takes every byte.
        Err(_) => drop(write!(out, "{number}")),
    }
}

/// Digit by digit: every message has ids, and formatting in general costs more than all else that is written of an event.
fn write_uint(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1F)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control => {
                let _ = write!(out, "\\u{control:04x}");
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_written_with_all_their_digits() {
        for number in [
            0,
            1,
            9,
            10,
            99,
            100,
            1 << 53,
            u64::MAX.into(),
            i128::from(u64::MAX) + 1,
            i128::MAX,
            -1,
            i128::MIN,
        ] {
            let mut out = Vec::new();
            write_int(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
