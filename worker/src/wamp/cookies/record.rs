//! Cookies in a file: a line of JSON for each that is new or has changed, with the keys that Crossbar.io writes. Of
//! several lines with one cookie the last one counts.

use super::known::Known;
use jackfield_wamp::auth::Remembered;
use jackfield_wamp::{Serializer, Value, codec, parse_time, time_text};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
struct Record {
    id: String,
    /// Crossbar.io calls it `modified` where it has changed.
    #[serde(alias = "modified")]
    created: String,
    max_age: u64,
    #[serde(default)]
    authid: Option<String>,
    #[serde(default)]
    authrole: Option<String>,
    #[serde(default)]
    authmethod: Option<String>,
    #[serde(default)]
    authrealm: Option<String>,
    #[serde(default)]
    authextra: Option<Json>,
}

/// Appends a cookie to `out`, as a line.
pub(super) fn write(value: &str, known: &Known, out: &mut Vec<u8>) {
    let Known { made, max_age, stands_for } = known;
    let extra = stands_for.as_ref().and_then(|known| known.authextra.clone());
    let extra = extra.map(|extra| codec::json_text(&extra.into()));
    let text = |of: fn(&Remembered) -> &String| stands_for.as_ref().map(|known| of(known).clone());
    let record = Record {
        id: value.to_owned(),
        created: time_text(*made),
        max_age: max_age.as_secs(),
        authid: text(|known| &known.authid),
        authrole: text(|known| &known.authrole),
        authmethod: text(|known| &known.authmethod),
        authrealm: text(|known| &known.realm),
        authextra: extra.as_deref().and_then(|extra| serde_json::from_str(extra).ok()),
    };
    // Nothing in it can't be written.
    if let Ok(line) = serde_json::to_vec(&record) {
        out.extend(line);
        out.push(b'\n');
    }
}

/// Reads a line; absent: it is none, as after a crash in the middle of one.
pub(super) fn read(line: &[u8]) -> Option<(String, Known)> {
    let record: Record = serde_json::from_slice(line).ok()?;
    let stands_for = match (record.authrealm, record.authid, record.authrole, record.authmethod) {
        (Some(realm), Some(authid), Some(authrole), Some(authmethod)) => {
            let extra = record.authextra.map(|extra| extra.to_string());
            let extra = extra.and_then(|extra| codec::decode_value(Serializer::Json, extra.as_bytes()).ok());
            let authextra = extra.and_then(Value::into_dict);
            Some(Remembered { realm, authid, authrole, authmethod, authextra })
        }
        // Crossbar.io did not always write down the realm.
        _ => None,
    };
    let made = parse_time(&record.created)?;
    Some((record.id, Known { made, max_age: Duration::from_secs(record.max_age), stands_for }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_wamp::Dict;

    #[test]
    fn what_is_written_is_read() {
        let remembered = Remembered {
            realm: "realm1".into(),
            authid: "zo\u{eb} \"x\"".into(),
            authrole: "user".into(),
            authmethod: "ticket".into(),
            authextra: Some(Dict::new().with("a", 1_u64).with("b", "c\nd")),
        };
        for stands_for in [None, Some(remembered)] {
            let known = Known {
                made: Duration::from_millis(1_764_208_000_123),
                max_age: Duration::from_secs(60),
                stands_for,
            };
            let mut line = Vec::new();
            write("abc", &known, &mut line);
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(read(&line[..line.len() - 1]), Some(("abc".into(), known)));
        }
    }

    #[test]
    fn lines_of_others_are_read_or_passed_over() {
        let line = br#"{"id": "x", "modified": "2026-01-02T03:04:05.678Z", "max_age": 604800, "authid": "joe", "authrole": "user", "authmethod": "ticket", "authrealm": "realm1", "authextra": null}"#;
        let (id, known) = read(line).unwrap();
        assert_eq!((id.as_str(), known.stands_for.unwrap().authid.as_str()), ("x", "joe"));
        let without_realm = br#"{"id": "x", "created": "2026-01-02T03:04:05.678Z", "max_age": 1, "authid": "joe", "authrole": "user", "authmethod": "ticket"}"#;
        assert_eq!(read(without_realm).unwrap().1.stands_for, None);
        for broken in [&b""[..], b"{", b"null", b"{\"id\": \"x\"}", &line[..100], b"\xff"] {
            assert_eq!(read(broken), None);
        }
    }
}
