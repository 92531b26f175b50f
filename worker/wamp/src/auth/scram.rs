//! `scram`: salted challenge and response (RFC 5802 as WAMP uses it, with SHA-256).

use super::Secret;
use crate::{Dict, Value};
use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The keys of a principal. The router needs no password and derives nothing.
#[derive(Clone, Debug)]
pub struct Keys {
    /// How the client derives its keys: `pbkdf2` or `argon2id-13`.
    pub kdf: String,
    /// In how many rounds.
    pub iterations: u64,
    /// With how much memory, in KiB.
    pub memory: u64,
    /// With which salt, in hex.
    pub salt: String,
    /// The key that a client's proof is checked with, in hex.
    pub stored_key: Secret,
    /// The key of the router's own proof, in hex.
    pub server_key: Secret,
    /// The role they give.
    pub role: Option<String>,
}

/// A challenge under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    authid: String,
    client_nonce: String,
    server_nonce: String,
    salt: String,
    iterations: u64,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

/// Least bytes of a client's nonce that are worth a challenge.
const NONCE: usize = 16;

/// Reads the nonce of a client (HELLO's `authextra`).
pub(crate) fn nonce(authextra: Option<&Dict>) -> Option<Vec<u8>> {
    let nonce = authextra?.get("nonce")?.as_str()?;
    STANDARD.decode(nonce).ok().filter(|nonce| nonce.len() >= NONCE)
}

impl Keys {
    /// Those that a procedure has answered; the error says what they lack.
    pub(crate) fn of(answer: &Dict) -> Result<Self, String> {
        let text = |key: &str| match answer.get(key) {
            Some(Value::Str(text)) => Ok(text.clone()),
            _ => Err(format!("the authenticator has answered no \"{key}\"")),
        };
        let number = |key: &str| {
            answer
                .get(key)
                .and_then(Value::as_u64)
                .ok_or_else(|| format!("the authenticator has answered no \"{key}\""))
        };
        let keys = Self {
            kdf: text("kdf")?,
            iterations: number("iterations")?,
            memory: number("memory")?,
            salt: text("salt")?,
            stored_key: Secret(text("stored-key")?),
            server_key: Secret(text("server-key")?),
            role: None,
        };
        keys.check().map(|()| keys)
    }

    /// Says what is wrong with keys that can't be used.
    ///
    /// # Errors
    ///
    /// The name of the attribute that is not in hex.
    pub fn check(&self) -> Result<(), String> {
        for (name, value) in
            [("salt", &self.salt), ("stored-key", &self.stored_key.0), ("server-key", &self.server_key.0)]
        {
            if unhex(value).is_none() {
                return Err(format!("\"{name}\" is not in hexadecimal"));
            }
        }
        Ok(())
    }

    /// Makes a challenge for `authid`, whose client has sent `client_nonce`, and CHALLENGE's extra.
    pub(crate) fn challenge(&self, authid: &str, client_nonce: &[u8], random: [u8; 16]) -> (Exchange, Dict) {
        let server_nonce = STANDARD.encode([client_nonce, &random].concat());
        let salt = STANDARD.encode(unhex(&self.salt).unwrap_or_default());
        let extra = Dict::new()
            .with("nonce", server_nonce.as_str())
            .with("kdf", self.kdf.as_str())
            .with("salt", salt.as_str())
            .with("iterations", self.iterations)
            .with("memory", self.memory);
        let exchange = Exchange {
            authid: authid.to_owned(),
            client_nonce: STANDARD.encode(client_nonce),
            server_nonce,
            salt,
            iterations: self.iterations,
            stored_key: unhex(&self.stored_key.0).unwrap_or_default(),
            server_key: unhex(&self.server_key.0).unwrap_or_default(),
        };
        (exchange, extra)
    }
}

impl Exchange {
    fn auth_message(&self) -> String {
        let Self { authid, client_nonce, server_nonce, salt, iterations, .. } = self;
        format!("n={authid},r={client_nonce},r={server_nonce},s={salt},i={iterations},c=,r={server_nonce}")
    }

    /// Whether the client's proof is right; then the router's own proof for WELCOME (`scram_server_signature`).
    pub(crate) fn verify(&self, signature: &str) -> Option<String> {
        let proof = STANDARD.decode(signature).ok()?;
        let message = self.auth_message();
        let expected = mac(&self.stored_key, message.as_bytes());
        if proof.len() != expected.as_ref().len() {
            return None;
        }
        let client_key: Vec<u8> = proof.iter().zip(expected.as_ref()).map(|(a, b)| a ^ b).collect();
        let stored = digest::digest(&digest::SHA256, &client_key);
        constant_time::verify_slices_are_equal(stored.as_ref(), &self.stored_key).ok()?;
        Some(STANDARD.encode(mac(&self.server_key, message.as_bytes())))
    }
}

/// The stored key and the server key that a derived password stands for.
#[cfg(test)]
pub(crate) fn keys_of(salted: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let client_key = mac(salted, b"Client Key");
    let stored = digest::digest(&digest::SHA256, client_key.as_ref());
    (stored.as_ref().to_vec(), mac(salted, b"Server Key").as_ref().to_vec())
}

/// The proof of whoever knows the derived password, and the one that the router has to give; in base64.
pub(crate) fn client_proof(salted: &[u8], message: &str) -> (String, String) {
    let client_key = mac(salted, b"Client Key");
    let stored = digest::digest(&digest::SHA256, client_key.as_ref());
    let signature = mac(stored.as_ref(), message.as_bytes());
    let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
    let server = mac(mac(salted, b"Server Key").as_ref(), message.as_bytes());
    (STANDARD.encode(proof), STANDARD.encode(server))
}

fn mac(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

/// Bytes of hexadecimal text.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    pairs.collect()
}

/// Bytes as hexadecimal text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client computes, with its client key.
    fn proof(exchange: &Exchange, client_key: &[u8]) -> String {
        let stored = digest::digest(&digest::SHA256, client_key);
        let signature = mac(stored.as_ref(), exchange.auth_message().as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        STANDARD.encode(proof)
    }

    #[test]
    fn a_proof_is_right_for_its_key_and_nonces_alone() {
        let client_key = [7; 32];
        let keys = Keys {
            kdf: "pbkdf2".into(),
            iterations: 4096,
            memory: 512,
            salt: "00ff".into(),
            stored_key: Secret(hex(digest::digest(&digest::SHA256, &client_key).as_ref())),
            server_key: Secret("11".repeat(32)),
            role: None,
        };
        keys.check().unwrap();
        let (exchange, extra) = keys.challenge("sue", &[1; 16], [2; 16]);
        assert_eq!(extra.get("salt").and_then(Value::as_str), Some("AP8="));
        let right = proof(&exchange, &client_key);
        assert!(exchange.verify(&right).is_some());
        assert!(exchange.verify(&proof(&exchange, &[8; 32])).is_none());
        for wrong in ["", "!!!", "AAAA", &"A".repeat(5000), "ü"] {
            assert!(exchange.verify(wrong).is_none());
        }
        let (other, _) = keys.challenge("sue", &[1; 16], [3; 16]);
        assert!(other.verify(&right).is_none());
        assert!(Keys { salt: "0".into(), ..keys }.check().is_err());
    }
}
