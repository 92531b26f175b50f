//! Who has sent a request: signatures of clients that know a key's secret, and of GitHub.

use super::denial::Denial;
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use hyper::HeaderMap;
use jackfield_wamp::parse_time;
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

/// The key that requests are signed with.
pub(super) struct Signing {
    key: String,
    secret: hmac::Key,
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Signing {
    pub(super) fn new(key: &str, secret: &str) -> Self {
        Self { key: key.to_owned(), secret: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()) }
    }

    /// Checks that the fields of the query sign the content.
    pub(super) fn check(&self, query: &HashMap<String, String>, content: &[u8]) -> Result<(), Denial> {
        let field = |name: &str| {
            query.get(name).ok_or_else(|| {
                Denial::malformed(format!("Requests are signed here, and this one has no field \"{name}\"."))
            })
        };
        let (key, timestamp) = (field("key")?, field("timestamp")?);
        let (seq, nonce, signature) = (field("seq")?, field("nonce")?, field("signature")?);
        if *key != self.key {
            return Err(Denial::unauthorized("The key of the signature is unknown."));
        }
        let mut signed = hmac::Context::with_key(&self.secret);
        for part in [key, timestamp, seq, nonce] {
            signed.update(part.as_bytes());
        }
        signed.update(content);
        let expected = URL_SAFE.encode(signed.sign());
        if constant_time::verify_slices_are_equal(expected.as_bytes(), signature.as_bytes()).is_err() {
            return Err(Denial::unauthorized("The signature is wrong."));
        }
        Ok(())
    }
}

/// Checks the fields of a signature as far as that needs no key. The time may differ from ours by `limit`; zero: by any.
pub(super) fn check_fields(
    query: &HashMap<String, String>,
    now: Duration,
    limit: Duration,
) -> Result<(), Denial> {
    if let Some(text) = query.get("timestamp") {
        let time = parse_time(text).ok_or_else(|| {
            Denial::malformed("The field \"timestamp\" is no time in UTC like 2011-10-14T16:59:51.123Z.")
        })?;
        if !limit.is_zero() && time.abs_diff(now) > limit {
            return Err(Denial::malformed("The field \"timestamp\" is too far from the time of the server."));
        }
    }
    for name in ["seq", "nonce"] {
        let digits = |text: &String| {
            let text = text.strip_prefix('-').unwrap_or(text);
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
        };
        if query.get(name).is_some_and(|text| !digits(text)) {
            return Err(Denial::malformed(format!("The field \"{name}\" is no integer.")));
        }
    }
    Ok(())
}

/// Checks the signature of GitHub.
pub(super) fn check_github(secret: &str, headers: &HeaderMap, content: &[u8]) -> Result<(), Denial> {
    let kinds = [
        ("x-hub-signature-256", "sha256=", hmac::HMAC_SHA256),
        ("x-hub-signature", "sha1=", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
    ];
    let found = kinds.into_iter().find_map(|(name, prefix, kind)| Some((headers.get(name)?, prefix, kind)));
    let Some((value, prefix, kind)) = found else {
        return Err(Denial::malformed("The signature of GitHub (X-Hub-Signature-256) is missing."));
    };
    let tag = value.to_str().ok().and_then(|value| {
        let (start, digits) = value.split_at_checked(prefix.len())?;
        start.eq_ignore_ascii_case(prefix).then(|| unhex(digits))?
    });
    let key = hmac::Key::new(kind, secret.as_bytes());
    if tag.is_none_or(|tag| hmac::verify(&key, content, &tag).is_err()) {
        return Err(Denial::malformed("The signature of GitHub is wrong."));
    }
    Ok(())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16);
    let pairs = text.as_bytes().chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some((digit(pair[0])? * 16 + digit(pair[1])?) as u8)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::StatusCode;
    use hyper::header::HeaderValue;

    fn query(fields: &[(&str, &str)]) -> HashMap<String, String> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// Made by Python's hmac and base64.
    const SIGNED: [(&str, &str); 5] = [
        ("key", "bazapp"),
        ("timestamp", "2026-11-27T00:00:00.000Z"),
        ("seq", "1"),
        ("nonce", "22"),
        ("signature", "RkR4FFke-uKl9tBB1Cb3nybEye1U8nrt25KoOe2eYo8="),
    ];
    const CONTENT: &[u8] = br#"{"topic": "com.test.topic", "args": [1]}"#;

    #[test]
    fn signatures_have_every_field_and_fit_the_content() {
        let signing = Signing::new("bazapp", "foobar");
        let check = |fields: &[(&str, &str)], content: &[u8]| {
            signing.check(&query(fields), content).map_err(|denial| denial.status)
        };
        assert_eq!(check(&SIGNED, CONTENT), Ok(()));
        assert_eq!(check(&SIGNED, b"{}"), Err(StatusCode::UNAUTHORIZED));
        for index in 0..SIGNED.len() {
            let mut fields = SIGNED.to_vec();
            fields.remove(index);
            assert_eq!(check(&fields, CONTENT), Err(StatusCode::BAD_REQUEST), "{fields:?}");
            let mut fields = SIGNED.to_vec();
            fields[index].1 = "x";
            assert_eq!(check(&fields, CONTENT), Err(StatusCode::UNAUTHORIZED), "{fields:?}");
        }
    }

    #[test]
    fn times_and_numbers_are_checked() {
        let at = |text| parse_time(text).unwrap();
        let now = at("2026-11-27T00:05:00Z");
        let limit = Duration::from_secs(300);
        let check = |name, value| check_fields(&query(&[(name, value)]), now, limit).is_ok();
        for (name, value, good) in [
            ("timestamp", "2026-11-27T00:00:00.000Z", true),
            ("timestamp", "2026-11-27T00:10:00.000Z", true),
            ("timestamp", "2026-11-26T23:59:59.999Z", false),
            ("timestamp", "2026-11-27T00:10:00.001Z", false),
            ("timestamp", "now", false),
            ("seq", "-1", true),
            ("seq", "1.5", false),
            ("nonce", "", false),
            ("nonce", "9007199254740992", true),
        ] {
            assert_eq!(check(name, value), good, "{name} {value}");
        }
        let old = query(&[("timestamp", "2006-11-27T00:00:00.000Z")]);
        assert!(check_fields(&old, now, Duration::ZERO).is_ok(), "0: any");
    }

    #[test]
    fn github_signs_with_either_hash() {
        let check = |name: &'static str, value: &'static str, content: &[u8]| {
            let headers = [(name, value)].into_iter();
            let headers = headers.map(|(name, value)| {
                (hyper::header::HeaderName::from_static(name), HeaderValue::from_static(value))
            });
            check_github("deadbeef", &headers.collect(), content).is_ok()
        };
        const SHA1: &str = "sha1=3af3abd6cf49ebf300c0e6159538c8dc927954f7";
        const SHA256: &str = "sha256=7c0cd4c33866ad9bc2c664e42dcd116efa0d4df391b7093d84392fd8d4efbeb5";
        assert!(check("x-hub-signature", SHA1, b"hello"));
        assert!(check("x-hub-signature-256", SHA256, b"hello"));
        assert!(!check("x-hub-signature", SHA1, b"hello!"));
        assert!(!check("x-hub-signature-256", SHA1, b"hello"));
        assert!(!check("x-hub-signature", "sha1=", b"hello"));
        assert!(!check("x-other", SHA1, b"hello"));
    }
}
