//! Changes of headers.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use jackfield_shared::config::HeaderRules;

/// What is set and what is left out.
#[derive(Debug)]
pub(super) struct Changes {
    set: Vec<(HeaderName, HeaderValue)>,
    remove: Vec<HeaderName>,
}

/// A header's name as the library has it.
pub(super) fn name(text: &str) -> Result<HeaderName, String> {
    HeaderName::try_from(text).map_err(|_| format!("{text:?} is no name of a header"))
}

/// A header's value as the library has it.
pub(super) fn value(text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text).map_err(|_| format!("{text:?} can't stand in a header"))
}

impl Changes {
    /// None, if there are none.
    pub(super) fn new(config: &HeaderRules) -> Result<Option<Self>, String> {
        if config.set.is_empty() && config.remove.is_empty() {
            return Ok(None);
        }
        let set = config.set.iter().map(|(key, text)| Ok((name(key)?, value(text)?)));
        let remove = config.remove.iter().map(|text| name(text));
        Ok(Some(Self { set: set.collect::<Result<_, String>>()?, remove: remove.collect::<Result<_, _>>()? }))
    }

    pub(super) fn make(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_replaces_and_what_is_removed_is_gone() {
        let set = [("X-A".to_owned(), "1".to_owned())].into();
        let changes = Changes::new(&HeaderRules { set, remove: vec!["X-B".into(), "x-c".into()] });
        let changes = changes.unwrap().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-a", "0"), ("x-a", "00"), ("x-b", "1"), ("x-c", "1"), ("x-d", "1")] {
            headers.append(name, value.parse().unwrap());
        }
        changes.make(&mut headers);
        let mut left: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}={}", value.to_str().unwrap())).collect();
        left.sort();
        assert_eq!(left, ["x-a=1", "x-d=1"]);
    }
}
