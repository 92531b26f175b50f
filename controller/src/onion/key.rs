//! The key of an onion service and the address that follows from it (rend-spec-v3).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use curve25519_dalek::{EdwardsPoint, Scalar};
use jackfield_shared::config::Secret;
use sha3::{Digest as _, Sha3_256};
use std::fmt;

/// The mark of the form that ADD_ONION takes (control-spec); Crossbar.io and txtorcon write it into files.
const TEXT: &str = "ED25519-V3:";
/// What C-tor's `hs_ed25519_secret_key` begins with.
const BINARY: &[u8; 32] = b"== ed25519v1-secret: type0 ==\0\0\0";
/// The version of the address, and of the service.
const VERSION: u8 = 3;

/// Why bytes are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error(
        "holds an RSA key, which is one of a version 2 service: these left the Tor network in 2021. Move the \
         file away, and a new key, with a new address, is created in its place"
    )]
    Version2,
    #[error("is empty; remove it, and a new key is created in its place, or restore your copy of the key")]
    Empty,
    #[error(
        "does not hold a key of an onion service: expected \"ED25519-V3:\" and 64 bytes in base64, or the \
         file hs_ed25519_secret_key of a tor daemon"
    )]
    Unknown,
    #[error("holds a key that is damaged: {0}. Restore your copy of the key")]
    Damaged(&'static str),
}

/// An expanded Ed25519 secret key: 32 bytes of the scalar, clamped, and 32 that make signatures.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key([u8; 64]);

/// Keys are not for people.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    /// A new one, of the system's random numbers.
    pub(super) fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 64];
        getrandom::fill(&mut bytes)?;
        bytes[0] &= 0b1111_1000;
        bytes[31] = bytes[31] & 0b0011_1111 | 0b0100_0000;
        Ok(Self(bytes))
    }

    /// The key in a file of one of the formats there are.
    pub(super) fn parse(file: &[u8]) -> Result<Self, KeyError> {
        if let Some(bytes) = file.strip_prefix(BINARY) {
            let bytes = bytes.try_into().map_err(|_| KeyError::Damaged("it has not 64 bytes"))?;
            return Self::checked(bytes);
        }
        let Ok(text) = std::str::from_utf8(file) else { return Err(KeyError::Unknown) };
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Empty);
        }
        if text.starts_with("RSA1024:") || text.starts_with("-----BEGIN RSA PRIVATE KEY-----") {
            return Err(KeyError::Version2);
        }
        let text = text.strip_prefix(TEXT).ok_or(KeyError::Unknown)?;
        let bytes = STANDARD_NO_PAD
            .decode(text.trim_end_matches('='))
            .map_err(|_| KeyError::Damaged("what follows \"ED25519-V3:\" is not base64"))?;
        let bytes = bytes.try_into().map_err(|_| KeyError::Damaged("it has not 64 bytes"))?;
        Self::checked(bytes)
    }

    /// The clamping (RFC 8032, 5.1.5) shows whether bytes are a key, and every implementation of Tor agrees on
    /// the address only of a key that has it.
    fn checked(bytes: [u8; 64]) -> Result<Self, KeyError> {
        if bytes[0] & 0b111 != 0 || bytes[31] & 0b1100_0000 != 0b0100_0000 {
            return Err(KeyError::Damaged("these bytes are not an Ed25519 key"));
        }
        Ok(Self(bytes))
    }

    /// The address, `xyz….onion`.
    pub(super) fn address(&self) -> String {
        let mut scalar = [0; 32];
        scalar.copy_from_slice(&self.0[..32]);
        let public = EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(scalar)).compress();
        let mut hash = Sha3_256::new();
        hash.update(b".onion checksum");
        hash.update(public.as_bytes());
        hash.update([VERSION]);
        let checksum = hash.finalize();
        let address = [&public.as_bytes()[..], &checksum[..2], &[VERSION]].concat();
        base32(&address) + ".onion"
    }

    /// What a file of ours holds.
    pub(super) fn to_file(&self) -> Secret {
        Secret(format!("{TEXT}{}\n", STANDARD.encode(self.0)))
    }

    /// As ADD_ONION takes it, without the mark of the form.
    pub(super) fn to_base64(&self) -> Secret {
        Secret(STANDARD.encode(self.0))
    }
}

/// Lower case, of a multiple of five bytes, as an address has.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut text = String::new();
    for group in bytes.chunks(5) {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            text.push(char::from(ALPHABET[(bits >> (5 * place) & 31) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_give_the_same_key_and_address() {
        let key = Key::generate().unwrap();
        let text = key.to_file().0;
        assert_eq!(Key::parse(text.as_bytes()), Ok(key.clone()));
        assert_eq!(Key::parse(text.trim_end().trim_end_matches('=').as_bytes()), Ok(key.clone()));
        assert_eq!(Key::parse(&[&BINARY[..], &key.0[..]].concat()), Ok(key.clone()));
        let address = key.address();
        assert!(address.len() == 62 && address.ends_with("d.onion"), "{address}");
        assert!(!format!("{key:?} {:?}", key.to_file()).contains(&text[11..20]));
        assert_ne!(Key::generate().unwrap().address(), address);
    }

    #[test]
    fn the_address_is_that_of_the_public_key() {
        // Bit 254 alone: the base point, doubled so often.
        let mut bytes = [0; 64];
        bytes[31] = 0b0100_0000;
        let key = Key::checked(bytes).unwrap();
        let by_squaring = (0..254).fold(curve25519_dalek::constants::ED25519_BASEPOINT_POINT, |p, _| p + p);
        assert!(key.address().starts_with(&base32(&by_squaring.compress().as_bytes()[..30])));
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        let rsa = b"-----BEGIN RSA PRIVATE KEY-----\nMIICX\n";
        assert_eq!(Key::parse(rsa), Err(KeyError::Version2));
        assert_eq!(Key::parse(b"RSA1024:MIICXQIBAAK"), Err(KeyError::Version2));
        assert_eq!(Key::parse(b" \n"), Err(KeyError::Empty));
        assert_eq!(Key::parse(b"garbage"), Err(KeyError::Unknown));
        assert_eq!(Key::parse(b"\xff\xfe"), Err(KeyError::Unknown));
        assert!(matches!(Key::parse(b"ED25519-V3:!!!"), Err(KeyError::Damaged(_))));
        assert!(matches!(Key::parse(b"ED25519-V3:AAAA"), Err(KeyError::Damaged(_))));
        assert!(matches!(Key::parse(&[&BINARY[..], &[0; 63]].concat()), Err(KeyError::Damaged(_))));
        assert!(matches!(Key::parse(&[&BINARY[..], &[255; 64]].concat()), Err(KeyError::Damaged(_))));
    }

    #[test]
    fn base32_of_rfc_4648() {
        assert_eq!(base32(b"fooba"), "mzxw6ytb");
    }
}
