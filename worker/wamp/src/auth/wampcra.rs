//! `wampcra`: challenge and response with a shared secret, which may be salted (WAMP specification, "Challenge Response
//! Authentication").

use super::Secret;
use crate::{Dict, Now, Value};
use aws_lc_rs::{constant_time, hmac, pbkdf2};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::num::NonZeroU32;

/// The secret of a user.
#[derive(Clone, Debug)]
pub struct User {
    /// The secret itself, from which client and router derive the key if there is a salt.
    pub secret: Secret,
    /// The role it gives.
    pub role: Option<String>,
    /// How the key is derived; absent: the secret is the key.
    pub salt: Option<Salt>,
}

/// How a key is derived from a secret (PBKDF2 with HMAC-SHA-256).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Salt {
    /// The salt.
    pub salt: String,
    /// Rounds.
    pub iterations: u32,
    /// Length of the key in bytes.
    pub keylen: u32,
}

/// Rounds and bytes of a key, at most: a procedure may answer anything.
const MOST: u32 = 1_000_000;
const LONGEST: u32 = 1024;

impl User {
    /// The one that a procedure has answered; the error says what it lacks.
    pub(crate) fn of(answer: &Dict) -> Result<Self, String> {
        let Some(Value::Str(secret)) = answer.get("secret") else {
            return Err("the authenticator has answered no \"secret\"".into());
        };
        let number =
            |key| answer.get(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
        let salt = match (answer.get("salt").and_then(Value::as_str), number("iterations"), number("keylen"))
        {
            (Some(salt), Some(iterations), Some(keylen)) => {
                Some(Salt { salt: salt.to_owned(), iterations, keylen })
            }
            _ => None,
        };
        Ok(Self { secret: Secret(secret.clone()), role: None, salt })
    }

    /// The key that signs: the secret, or the base64 of what is derived from it.
    fn key(&self) -> Vec<u8> {
        let secret = self.secret.0.as_bytes();
        let Some(Salt { salt, iterations, keylen }) = &self.salt else { return secret.to_vec() };
        let rounds = NonZeroU32::new((*iterations).min(MOST)).unwrap_or(NonZeroU32::MIN);
        let mut derived = vec![0; (*keylen).min(LONGEST) as usize];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt.as_bytes(), secret, &mut derived);
        STANDARD.encode(derived).into_bytes()
    }

    /// What CHALLENGE tells besides the challenge.
    pub(crate) fn extra(&self, challenge: &str) -> Dict {
        let extra = Dict::new().with("challenge", challenge);
        match &self.salt {
            None => extra,
            Some(Salt { salt, iterations, keylen }) => extra
                .with("salt", salt.as_str())
                .with("iterations", u64::from(*iterations))
                .with("keylen", u64::from(*keylen)),
        }
    }
}

/// The signature of `challenge`, in base64.
#[must_use]
pub fn sign(user: &User, challenge: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &user.key());
    STANDARD.encode(hmac::sign(&key, challenge.as_bytes()))
}

/// Whether `signature` is right; takes the same time wherever it is wrong.
pub(crate) fn verify(user: &User, challenge: &str, signature: &str) -> bool {
    constant_time::verify_slices_are_equal(sign(user, challenge).as_bytes(), signature.as_bytes()).is_ok()
}

/// A challenge that was never used before.
pub(crate) fn challenge(
    authid: &str,
    role: &str,
    provider: &str,
    session: u64,
    nonce: u64,
    now: Now,
) -> String {
    let details = Dict::new()
        .with("authid", authid)
        .with("authrole", role)
        .with("authmethod", "wampcra")
        .with("authprovider", provider)
        .with("session", session)
        .with("nonce", format!("{nonce:016x}"))
        .with("timestamp", crate::time::rfc3339(now.wall));
    crate::codec::json_text(&details.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_derived_and_signatures_compared() {
        let plain = User { secret: Secret("secret1".into()), role: None, salt: None };
        let signature = sign(&plain, "{}");
        assert!(verify(&plain, "{}", &signature));
        assert!(!verify(&plain, "{ }", &signature));
        assert!(!verify(&plain, "{}", ""));
        let salt = Salt { salt: "salt123".into(), iterations: 1000, keylen: 32 };
        let salted = User { secret: Secret("salty".into()), role: None, salt: Some(salt) };
        // What PBKDF2 of other makes gives for the same.
        assert_eq!(salted.key(), b"Kz58mHoyZu2DD5N09M9hjEq3RpIf9OWZoeE56nViLfc=");
        assert!(verify(&salted, "x", &sign(&salted, "x")));
    }
}
