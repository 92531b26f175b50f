//! What numbers may be, and times, which are numbers with a unit.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::super::source::{Kind, Value, python_int};
use super::references::or_reference;
use super::rules::refuse;
use super::{Context, Defs, Rule};

/// A whole number. One that comes from a variable is read as Python's `int()` reads it.
pub(crate) struct Int<T> {
    range: RangeInclusive<i128>,
    also: Option<i128>,
    unit: &'static str,
    out: PhantomData<fn() -> T>,
}

/// A whole number in `range`.
pub(crate) fn int<T>(range: RangeInclusive<i128>) -> Int<T> {
    Int { range, also: None, unit: "", out: PhantomData }
}

impl<T> Int<T> {
    /// One more number that is accepted.
    pub(crate) fn or(mut self, also: i128) -> Self {
        self.also = Some(also);
        self
    }

    fn number(&self, value: &Value, cx: &mut Context<'_>) -> Option<i128> {
        let substituted = cx.substituted(value)?;
        let found = match &substituted.kind {
            Kind::Int(found) => Some(*found),
            Kind::String(text) if matches!(substituted, Cow::Owned(_)) => python_int(text),
            _ => None,
        };
        match found {
            Some(found) if self.range.contains(&found) || self.also == Some(found) => Some(found),
            _ => {
                let hint = match (&value.kind, &substituted.kind) {
                    (Kind::String(text), _)
                        if text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) =>
                    {
                        "; write it without zeros in front"
                    }
                    (Kind::String(text), _) if python_int(text).is_some() => "; write it without quotes",
                    (Kind::Float(_), _) => "; whole numbers are written without a point",
                    _ => "",
                };
                refuse(&substituted, &format!("{}{hint}", self.described()), cx)
            }
        }
    }

    fn described(&self) -> String {
        let (low, high) = (*self.range.start(), *self.range.end());
        let unit = if self.unit.is_empty() { String::new() } else { format!(" ({})", self.unit) };
        let also = self.also.map(|also| format!("{also} or ")).unwrap_or_default();
        let open = high >= i128::from(u32::MAX);
        match low {
            low if open && low < -i128::from(u32::MAX) => format!("{also}an integer{unit}"),
            low if open => format!("{also}an integer of {low} or more{unit}"),
            low => format!("{also}an integer from {low} to {high}{unit}"),
        }
    }

    fn json_schema(&self) -> Json {
        let mut schema = json!({"type": "integer"});
        if let Json::Object(map) = &mut schema {
            if let (None, Ok(low)) = (self.also, i64::try_from(*self.range.start())) {
                map.insert("minimum".into(), json!(low));
            }
            if let Ok(high) = i64::try_from(*self.range.end()) {
                map.insert("maximum".into(), json!(high));
            }
        }
        let schema = match self.also {
            Some(also) => match i64::try_from(*self.range.start()) {
                Ok(low) => {
                    json!({"anyOf": [{"const": i64::try_from(also).unwrap_or(0)}, {"type": "integer", "minimum": low}]})
                }
                Err(_) => schema,
            },
            None => schema,
        };
        or_reference(schema)
    }
}

impl<T: TryFrom<i128>> Rule for Int<T> {
    type Out = T;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<T> {
        let found = self.number(value, cx)?;
        let converted = T::try_from(found).ok();
        if converted.is_none() {
            cx.error(value.span, format!("found {found}, which is out of range"));
        }
        converted
    }

    fn expected(&self) -> String {
        self.described()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        self.json_schema()
    }
}

/// One of several whole numbers.
pub(crate) struct OneOf(&'static [i64]);

/// One of these whole numbers.
pub(crate) fn one_of(numbers: &'static [i64]) -> OneOf {
    OneOf(numbers)
}

impl Rule for OneOf {
    type Out = i64;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<i64> {
        let found = cx.substituted(value)?;
        let number = match &found.kind {
            Kind::Int(number) => i64::try_from(*number).ok(),
            Kind::String(text) if matches!(found, Cow::Owned(_)) => text.trim().parse().ok(),
            _ => None,
        };
        match number.filter(|number| self.0.contains(number)) {
            Some(number) => Some(number),
            None => refuse(&found, &self.expected(), cx),
        }
    }

    fn expected(&self) -> String {
        let numbers: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        match numbers.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} or {last}", others.join(", ")),
            None => String::new(),
        }
    }

    fn schema(&self, _: &mut Defs) -> Json {
        or_reference(json!({"enum": self.0}))
    }
}

/// A whole number of `unit`s, as a duration.
pub(crate) struct Whole {
    int: Int<u64>,
    unit: fn(u64) -> Duration,
}

/// Whole milliseconds in `range`.
pub(crate) fn millis(range: RangeInclusive<i128>) -> Whole {
    Whole { int: Int { unit: "milliseconds", ..int(range) }, unit: Duration::from_millis }
}

/// Whole seconds in `range`.
pub(crate) fn whole_seconds(range: RangeInclusive<i128>) -> Whole {
    Whole { int: Int { unit: "seconds", ..int(range) }, unit: Duration::from_secs }
}

impl Whole {
    /// 0 too, which switches it off.
    pub(crate) fn or_off(mut self) -> Self {
        self.int.also = Some(0);
        self
    }
}

impl Rule for Whole {
    type Out = Duration;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Duration> {
        self.int.read(value, cx).map(self.unit)
    }

    fn expected(&self) -> String {
        self.int.expected()
    }

    fn schema(&self, _: &mut Defs) -> Json {
        self.int.json_schema()
    }
}

/// Seconds, whole or not.
pub(crate) struct Seconds {
    range: RangeInclusive<f64>,
    off: bool,
}

/// Seconds in `range`, whole or not.
pub(crate) fn seconds(range: RangeInclusive<f64>) -> Seconds {
    Seconds { range, off: false }
}

impl Seconds {
    /// 0 too, which switches it off.
    pub(crate) fn or_off(mut self) -> Self {
        self.off = true;
        self
    }
}

impl Rule for Seconds {
    type Out = Duration;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Duration> {
        let substituted = cx.substituted(value)?;
        let found = match &substituted.kind {
            Kind::Int(found) => Some(*found as f64),
            Kind::Float(found) => Some(*found),
            Kind::String(text) if matches!(substituted, Cow::Owned(_)) => text.trim().parse().ok(),
            _ => None,
        };
        match found {
            Some(found) if self.range.contains(&found) || (self.off && found == 0.0) => {
                Duration::try_from_secs_f64(found).ok()
            }
            _ => refuse(&substituted, &self.expected(), cx),
        }
    }

    fn expected(&self) -> String {
        let off = if self.off { "0 or " } else { "" };
        format!("{off}a number from {} to {} (seconds)", self.range.start(), self.range.end())
    }

    fn schema(&self, _: &mut Defs) -> Json {
        let low = if self.off { 0.0 } else { *self.range.start() };
        or_reference(json!({"type": "number", "minimum": low, "maximum": self.range.end()}))
    }
}
