//! MessagePack, with the types str and bin.

use super::{Error, MAX_DEPTH, Read, Shape, Write};
use crate::Value;
use std::ops::Range;

pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Elements of the entered list that are still to come.
    left: usize,
}

const fn malformed(at: usize, problem: &'static str) -> Error {
    Error::Malformed { format: "MessagePack", at, problem }
}

/// A value's first bytes.
enum Token<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(&'a [u8]),
    Bin(&'a [u8]),
    Ext(&'a [u8]),
    List(usize),
    Map(usize),
}

impl<'a> Read<'a> for Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        Ok(Self { bytes, at: 0, left: 0 })
    }

    fn begin(&mut self) -> Result<(), Error> {
        match self.token()? {
            Token::List(count) => {
                self.left = count;
                Ok(())
            }
            _ => Err(malformed(0, "expected a list")),
        }
    }

    fn more(&mut self) -> Result<bool, Error> {
        let more = self.left > 0;
        self.left = self.left.saturating_sub(1);
        Ok(more)
    }

    fn end(&mut self) -> Result<(), Error> {
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
        let start = self.at;
        let mut shape = None;
        // How many values are still to come, in each open list or map.
        let mut open = [0u64; MAX_DEPTH];
        let mut depth = 0;
        loop {
            let at = self.at;
            let token = self.token()?;
            shape = shape.or(Some(match token {
                Token::Null => Shape::Null,
                Token::List(_) => Shape::List,
                Token::Map(_) => Shape::Map,
                Token::Str(_) => Shape::Text,
                Token::Bin(_) => Shape::Bytes,
                _ => Shape::Other,
            }));
            let count = match token {
                Token::Str(text) => {
                    check_utf8(text, at)?;
                    0
                }
                Token::List(count) => count as u64,
                Token::Map(count) => 2 * count as u64,
                _ => 0,
            };
            if count > 0 {
                if depth == MAX_DEPTH {
                    return Err(Error::TooDeep);
                }
                open[depth] = count;
                depth += 1;
                continue;
            }
            // A value has ended, and with it those whose last one it was.
            loop {
                if depth == 0 {
                    return Ok((start..self.at, shape.unwrap_or(Shape::Other)));
                }
                open[depth - 1] -= 1;
                if open[depth - 1] > 0 {
                    break;
                }
                depth -= 1;
            }
        }
    }

    fn is_empty(raw: &[u8]) -> bool {
        matches!(raw, [0x80 | 0x90] | [0xDC..=0xDF, 0, 0, ..])
            && matches!(raw.len(), 1 | 3 | 5)
            && raw[1..].iter().all(|byte| *byte == 0)
    }
}

fn check_utf8(text: &[u8], at: usize) -> Result<&str, Error> {
    simdutf8::basic::from_utf8(text).map_err(|_| malformed(at, "a string is not UTF-8"))
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..count).ok_or(malformed(self.bytes.len(), "the message is cut off"))?;
        self.at += count;
        Ok(taken)
    }

    fn uint(&mut self, width: usize) -> Result<u64, Error> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, width: usize) -> Result<usize, Error> {
        Ok(self.uint(width)? as usize)
    }

    fn token(&mut self) -> Result<Token<'a>, Error> {
        let at = self.at;
        let first = self.take(1)?[0];
        Ok(match first {
            0x00..=0x7F => Token::Int(first.into()),
            0x80..=0x8F => Token::Map(usize::from(first & 0x0F)),
            0x90..=0x9F => Token::List(usize::from(first & 0x0F)),
            0xA0..=0xBF => Token::Str(self.take(usize::from(first & 0x1F))?),
            0xC0 => Token::Null,
            0xC1 => return Err(malformed(at, "the byte c1 begins no value")),
            0xC2 | 0xC3 => Token::Bool(first == 0xC3),
            0xC4..=0xC6 => {
                let length = self.length(1 << (first - 0xC4))?;
                Token::Bin(self.take(length)?)
            }
            0xC7..=0xC9 => {
                let length = self.length(1 << (first - 0xC7))?;
                self.take(1)?;
                Token::Ext(self.take(length)?)
            }
            0xCA => Token::Float(f32::from_bits(self.uint(4)? as u32).into()),
            0xCB => Token::Float(f64::from_bits(self.uint(8)?)),
            0xCC..=0xCF => Token::Int(self.uint(1 << (first - 0xCC))?.into()),
            0xD0..=0xD3 => {
                let width = 1 << (first - 0xD0);
                let shift = 64 - 8 * width as u32;
                Token::Int((((self.uint(width)? << shift) as i64) >> shift).into())
            }
            0xD4..=0xD8 => {
                let kind = self.take(1)?[0];
                match (kind, self.take(1 << (first - 0xD4))?) {
                    // What msgpackr writes for `undefined`, which wampy has in its options.
                    (0, [0]) => Token::Null,
                    (_, bytes) => Token::Ext(bytes),
                }
            }
            0xD9..=0xDB => {
                let length = self.length(1 << (first - 0xD9))?;
                Token::Str(self.take(length)?)
            }
            0xDC | 0xDD => Token::List(self.length(2 << (first - 0xDC))?),
            0xDE | 0xDF => Token::Map(self.length(2 << (first - 0xDE))?),
            0xE0..=0xFF => Token::Int((first as i8).into()),
        })
    }

    fn decode(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let at = self.at;
        Ok(match self.token()? {
            Token::Null => Value::Null,
            Token::Bool(value) => Value::Bool(value),
            Token::Int(number) => Value::Int(number),
            Token::Float(number) => Value::Float(number),
            Token::Str(text) => Value::Str(check_utf8(text, at)?.to_owned()),
            Token::Bin(bytes) | Token::Ext(bytes) => Value::Bin(bytes.to_vec()),
            Token::List(count) => {
                // What is announced need not come.
                let mut list = Vec::with_capacity(count.min(self.bytes.len() - self.at));
                for _ in 0..count {
                    list.push(self.decode(depth + 1)?);
                }
                Value::List(list)
            }
            Token::Map(count) => {
                let mut map = Vec::with_capacity(count.min(self.bytes.len() - self.at));
                for _ in 0..count {
                    map.push((self.decode(depth + 1)?, self.decode(depth + 1)?));
                }
                Value::Map(map)
            }
        })
    }
}

