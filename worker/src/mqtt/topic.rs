//! Topics of MQTT as topics of WAMP, and back.

use jackfield_wamp::uri::{Check, Match, is_valid};

/// The URI that events published on a topic have; the error says why there is none.
pub(super) fn of_name(topic: &str) -> Result<String, &'static str> {
    if topic.contains(['+', '#']) {
        return Err("a topic that is published on has no wildcards");
    }
    let uri = topic.replace('/', ".");
    if is_valid(&uri, Check::Loose) { Ok(uri) } else { Err("the topic has an empty level, white space or #") }
}

/// What a filter subscribes to; the error says why it can't be said in WAMP.
pub(super) fn of_filter(filter: &str) -> Result<(String, Match), &'static str> {
    let levels = || filter.split('/');
    let uri = |text: &str| text.replace('/', ".");
    if levels().any(|level| level.len() > 1 && level.contains(['+', '#'])) {
        return Err("a wildcard stands for a whole level");
    }
    let several = levels().any(|level| level == "#");
    if levels().any(|level| level == "+") {
        if several {
            return Err("+ and # in one filter can't be said in WAMP");
        }
        return Ok((uri(&filter.replace('+', "")), Match::Wildcard));
    }
    match filter.strip_suffix('#') {
        Some(prefix) if !prefix.contains('#') => Ok((uri(prefix), Match::Prefix)),
        None if !several => Ok((of_name(filter)?, Match::Exact)),
        _ => Err("# stands at the end of a filter"),
    }
}

/// The topic that events of a URI have.
pub(super) fn of_uri(uri: &str) -> String {
    uri.replace('.', "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_become_uris_and_filters_policies() {
        for (filter, uri, policy) in [
            ("a", "a", Match::Exact),
            ("com/example/temp", "com.example.temp", Match::Exact),
            ("com/#", "com.", Match::Prefix),
            ("#", "", Match::Prefix),
            ("com/+/temp", "com..temp", Match::Wildcard),
            ("+/b/+", ".b.", Match::Wildcard),
        ] {
            assert_eq!(of_filter(filter), Ok((uri.to_owned(), policy)), "{filter}");
        }
        for wrong in ["", "a//b", "a/#/b", "a#", "a/b+", "+/#", "a b", "##"] {
            assert!(of_filter(wrong).is_err(), "{wrong}");
        }
        assert_eq!(of_name("a/b.c"), Ok("a.b.c".into()));
        assert_eq!(of_uri("a.b.c"), "a/b/c");
        for wrong in ["", "a/+", "#", "/a", "a/", "a b"] {
            assert!(of_name(wrong).is_err(), "{wrong}");
        }
    }
}
