//! Rules made of rules: lists, maps, objects, alternatives, and rules with a function of their own.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use serde_json::{Value as Json, json};

use super::super::source::{Kind, Value};
use super::{Context, Defs, Fields, Object, Rule};

/// A nested object.
pub(crate) struct Nested<T>(PhantomData<fn() -> T>);

/// An object of type `T`.
pub(crate) fn nested<T: Object>() -> Nested<T> {
    Nested(PhantomData)
}

impl<T: Object> Rule for Nested<T> {
    type Out = T;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<T> {
        let mut fields = Fields::of(value, &self.expected(), cx)?;
        let read = T::read(&mut fields, cx);
        fields.finish(cx);
        read
    }

    fn expected(&self) -> String {
        format!("{} (an object)", T::EXPECTED)
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        defs.reference::<T>()
    }
}

/// A list of what another rule accepts.
pub(crate) struct List<R> {
    item: R,
    min: usize,
    max: usize,
}

/// A list, empty ones too.
pub(crate) fn list<R: Rule>(item: R) -> List<R> {
    List { item, min: 0, max: usize::MAX }
}

/// A list of at least one item.
pub(crate) fn some<R: Rule>(item: R) -> List<R> {
    List { item, min: 1, max: usize::MAX }
}

/// A list of exactly two items.
pub(crate) fn two<R: Rule>(item: R) -> List<R> {
    List { item, min: 2, max: 2 }
}

impl<R: Rule> Rule for List<R> {
    type Out = Vec<R::Out>;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Self::Out> {
        let Kind::List(items) = &value.kind else {
            cx.error(value.span, format!("found {}, expected {}", cx.describe(value), self.expected()));
            return None;
        };
        if items.len() < self.min || items.len() > self.max {
            let message = format!("found a list of {}, expected {}", items.len(), self.expected());
            cx.error(value.span, message);
            return None;
        }
        let read: Vec<Option<R::Out>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| cx.in_index(index, |cx| cx.clean(|cx| self.item.read(item, cx))))
            .collect();
        read.into_iter().collect()
    }

    fn expected(&self) -> String {
        let count = match (self.min, self.max) {
            (2, 2) => "a list of two, each ",
            (1, _) => "a list of at least one item, each ",
            _ => "a list, each item ",
        };
        format!("{count}{}", self.item.expected())
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        let mut schema = json!({"type": "array", "items": self.item.schema(defs)});
        if let Json::Object(map) = &mut schema {
            if self.min > 0 {
                map.insert("minItems".into(), json!(self.min));
            }
            if self.max < usize::MAX {
                map.insert("maxItems".into(), json!(self.max));
            }
        }
        schema
    }
}

/// An object whose attribute names are the author's.
pub(crate) struct MapOf<R> {
    what: &'static str,
    pattern: Option<&'static str>,
    accept: fn(&str) -> bool,
    value: R,
}

/// An object with any names.
pub(crate) fn map<R: Rule>(value: R) -> MapOf<R> {
    keyed("a name", None, |_| true, value)
}

/// An object whose names `accept`s; `what` says what they are.
pub(crate) fn keyed<R: Rule>(
    what: &'static str,
    pattern: Option<&'static str>,
    accept: fn(&str) -> bool,
    value: R,
) -> MapOf<R> {
    MapOf { what, pattern, accept, value }
}

impl<R: Rule> Rule for MapOf<R> {
    type Out = BTreeMap<String, R::Out>;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Self::Out> {
        let Kind::Map(entries) = &value.kind else {
            cx.error(value.span, format!("found {}, expected {}", cx.describe(value), self.expected()));
            return None;
        };
        let mut complete = true;
        let mut read = BTreeMap::new();
        for entry in entries {
            if !(self.accept)(&entry.key) {
                cx.error_at(
                    &entry.key,
                    entry.key_span,
                    format!("found {:?}, expected {}", entry.key, self.what),
                );
                complete = false;
            }
            match cx.in_key(&entry.key, |cx| cx.clean(|cx| self.value.read(&entry.value, cx))) {
                Some(value) => drop(read.insert(entry.key.clone(), value)),
                None => complete = false,
            }
        }
        complete.then_some(read)
    }

