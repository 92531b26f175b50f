//! The client's side of authentication: what is said in HELLO, and what a challenge is answered with.

use super::scram::{client_proof, hex, unhex};
use super::{Secret, wampcra};
use crate::{Dict, Value};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::pbkdf2;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use std::num::NonZeroU32;

/// Rounds and KiB of memory that a router may ask for, at most.
const MOST_ROUNDS: u64 = 10_000_000;
const MOST_MEMORY: u64 = 1 << 20;

/// How a client proves who it is.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Not at all, or by what the connection itself proves (`anonymous`, `tls`).
    Method(String),
    /// By a ticket.
    Ticket(Secret),
    /// By a secret that signs challenges (`wampcra`).
    Wampcra(Secret),
    /// By a password (`scram`).
    Scram(Secret),
    /// By a private key of Ed25519 (`cryptosign`), 32 bytes in hexadecimal.
    Cryptosign(Secret),
    /// By such a key, as a proxy (`cryptosign-proxy`).
    CryptosignProxy(Secret),
    /// By such a key, or not at all where the router has no use for it (`anonymous`).
    CryptosignOrAnonymous(Secret),
}

/// A client on its way into a realm.
#[derive(Debug)]
pub struct Client {
    credentials: Credentials,
    authid: Option<String>,
    /// The nonce that this handshake has from the client, in base64.
    nonce: String,
    /// Identifies the TLS connection; signatures are bound to it.
    channel: Option<[u8; 32]>,
    /// What the router has to prove in WELCOME.
    expected: Option<String>,
}

impl Client {
    /// A handshake with these random bytes.
    #[must_use]
    pub fn new(
        credentials: Credentials,
        authid: Option<String>,
        random: [u8; 16],
        channel: Option<[u8; 32]>,
    ) -> Self {
        Self { credentials, authid, nonce: STANDARD.encode(random), channel, expected: None }
    }

    /// What HELLO says of it, added to `details`.
    ///
    /// # Errors
    ///
    /// The secret is none that the method could use.
    pub fn hello(&self, details: &mut Dict) -> Result<(), String> {
        let method = match &self.credentials {
            Credentials::Method(method) => method.as_str(),
            Credentials::Ticket(_) => "ticket",
            Credentials::Wampcra(_) => "wampcra",
            Credentials::Scram(_) => "scram",
            Credentials::Cryptosign(_) | Credentials::CryptosignOrAnonymous(_) => "cryptosign",
            Credentials::CryptosignProxy(_) => "cryptosign-proxy",
        };
        let or =
            matches!(self.credentials, Credentials::CryptosignOrAnonymous(_)).then(|| "anonymous".into());
        details.push("authmethods", Value::List(std::iter::once(method.into()).chain(or).collect()));
        if let Some(authid) = &self.authid {
            details.push("authid", authid.as_str());
        }
        let proof = match &self.credentials {
            Credentials::Scram(_) => Dict::new().with("nonce", self.nonce.as_str()),
            Credentials::Cryptosign(secret)
            | Credentials::CryptosignProxy(secret)
            | Credentials::CryptosignOrAnonymous(secret) => {
                let public = hex(pair(secret)?.public_key().as_ref());
                let binding = self.channel.map_or(Value::Null, |_| "tls-exporter".into());
                Dict::new().with("pubkey", public).with("channel_binding", binding)
            }
            _ => return Ok(()),
        };
        // What the client has to tell besides stays.
        let mut extra = details.get("authextra").cloned().and_then(Value::into_dict).unwrap_or_default();
        extra.0.extend(proof.0);
        details.0.retain(|(key, _)| key != "authextra");
        details.push("authextra", extra);
        Ok(())
    }

