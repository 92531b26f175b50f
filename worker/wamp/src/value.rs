//! Values that are decoded: options and details, and payloads where they have to be understood or transcoded.

/// A value of any serializer.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer; larger ones are floats.
    Int(i128),
    /// A float of 64 bits.
    Float(f64),
    /// A text.
    Str(String),
    /// Bytes; in JSON a string of U+0000 and their base64.
    Bin(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// Keys and values in the order of the sender.
    Map(Vec<(Value, Value)>),
    /// A tagged value of CBOR; other serializers carry the value alone.
    Tag(u64, Box<Value>),
}

impl Value {
    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The boolean, if it is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(*value) } else { None }
    }

    /// The integer, if it is one and is not negative.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        if let Self::Int(value) = self { u64::try_from(*value).ok() } else { None }
    }

    /// The integer, if it may be an id. Encoders of JavaScript, which has no other numbers, write as a float of 64 bits what
    /// needs more than 32 bits: that is an id as well.
    #[must_use]
    pub fn as_id(&self) -> Option<u64> {
        match self {
            Self::Float(value)
                if value.fract() == 0.0 && (2_f64.powi(32)..=2_f64.powi(53)).contains(value) =>
            {
                Some(*value as u64)
            }
            other => other.as_u64(),
        }
    }

    /// The list, if it is one.
    #[must_use]
    pub fn as_list(&self) -> Option<&[Value]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The value of a key, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Self::Map(entries) = self else { return None };
        entries.iter().rev().find(|(k, _)| k.as_str() == Some(key)).map(|(_, value)| value)
    }

    /// The map as a dictionary, if it is one and all its keys are texts.
    #[must_use]
    pub fn into_dict(self) -> Option<Dict> {
        let Self::Map(entries) = self else { return None };
        let mut dict = Dict::default();
        for (key, value) in entries {
            let Self::Str(key) = key else { return None };
            dict.0.push((key, value));
        }
        Some(dict)
    }

    /// Says what this is, for messages to people.
    #[must_use]
    pub const fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Str(_) => "a string",
            Self::Bin(_) => "bytes",
            Self::List(_) => "a list",
            Self::Map(_) => "a dictionary",
            Self::Tag(..) => "a tagged value",
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Int(number.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Dict> for Value {
    fn from(dict: Dict) -> Self {
        Self::Map(dict.0.into_iter().map(|(key, value)| (Self::Str(key), value)).collect())
    }
}

impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Self {
        Self::List(list)
    }
}

/// A dictionary of options or details: texts and values, in the order of the sender.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dict(pub Vec<(String, Value)>);

impl Dict {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of `key`; absent and null are the same. Of several with the same key the last counts.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .rev()
            .find(|(k, _)| k == key)
            .map(|(_, value)| value)
            .filter(|value| **value != Value::Null)
    }

    /// Adds a key and its value.
    pub fn push(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        self.0.push((key.into(), value.into()));
    }

    /// The same with a key and its value more.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.push(key, value);
        self
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