    fn expected(&self) -> String {
        format!("an object: {} → {}", self.what, self.value.expected())
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        let value = self.value.schema(defs);
        match self.pattern {
            Some(pattern) => {
                json!({"type": "object", "patternProperties": {pattern: value}, "additionalProperties": false})
            }
            None => json!({"type": "object", "additionalProperties": value}),
        }
    }
}

/// What another rule accepts, or null.
pub(crate) struct Nullable<R>(R);

/// `rule`, or null.
pub(crate) fn nullable<R: Rule>(rule: R) -> Nullable<R> {
    Nullable(rule)
}

impl<R: Rule> Rule for Nullable<R> {
    type Out = Option<R::Out>;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Self::Out> {
        match value.kind {
            Kind::Null => Some(None),
            _ => self.0.read(value, cx).map(Some),
        }
    }

    fn expected(&self) -> String {
        format!("null or {}", self.0.expected())
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        json!({"anyOf": [{"type": "null"}, self.0.schema(defs)]})
    }
}

/// A rule with a condition or a conversion behind it.
pub(crate) struct Then<R: Rule, T> {
    rule: R,
    then: fn(R::Out, &Value, &mut Context<'_>) -> Option<T>,
}

/// `rule`, and then `then`, which may report an error.
pub(crate) fn then<R: Rule, T>(
    rule: R,
    then: fn(R::Out, &Value, &mut Context<'_>) -> Option<T>,
) -> Then<R, T> {
    Then { rule, then }
}

impl<R: Rule, T> Rule for Then<R, T> {
    type Out = T;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<T> {
        let read = self.rule.read(value, cx)?;
        (self.then)(read, value, cx)
    }

    fn expected(&self) -> String {
        self.rule.expected()
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        self.rule.schema(defs)
    }
}

/// `rule`, boxed, for objects that contain themselves.
pub(crate) fn boxed<R: Rule>(rule: R) -> Then<R, Box<R::Out>> {
    then(rule, |read, _, _| Some(Box::new(read)))
}

/// Which of the two kinds of value an [`Either`] takes as its first.
type Test = fn(&Value) -> bool;

/// One rule or another, told apart by the kind of value.
pub(crate) struct Either<A, B> {
    first: A,
    is_first: Test,
    second: B,
}

/// `first` where `is_first`, else `second`.
pub(crate) fn either<A: Rule, B: Rule<Out = A::Out>>(is_first: Test, first: A, second: B) -> Either<A, B> {
    Either { first, is_first, second }
}

impl<A: Rule, B: Rule<Out = A::Out>> Rule for Either<A, B> {
    type Out = A::Out;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Self::Out> {
        if (self.is_first)(value) {
            return self.first.read(value, cx);
        }
        let before = cx.diagnostics.len();
        let read = self.second.read(value, cx);
        // Wrong for both: say what either would have been.
        if read.is_none()
            && let [only] = cx.diagnostics.get_mut(before..).unwrap_or_default()
            && let Some(found) = only.message.strip_suffix(&self.second.expected())
        {
            only.message = format!("{found}{}", self.expected());
        }
        read
    }

    fn expected(&self) -> String {
        match (self.first.expected(), self.second.expected()) {
            (first, second) if first == second => first,
            (first, second) => format!("{first}, or {second}"),
        }
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        json!({"anyOf": [self.first.schema(defs), self.second.schema(defs)]})
    }
}

/// A rule described by other words than those of its parts.
pub(crate) struct Named<R> {
    expected: &'static str,
    rule: R,
}

/// `rule`, described as `expected`.
pub(crate) fn named<R: Rule>(expected: &'static str, rule: R) -> Named<R> {
    Named { expected, rule }
}

impl<R: Rule> Rule for Named<R> {
    type Out = R::Out;

    fn read(&self, value: &Value, cx: &mut Context<'_>) -> Option<Self::Out> {
        self.rule.read(value, cx)
    }

    fn expected(&self) -> String {
        self.expected.into()
    }

    fn schema(&self, defs: &mut Defs) -> Json {
        self.rule.schema(defs)
    }
}
