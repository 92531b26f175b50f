//! CBOR (RFC 8949), also with indefinite lengths and tags.

use super::{Error, MAX_DEPTH, Read, Shape, Write};
use crate::Value;
use std::ops::Range;

pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Elements of the entered list that are still to come; absent: until the break.
    left: Option<u64>,
}

const fn malformed(at: usize, problem: &'static str) -> Error {
    Error::Malformed { format: "CBOR", at, problem }
}

const BREAK: u8 = 0xFF;
/// Tags of integers that are longer than 64 bits.
const BIGNUM: u64 = 2;
const NEGATIVE_BIGNUM: u64 = 3;

/// A value's first bytes. Lengths are absent where they are indefinite.
enum Token<'a> {
    Int(i128),
    Bin(&'a [u8]),
    Str(&'a [u8]),
    /// Text (true) or bytes in pieces.
    Pieces(bool),
    List(Option<u64>),
    Map(Option<u64>),
    Tag(u64),
    Float(f64),
    Bool(bool),
    Null,
    Break,
}

impl<'a> Read<'a> for Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Error> {
        Ok(Self { bytes, at: 0, left: Some(0) })
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
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => Ok(!self.at_break()?),
        }
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
        let shape = self.skip(0)?;
        Ok((start..self.at, shape))
    }

    fn is_empty(raw: &[u8]) -> bool {
        matches!(raw, [0x80 | 0xA0] | [0x9F | 0xBF, BREAK])
    }
}

fn check_utf8(text: &[u8], at: usize) -> Result<&str, Error> {
    simdutf8::basic::from_utf8(text).map_err(|_| malformed(at, "a string is not UTF-8"))
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], Error> {
        let rest = &self.bytes[self.at..];
        let taken = usize::try_from(count).ok().and_then(|count| rest.get(..count));
        let taken = taken.ok_or(malformed(self.bytes.len(), "the message is cut off"))?;
        self.at += taken.len();
        Ok(taken)
    }

    /// The number in the lower five bits of a head, or in the bytes after it; absent: an indefinite length.
    fn argument(&mut self, first: u8) -> Result<Option<u64>, Error> {
        Ok(Some(match first & 0x1F {
            small @ 0..=23 => small.into(),
            width @ 24..=27 => {
                let bytes = self.take(1 << (width - 24))?;
                bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
            }
            31 => return Ok(None),
            _ => return Err(malformed(self.at - 1, "a reserved length")),
        }))
    }

    fn token(&mut self) -> Result<Token<'a>, Error> {
        let at = self.at;
        let first = self.take(1)?[0];
        if first == BREAK {
            return Ok(Token::Break);
        }
        let argument = self.argument(first)?;
        let definite = || argument.ok_or(malformed(at, "an indefinite length where none can be"));
        Ok(match first >> 5 {
            0 => Token::Int(definite()?.into()),
            1 => Token::Int(-1 - i128::from(definite()?)),
            2 => argument.map_or(Ok(Token::Pieces(false)), |length| self.take(length).map(Token::Bin))?,
            3 => argument.map_or(Ok(Token::Pieces(true)), |length| self.take(length).map(Token::Str))?,
            4 => Token::List(argument),
            5 => Token::Map(argument),
            6 => Token::Tag(definite()?),
            _ => match (first & 0x1F, definite()?) {
                (20, _) => Token::Bool(false),
                (21, _) => Token::Bool(true),
                (25, bits) => Token::Float(half(bits as u16)),
                (26, bits) => Token::Float(f32::from_bits(bits as u32).into()),
                (27, bits) => Token::Float(f64::from_bits(bits)),
                // null, undefined, and values that have no meaning yet.
                _ => Token::Null,
            },
        })
    }

    /// The next piece of a text or of bytes that come in pieces, with its offset.
    fn piece(&mut self, is_text: bool) -> Result<Option<(usize, &'a [u8])>, Error> {
        let at = self.at;
        match self.token()? {
            Token::Break => Ok(None),
            Token::Str(piece) if is_text => Ok(Some((at, piece))),
            Token::Bin(piece) if !is_text => Ok(Some((at, piece))),
            _ => Err(malformed(at, "expected a piece of a string")),
        }
    }

    /// Whether a break comes next, which is then taken.
    fn at_break(&mut self) -> Result<bool, Error> {
        match self.bytes.get(self.at) {
            Some(&BREAK) => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => Err(malformed(self.at, "the message is cut off")),
        }
    }

    /// Does `each` for every element of a list or entry of a map.
    fn each(
        &mut self,
        count: Option<u64>,
        mut each: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        match count {
            Some(count) => {
                for _ in 0..count {
                    each(self)?;
                }
            }
            None => {
                while !self.at_break()? {
                    each(self)?;
                }
            }
        }
        Ok(())
    }

    fn skip(&mut self, depth: usize) -> Result<Shape, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let at = self.at;
        Ok(match self.token()? {
            Token::Str(text) => {
                check_utf8(text, at)?;
                Shape::Text
            }
            Token::Pieces(is_text) => {
                while let Some((at, piece)) = self.piece(is_text)? {
                    if is_text {
                        check_utf8(piece, at)?;
                    }
                }
                if is_text { Shape::Text } else { Shape::Bytes }
            }
            Token::Bin(_) => Shape::Bytes,
            Token::List(count) => {
                self.each(count, |reader| reader.skip(depth + 1).map(|_| ()))?;
                Shape::List
            }
            Token::Map(count) => {
                self.each(count, |reader| {
                    reader.skip(depth + 1)?;
                    reader.skip(depth + 1).map(|_| ())
                })?;
                Shape::Map
            }
            Token::Tag(_) => self.skip(depth + 1)?,
            Token::Null => Shape::Null,
            Token::Break => return Err(malformed(at, "a break where none belongs")),
            Token::Int(_) | Token::Float(_) | Token::Bool(_) => Shape::Other,
        })
    }

    fn decode(&mut self, depth: usize) -> Result<Value, Error> {
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        let at = self.at;
        Ok(match self.token()? {
            Token::Int(number) => Value::Int(number),
            Token::Bin(bytes) => Value::Bin(bytes.to_vec()),
            Token::Str(text) => Value::Str(check_utf8(text, at)?.to_owned()),
            Token::Pieces(true) => {
                let mut text = String::new();
                while let Some((at, piece)) = self.piece(true)? {
                    text.push_str(check_utf8(piece, at)?);
                }
                Value::Str(text)
            }
            Token::Pieces(false) => {
                let mut bytes = Vec::new();
                while let Some((_, piece)) = self.piece(false)? {
                    bytes.extend_from_slice(piece);
                }
                Value::Bin(bytes)
            }
            Token::List(count) => {
                let mut list = Vec::new();
                self.each(count, |reader| {
                    list.push(reader.decode(depth + 1)?);
                    Ok(())
                })?;
                Value::List(list)
            }
            Token::Map(count) => {
                let mut map = Vec::new();
                self.each(count, |reader| {
                    map.push((reader.decode(depth + 1)?, reader.decode(depth + 1)?));
                    Ok(())
                })?;
                Value::Map(map)
            }
            Token::Tag(tag) => tagged(tag, self.decode(depth + 1)?),
            Token::Float(number) => Value::Float(number),
            Token::Bool(value) => Value::Bool(value),
            Token::Null => Value::Null,
            Token::Break => return Err(malformed(at, "a break where none belongs")),
        })
    }
}

