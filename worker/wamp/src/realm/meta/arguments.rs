//! Arguments of the procedures of the meta API.

use crate::realm::errors;
use crate::uri::Match;
use crate::{Dict, Id, Payload, Value};

/// Why a procedure cannot answer: an error URI and its payload.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: &'static str,
    pub(crate) payload: Payload,
}

impl Refused {
    /// With a text for people.
    pub(crate) fn new(error: &'static str, text: impl Into<String>) -> Self {
        Self { error, payload: Payload::one(text.into()) }
    }

    /// Because of an argument.
    pub(crate) fn argument(text: impl Into<String>) -> Self {
        Self::new(errors::INVALID_ARGUMENT, text)
    }

    /// With the text as the keyword argument `message`.
    pub(crate) fn with_message(error: &'static str, text: impl Into<String>) -> Self {
        Self { error, payload: Payload::of(Vec::new(), Dict::new().with("message", text.into())) }
    }
}

/// The arguments of a call.
#[derive(Debug)]
pub(crate) struct Arguments {
    args: Vec<Value>,
    kwargs: Dict,
}

impl Arguments {
    pub(crate) const fn new(args: Vec<Value>, kwargs: Dict) -> Self {
        Self { args, kwargs }
    }

    /// Checks that there are no others than `names`, by position or by keyword, and none twice.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), Refused> {
        if self.args.len() > names.len() {
            return Err(Refused::argument(format!("the procedure takes at most {} arguments", names.len())));
        }
        for (key, _) in &self.kwargs.0 {
            match names.iter().position(|name| name == key) {
                None => {
                    let text = format!("the procedure has no argument '{}'", errors::short(key));
                    return Err(Refused::argument(text));
                }
                Some(at) if at < self.args.len() => {
                    return Err(Refused::argument(format!("the argument '{key}' is there twice")));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Whether one of these is there, by position or by keyword.
    pub(crate) fn has_any(&self, first: usize, names: &[&str]) -> bool {
        self.args.len() > first || names.iter().any(|name| self.kwargs.get(name).is_some())
    }

    /// An argument by position or by keyword; null is as absent.
    pub(crate) fn get(&self, at: usize, name: &str) -> Option<&Value> {
        self.args.get(at).filter(|value| **value != Value::Null).or_else(|| self.kwargs.get(name))
    }

    fn typed<'a, T>(
        &'a self,
        at: usize,
        name: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Refused> {
        let Some(value) = self.get(at, name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| {
            Refused::argument(format!("the argument '{name}' has to be {expected}, not {}", value.describe()))
        })
    }

    fn required<T>(value: Option<T>, name: &str) -> Result<T, Refused> {
        value.ok_or_else(|| Refused::argument(format!("the argument '{name}' is missing")))
    }

    pub(crate) fn id(&self, at: usize, name: &str) -> Result<Id, Refused> {
        Self::required(self.typed(at, name, "an id", Value::as_id)?, name)
    }

    pub(crate) fn number(&self, at: usize, name: &str) -> Result<Option<u64>, Refused> {
        self.typed(at, name, "a number", Value::as_u64)
    }

    pub(crate) fn boolean(&self, at: usize, name: &str) -> Result<Option<bool>, Refused> {
        self.typed(at, name, "true or false", Value::as_bool)
    }

    pub(crate) fn text(&self, at: usize, name: &str) -> Result<&str, Refused> {
        Self::required(self.text_if(at, name)?, name)
    }

    pub(crate) fn text_if(&self, at: usize, name: &str) -> Result<Option<&str>, Refused> {
        self.typed(at, name, "a string", Value::as_str)
    }

    pub(crate) fn list(&self, at: usize, name: &str) -> Result<Vec<Value>, Refused> {
        Self::required(self.typed(at, name, "a list", Value::as_list)?.map(<[Value]>::to_vec), name)
    }

    pub(crate) fn dict(&self, at: usize, name: &str) -> Result<Dict, Refused> {
        Self::required(self.dict_if(at, name)?, name)
    }

    pub(crate) fn dict_if(&self, at: usize, name: &str) -> Result<Option<Dict>, Refused> {
        self.typed(at, name, "a dictionary", |value| value.clone().into_dict())
    }

    /// A list of names, such as roles.
    pub(crate) fn names(&self, at: usize, name: &str) -> Result<Option<Vec<&str>>, Refused> {
        self.typed(at, name, "a list of strings", |value| {
            value.as_list()?.iter().map(Value::as_str).collect()
        })
    }

    /// The policy in a dictionary of options.
    pub(crate) fn policy(&self, at: usize, name: &str) -> Result<Match, Refused> {
        let Some(options) = self.get(at, name) else { return Ok(Match::Exact) };
        if !matches!(options, Value::Map(_)) {
            let text = format!("the argument '{name}' has to be a dictionary, not {}", options.describe());
            return Err(Refused::argument(text));
        }
        match options.get("match") {
            None | Some(Value::Null) => Ok(Match::Exact),
            Some(value) => value
                .as_str()
                .and_then(Match::named)
                .ok_or_else(|| Refused::argument("'match' has to be exact, prefix or wildcard")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_by_position_or_by_keyword_but_not_both() {
        let names = ["session_id", "reason"];
        let arguments = |args: Vec<Value>, kwargs: Dict| Arguments::new(args, kwargs);
        let one = || vec![Value::from(7)];
        let by_position = arguments(one(), Dict::new().with("reason", "com.x"));
        assert!(by_position.only(&names).is_ok());
        assert_eq!(by_position.id(0, "session_id").ok(), Some(7));
        assert_eq!(by_position.text(1, "reason").ok(), Some("com.x"));
        let by_keyword = arguments(Vec::new(), Dict::new().with("session_id", 7));
        assert_eq!(by_keyword.id(0, "session_id").ok(), Some(7));
        for refused in [
            arguments(vec![Value::from(7), Value::Null, Value::Null], Dict::new()),
            arguments(one(), Dict::new().with("session_id", 7)),
            arguments(one(), Dict::new().with("nonsense", 7)),
        ] {
            let error = refused.only(&names).err();
            assert_eq!(error.map(|refused| refused.error), Some(errors::INVALID_ARGUMENT));
        }
        assert!(arguments(vec![Value::from("7")], Dict::new()).id(0, "session_id").is_err());
        assert!(arguments(vec![Value::Null], Dict::new()).id(0, "session_id").is_err());
    }
}
