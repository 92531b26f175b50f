//! `cryptosign`: a challenge signed with an Ed25519 key (WAMP specification, "Cryptosign-based Authentication").

use super::scram::{hex, unhex};
use crate::{Dict, Value};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

/// The public keys of a principal.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The keys, 32 bytes in hex each.
    pub authorized_keys: Vec<String>,
    /// The role they give.
    pub role: Option<String>,
    /// The realm they are for; absent: the one that the client wants.
    pub realm: Option<String>,
}

/// A challenge under way.
#[derive(Debug)]
pub(crate) struct Exchange {
    key: Vec<u8>,
    /// What is to be signed: the challenge, combined with the identifier of the TLS connection where that was asked for.
    message: [u8; 32],
}

/// The public key of 32 bytes that `text` writes in hex.
#[must_use]
pub fn key(text: &str) -> Option<Vec<u8>> {
    unhex(text).filter(|key| key.len() == 32)
}

/// The binding of a signature to the TLS connection that a client asks for.
pub(crate) enum Binding {
    /// None.
    None,
    /// One that this connection can give, by its name.
    Channel(String, [u8; 32]),
}

impl Binding {
    /// The one in HELLO's `authextra`; the error is for the client.
    pub(crate) fn of(authextra: Option<&Dict>, channel: Option<[u8; 32]>) -> Result<Self, String> {
        let Some(asked) = authextra.and_then(|extra| extra.get("channel_binding")) else {
            return Ok(Self::None);
        };
        match (asked.as_str(), channel) {
            (Some(name @ "tls-exporter"), Some(channel)) => Ok(Self::Channel(name.to_owned(), channel)),
            (Some("tls-exporter"), None) => {
                Err("channel binding \"tls-exporter\" is requested, but the connection has no TLS".into())
            }
            // TLS 1.3 has none, and the library tells none of TLS 1.2.
            (Some("tls-unique"), _) => {
                Err("channel binding \"tls-unique\" is requested, which is not to be had here; use \"tls-exporter\"".into())
            }
            _ => Err("an unknown channel binding is requested".into()),
        }
    }
}

impl Exchange {
    /// A challenge for the holder of `key`, and CHALLENGE's extra.
    pub(crate) fn new(key: Vec<u8>, binding: &Binding, random: [u8; 32]) -> (Self, Dict) {
        let mut message = random;
        let name = match binding {
            Binding::None => Value::Null,
            Binding::Channel(name, channel) => {
                for (byte, other) in message.iter_mut().zip(channel) {
                    *byte ^= other;
                }
                Value::Str(name.clone())
            }
        };
        let extra = Dict::new().with("challenge", hex(&random)).with("channel_binding", name);
        (Self { key, message }, extra)
    }

    /// Whether `signature`, 64 bytes and the signed message in hex, is right.
    pub(crate) fn verify(&self, signature: &str) -> bool {
        let Some(signed) = unhex(signature).filter(|signed| signed.len() == 96) else { return false };
        let (signature, message) = signed.split_at(64);
        message == self.message
            && UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};

    #[test]
    fn a_signature_is_right_for_its_key_challenge_and_channel() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[5; 32]).unwrap();
        let public = pair.public_key().as_ref().to_vec();
        assert_eq!(key(&hex(&public)), Some(public.clone()));
        assert_eq!(key("zz"), None);
        let sign = |message: &[u8]| hex(pair.sign(message).as_ref()) + &hex(message);
        let (exchange, _) = Exchange::new(public.clone(), &Binding::None, [1; 32]);
        assert!(exchange.verify(&sign(&[1; 32])));
        assert!(!exchange.verify(&sign(&[2; 32])));
        assert!(!exchange.verify(""));
        let (bound, extra) =
            Exchange::new(public, &Binding::Channel("tls-exporter".into(), [3; 32]), [1; 32]);
        assert!(bound.verify(&sign(&[2; 32])));
        assert!(!bound.verify(&sign(&[1; 32])));
        assert_eq!(extra.get("channel_binding").and_then(Value::as_str), Some("tls-exporter"));
        assert!(Binding::of(Some(&Dict::new().with("channel_binding", "x")), Some([0; 32])).is_err());
    }
}