/// A tagged value; integers longer than 64 bits are tagged bytes.
fn tagged(tag: u64, value: Value) -> Value {
    if let (BIGNUM | NEGATIVE_BIGNUM, Value::Bin(bytes)) = (tag, &value)
        && bytes.len() < 16
    {
        let number = bytes.iter().fold(0, |number: i128, byte| number << 8 | i128::from(*byte));
        return Value::Int(if tag == BIGNUM { number } else { -1 - number });
    }
    Value::Tag(tag, Box::new(value))
}

/// A float of 16 bits (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let (exponent, mantissa) = (i32::from(bits >> 10 & 0x1F), f64::from(bits & 0x3FF));
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

#[derive(Default)]
pub(crate) struct Writer;

impl Write for Writer {
    fn list(&mut self, count: usize, out: &mut Vec<u8>) {
        head(4, count as u64, out);
    }

    fn element(&mut self, _: &mut Vec<u8>) {}

    fn end(&mut self, _: &mut Vec<u8>) {}

    fn value(&mut self, value: &Value, out: &mut Vec<u8>) {
        write(value, out);
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        head(3, text.len() as u64, out);
        out.extend_from_slice(text.as_bytes());
    }

    fn uint(&mut self, number: u64, out: &mut Vec<u8>) {
        head(0, number, out);
    }
}

fn head(major: u8, number: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match number {
        0..=23 => out.push(major | number as u8),
        24..=0xFF => out.extend_from_slice(&[major | 24, number as u8]),
        0x100..=0xFFFF => {
            out.push(major | 25);
            out.extend_from_slice(&(number as u16).to_be_bytes());
        }
        0x1_0000..=0xFFFF_FFFF => {
            out.push(major | 26);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xF6),
        Value::Bool(value) => out.push(0xF4 | u8::from(*value)),
        Value::Int(number) => write_int(*number, out),
        Value::Float(number) => {
            out.push(0xFB);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Str(text) => Writer.text(text, out),
        Value::Bin(bytes) => {
            head(2, bytes.len() as u64, out);
            out.extend_from_slice(bytes);
        }
        Value::List(list) => {
            head(4, list.len() as u64, out);
            for value in list {
                write(value, out);
            }
        }
        Value::Map(map) => {
            head(5, map.len() as u64, out);
            for (key, value) in map {
                write(key, out);
                write(value, out);
            }
        }
        Value::Tag(tag, value) => {
            head(6, *tag, out);
            write(value, out);
        }
    }
}

fn write_int(number: i128, out: &mut Vec<u8>) {
    let (major, magnitude) = if number < 0 { (1, (-1 - number) as u128) } else { (0, number as u128) };
    if let Ok(magnitude) = u64::try_from(magnitude) {
        return head(major, magnitude, out);
    }
    head(6, if number < 0 { NEGATIVE_BIGNUM } else { BIGNUM }, out);
    let bytes = magnitude.to_be_bytes();
    let skip = (magnitude.leading_zeros() / 8) as usize;
    head(2, (bytes.len() - skip) as u64, out);
    out.extend_from_slice(&bytes[skip..]);
}