    /// The answer to a challenge.
    ///
    /// # Errors
    ///
    /// The challenge is of another method, or lacks something.
    pub fn answer(&mut self, method: &str, extra: &Dict) -> Result<String, String> {
        let text = |key: &str| {
            let value = extra.get(key).and_then(Value::as_str);
            value.ok_or_else(|| format!("the router's challenge has no \"{key}\""))
        };
        let number = |key: &str, most: u64| {
            let number = extra.get(key).and_then(Value::as_u64).filter(|number| (1..=most).contains(number));
            number.ok_or_else(|| format!("the router's challenge has no \"{key}\" from 1 to {most}"))
        };
        match (&self.credentials, method) {
            (Credentials::Ticket(ticket), "ticket") => Ok(ticket.0.clone()),
            (Credentials::Wampcra(secret), "wampcra") => {
                let salt = match extra.get("salt").and_then(Value::as_str).filter(|salt| !salt.is_empty()) {
                    None => None,
                    Some(salt) => Some(wampcra::Salt {
                        salt: salt.to_owned(),
                        iterations: number("iterations", MOST_ROUNDS)? as u32,
                        keylen: number("keylen", 1024)? as u32,
                    }),
                };
                let user = wampcra::User { secret: secret.clone(), role: None, salt };
                Ok(wampcra::sign(&user, text("challenge")?))
            }
            (Credentials::Scram(password), "scram") => {
                let (nonce, salt) = (text("nonce")?, text("salt")?);
                if !continues(nonce, &self.nonce) {
                    return Err("the router's nonce does not begin with the one that was sent (scram): \
                                it may be another one's answer"
                        .into());
                }
                let rounds = number("iterations", MOST_ROUNDS)? as u32;
                let bytes = STANDARD.decode(salt).map_err(|_| "the router's salt is no base64")?;
                let salted = match text("kdf")? {
                    "pbkdf2" => by_pbkdf2(&password.0, &bytes, rounds),
                    "argon2id-13" | "argon2id13" => {
                        by_argon2(&password.0, &bytes, rounds, number("memory", MOST_MEMORY)? as u32)?
                    }
                    other => {
                        return Err(format!(
                            "the router derives keys by \"{other:.40}\", which is not known here"
                        ));
                    }
                };
                let authid = self.authid.as_deref().unwrap_or_default();
                let message =
                    format!("n={authid},r={},r={nonce},s={salt},i={rounds},c=,r={nonce}", self.nonce);
                let (proof, server) = client_proof(&salted, &message);
                self.expected = Some(server);
                Ok(proof)
            }
            (Credentials::Cryptosign(secret) | Credentials::CryptosignOrAnonymous(secret), "cryptosign")
            | (Credentials::CryptosignProxy(secret), "cryptosign" | "cryptosign-proxy") => {
                let challenge = unhex(text("challenge")?).filter(|challenge| challenge.len() == 32);
                let mut message = challenge.ok_or("the router's challenge is not 32 bytes in hexadecimal")?;
                for (byte, other) in message.iter_mut().zip(self.channel.iter().flatten()) {
                    *byte ^= other;
                }
                Ok(hex(pair(secret)?.sign(&message).as_ref()) + &hex(&message))
            }
            _ => Err(format!("the router wants \"{method:.40}\", which was not offered")),
        }
    }

    /// Checks what the router has to prove.
    ///
    /// # Errors
    ///
    /// It has not proved it.
    pub fn welcome(&self, details: &Dict) -> Result<(), String> {
        let Some(expected) = &self.expected else { return Ok(()) };
        let proof = details.get("authextra").and_then(|extra| extra.get("scram_server_signature")?.as_str());
        if proof.is_some_and(|proof| Secret(expected.clone()).is(proof)) {
            return Ok(());
        }
        Err("the router has not proved that it knows the password's keys (scram): it may be another one"
            .into())
    }
}

/// Whether a router's nonce is the client's with something of its own behind it (RFC 5802 section 5.1), as bytes in base64, as
/// Crossbar.io joins them, or as texts.
fn continues(nonce: &str, own: &str) -> bool {
    let as_bytes = || {
        let (whole, own) = (STANDARD.decode(nonce).ok()?, STANDARD.decode(own).ok()?);
        Some(whole.len() > own.len() && whole.starts_with(&own))
    };
    as_bytes().unwrap_or(nonce.len() > own.len() && nonce.starts_with(own))
}

/// The public key that belongs to a private key of Ed25519, both 32 bytes in hexadecimal.
///
/// # Errors
///
/// The private key is none.
pub fn public_key(secret: &Secret) -> Result<String, String> {
    Ok(hex(pair(secret)?.public_key().as_ref()))
}

fn pair(secret: &Secret) -> Result<Ed25519KeyPair, String> {
    let seed = unhex(secret.0.trim()).filter(|seed| seed.len() == 32);
    let pair = seed.and_then(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).ok());
    pair.ok_or_else(|| "the private key of cryptosign is 32 bytes in hexadecimal".into())
}

fn by_pbkdf2(password: &str, salt: &[u8], rounds: u32) -> Vec<u8> {
    let mut derived = vec![0; 32];
    let rounds = NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, password.as_bytes(), &mut derived);
    derived
}

