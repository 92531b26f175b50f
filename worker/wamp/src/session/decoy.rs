//! What a client is shown that does not exist, so that its challenge looks like that of one that does.

use crate::Ids;
use crate::auth::{Secret, scram, wampcra};
use aws_lc_rs::hmac;
use std::collections::BTreeMap;

/// A secret that nobody knows.
pub(super) fn secret(ids: &mut Ids) -> Secret {
    Secret(scram::hex(&ids.bytes::<32>()))
}

/// A user that does not exist, with a salt if one that exists has one.
pub(super) fn user(users: &BTreeMap<String, wampcra::User>, authid: &str, ids: &mut Ids) -> wampcra::User {
    let like = users.values().find(|user| user.salt.is_some());
    let salt = like.and_then(|like| {
        let salt = like.salt.clone()?;
        let length = salt.salt.len();
        let own = scram::hex(&steady(&like.secret, authid));
        Some(wampcra::Salt { salt: own.chars().cycle().take(length).collect(), ..salt })
    });
    wampcra::User { secret: secret(ids), role: None, salt }
}

/// The keys of a principal that does not exist.
pub(super) fn keys(principals: &BTreeMap<String, scram::Keys>, authid: &str, ids: &mut Ids) -> scram::Keys {
    let (stored_key, server_key) = (secret(ids), secret(ids));
    match principals.values().next() {
        Some(like) => {
            let salt =
                scram::hex(&steady(&like.stored_key, authid)).chars().cycle().take(like.salt.len()).collect();
            scram::Keys { salt, stored_key, server_key, role: None, ..like.clone() }
        }
        None => scram::Keys {
            kdf: "pbkdf2".into(),
            iterations: 4096,
            memory: 512,
            salt: scram::hex(&ids.bytes::<16>()),
            stored_key,
            server_key,
            role: None,
        },
    }
}

/// Bytes that are the same for the same authid each time, and can't be told by who does not know `secret`.
fn steady(secret: &Secret, authid: &str) -> [u8; 16] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.0.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hmac::sign(&key, authid.as_bytes()).as_ref()[..16]);
    bytes
}

/// Letters and digits that can't be taken for one another.
const LETTERS: &[u8; 32] = b"3456789ABCDEFGHJKLMNPQRSTUVWXYZ2";

/// A random authid, as `TQ35-9AYK-U69E-W5X3-TTKY-WJ65`.
pub(super) fn serial(ids: &mut Ids) -> String {
    let mut serial = String::with_capacity(29);
    for (index, byte) in ids.bytes::<24>().into_iter().enumerate() {
        if index > 0 && index % 4 == 0 {
            serial.push('-');
        }
        serial.push(char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
    }
    serial
}