#[derive(Default)]
pub(crate) struct Writer;

impl Write for Writer {
    fn list(&mut self, count: usize, out: &mut Vec<u8>) {
        head(count, 0x90, 0xDC, out);
    }

    fn element(&mut self, _: &mut Vec<u8>) {}

    fn end(&mut self, _: &mut Vec<u8>) {}

    fn value(&mut self, value: &Value, out: &mut Vec<u8>) {
        write(value, out);
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        write_text(text, out);
    }

    fn uint(&mut self, number: u64, out: &mut Vec<u8>) {
        match number {
            0..=0x7F => out.push(number as u8),
            0x80..=0xFF => out.extend_from_slice(&[0xCC, number as u8]),
            0x100..=0xFFFF => tagged(0xCD, &(number as u16).to_be_bytes(), out),
            0x1_0000..=0xFFFF_FFFF => tagged(0xCE, &(number as u32).to_be_bytes(), out),
            _ => tagged(0xCF, &number.to_be_bytes(), out),
        }
    }
}

fn tagged(first: u8, rest: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    out.extend_from_slice(rest);
}

/// The head of a list or map: in one byte up to 15, else `long` with a length of 16 bits or the next with 32.
fn head(count: usize, short: u8, long: u8, out: &mut Vec<u8>) {
    match count {
        0..=15 => out.push(short | count as u8),
        16..=0xFFFF => tagged(long, &(count as u16).to_be_bytes(), out),
        _ => tagged(long + 1, &(count as u32).to_be_bytes(), out),
    }
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    match text.len() {
        short @ 0..=31 => out.push(0xA0 | short as u8),
        length @ 32..=0xFF => out.extend_from_slice(&[0xD9, length as u8]),
        length @ 0x100..=0xFFFF => tagged(0xDA, &(length as u16).to_be_bytes(), out),
        length => tagged(0xDB, &(length as u32).to_be_bytes(), out),
    }
    out.extend_from_slice(text.as_bytes());
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xC0),
        Value::Bool(value) => out.push(0xC2 | u8::from(*value)),
        Value::Int(number) => write_int(*number, out),
        Value::Float(number) => tagged(0xCB, &number.to_be_bytes(), out),
        Value::Str(text) => write_text(text, out),
        Value::Bin(bytes) => {
            match bytes.len() {
                length @ 0..=0xFF => out.extend_from_slice(&[0xC4, length as u8]),
                length @ 0x100..=0xFFFF => tagged(0xC5, &(length as u16).to_be_bytes(), out),
                length => tagged(0xC6, &(length as u32).to_be_bytes(), out),
            }
            out.extend_from_slice(bytes);
        }
        Value::List(list) => {
            head(list.len(), 0x90, 0xDC, out);
            for value in list {
                write(value, out);
            }
        }
        Value::Map(map) => {
            head(map.len(), 0x80, 0xDE, out);
            for (key, value) in map {
                write(key, out);
                write(value, out);
            }
        }
        Value::Tag(_, value) => write(value, out),
    }
}

fn write_int(number: i128, out: &mut Vec<u8>) {
    if let Ok(number) = u64::try_from(number) {
        return Writer.uint(number, out);
    }
    let Ok(number) = i64::try_from(number) else {
        // There are no larger integers.
        return tagged(0xCB, &(number as f64).to_be_bytes(), out);
    };
    match number {
        -32..=-1 => out.push(number as u8),
        -0x80..=-33 => out.extend_from_slice(&[0xD0, number as u8]),
        -0x8000..=-0x81 => tagged(0xD1, &(number as i16).to_be_bytes(), out),
        -0x8000_0000..=-0x8001 => tagged(0xD2, &(number as i32).to_be_bytes(), out),
        _ => tagged(0xD3, &number.to_be_bytes(), out),
    }
}