/// As Autobahn|Python does: the key is the base64 of what is derived.
fn by_argon2(password: &str, salt: &[u8], rounds: u32, memory: u32) -> Result<Vec<u8>, String> {
    let wrong = |e: argon2::Error| format!("the router's parameters of Argon2 are not to be used: {e}");
    let params = Params::new(memory, rounds, 1, Some(32)).map_err(wrong)?;
    let mut derived = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(password.as_bytes(), salt, &mut derived)
        .map_err(wrong)?;
    Ok(STANDARD_NO_PAD.encode(derived).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::cryptosign::{self, Binding};
    use crate::auth::scram;

    fn client(credentials: Credentials, channel: Option<[u8; 32]>) -> Client {
        Client::new(credentials, Some("joe".into()), [1; 16], channel)
    }

    #[test]
    fn a_signature_is_what_the_router_expects() {
        for channel in [None, Some([9; 32])] {
            let mut client = client(Credentials::Cryptosign(Secret("05".repeat(32))), channel);
            let mut details = Dict::new();
            client.hello(&mut details).unwrap();
            let extra = details.get("authextra").unwrap();
            let key = cryptosign::key(extra.get("pubkey").and_then(Value::as_str).unwrap()).unwrap();
            let binding = Binding::of(extra.clone().into_dict().as_ref(), channel).unwrap();
            let (exchange, challenge) = cryptosign::Exchange::new(key, &binding, [3; 32]);
            assert!(exchange.verify(&client.answer("cryptosign", &challenge).unwrap()));
            assert!(client.answer("ticket", &challenge).is_err());
        }
    }

    #[test]
    fn a_password_proves_itself_and_so_does_the_router() {
        for (kdf, salted) in [
            ("pbkdf2", by_pbkdf2("secret!", &[0xab; 16], 10)),
            ("argon2id-13", by_argon2("secret!", &[0xab; 16], 10, 64).unwrap()),
        ] {
            let (stored, server) = scram::keys_of(&salted);
            let keys = scram::Keys {
                kdf: kdf.into(),
                iterations: 10,
                memory: 64,
                salt: "ab".repeat(16),
                stored_key: Secret(hex(&stored)),
                server_key: Secret(hex(&server)),
                role: None,
            };
            let mut client = client(Credentials::Scram(Secret("secret!".into())), None);
            let (exchange, challenge) = keys.challenge("joe", &[1; 16], [2; 16]);
            let proof = client.answer("scram", &challenge).unwrap();
            let signature = exchange.verify(&proof).expect(kdf);
            let welcome = |proof: &str| {
                Dict::new().with("authextra", Dict::new().with("scram_server_signature", proof))
            };
            client.welcome(&welcome(&signature)).unwrap();
            assert!(client.welcome(&welcome("x")).is_err());
            assert!(client.welcome(&Dict::new()).is_err());
        }
    }

    #[test]
    fn a_nonce_that_is_not_an_answer_to_the_clients_own_is_refused() {
        let own = STANDARD.encode([1; 16]);
        for (nonce, fits) in [
            (STANDARD.encode([[1; 16], [2; 16]].concat()), true),
            (format!("{own}server"), true),
            (own.clone(), false),
            (STANDARD.encode([[3; 16], [2; 16]].concat()), false),
            (STANDARD.encode([1; 15]), false),
            ("server".to_owned(), false),
            (String::new(), false),
        ] {
            let mut client = client(Credentials::Scram(Secret("x".into())), None);
            let challenge = Dict::new()
                .with("nonce", nonce.as_str())
                .with("salt", "AAAA")
                .with("kdf", "pbkdf2")
                .with("iterations", 1_u64);
            let answer = client.answer("scram", &challenge);
            assert_eq!(answer.is_ok(), fits, "{nonce}: {answer:?}");
        }
    }

    #[test]
    fn what_a_router_asks_for_has_limits() {
        let mut client = client(Credentials::Scram(Secret("x".into())), None);
        let challenge = |iterations: u64| {
            Dict::new()
                .with("nonce", STANDARD.encode([1; 32]))
                .with("salt", "AAAA")
                .with("kdf", "pbkdf2")
                .with("iterations", iterations)
        };
        assert!(client.answer("scram", &challenge(1)).is_ok());
        for wrong in [0, MOST_ROUNDS + 1] {
            assert!(client.answer("scram", &challenge(wrong)).unwrap_err().contains("iterations"));
        }
    }
}
