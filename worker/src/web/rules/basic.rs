//! Basic authentication (RFC 7617). To compare a password takes long on purpose, so it is done in a thread beside the loop, by
//! few at a time; what was right is remembered for a while, by a hash that only this process can make.

use crate::passwords::{self, Hash};
use crate::web::engine::answer::{Answer, failure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use jackfield_shared::config::BasicAuth;
use jackfield_shared::tls::Files;
use sha2::Sha256;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

/// Passwords that are compared at a time, at most.
const AT_A_TIME: usize = 2;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a password that was right is remembered, and how many are.
const REMEMBERED: Duration = Duration::from_secs(600);
const MOST: usize = 1024;
/// The longest name and password, in bytes.
const LONGEST: usize = 1024;

/// Who may come.
pub(super) struct Basic {
    file: PathBuf,
    challenge: HeaderValue,
    users: RefCell<HashMap<String, Hash>>,
    /// What was right, and until when that holds.
    known: RefCell<HashMap<[u8; 32], Instant>>,
    key: [u8; 64],
    turns: Semaphore,
}

impl std::fmt::Debug for Basic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Basic({})", self.file.display())
    }
}

/// The users in a file.
fn users(file: &Path, files: &Files) -> Result<HashMap<String, Hash>, String> {
    let text = files.get(file).ok_or_else(|| format!("{} was not read", file.display()))?;
    passwords::read(text).map_err(|e| format!("{}: {e}", file.display()))
}

impl Basic {
    pub(super) fn new(config: &BasicAuth, files: &Files) -> Result<Self, String> {
        let mut key = [0; 64];
        getrandom::fill(&mut key).map_err(|e| format!("no random numbers: {e}"))?;
        let challenge = format!("Basic realm=\"{}\", charset=\"UTF-8\"", config.realm);
        Ok(Self {
            file: config.file.clone(),
            challenge: HeaderValue::from_str(&challenge).map_err(|e| e.to_string())?,
            users: RefCell::new(users(&config.file, files)?),
            known: RefCell::default(),
            key,
            turns: Semaphore::new(AT_A_TIME),
        })
    }

    /// Takes the file as it is now.
    pub(super) fn renew(&self, files: &Files) -> Result<(), String> {
        self.users.replace(users(&self.file, files)?);
        Ok(())
    }

    /// Whether a request may go on; else what is said to it.
    pub(super) async fn check(&self, asked: &HeaderMap) -> Result<(), Answer> {
        let Some((name, password)) = said(asked) else { return Err(self.refused(asked)) };
        let (hash, exists) = {
            let users = self.users.borrow();
            let found = users.get(&name);
            // Nobody learns by the time it takes who exists.
            match found.or_else(|| users.values().next()) {
                Some(hash) => (hash.clone(), found.is_some()),
                None => return Err(self.refused(asked)),
            }
        };
        let digest = self.digest(&name, &password, &hash);
        let is_known = self.known.borrow().get(&digest).is_some_and(|until| Instant::now() < *until);
        if is_known && exists {
            return Ok(());
        }
        let Ok(Ok(_turn)) = timeout(PATIENCE, self.turns.acquire()).await else {
            let text = "Too many passwords are being compared. Try again.";
            let mut answer = failure(asked, StatusCode::SERVICE_UNAVAILABLE, text);
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return Err(answer);
        };
        let compared = spawn_blocking(move || hash.is_of(&password));
        if !(compared.await.unwrap_or(false) && exists) {
            return Err(self.refused(asked));
        }
        self.remember(digest);
        Ok(())
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut known = self.known.borrow_mut();
        if known.len() >= MOST {
            let now = Instant::now();
            known.retain(|_, until| now < *until);
            if known.len() >= MOST {
                known.clear();
            }
        }
        known.insert(digest, Instant::now() + REMEMBERED);
    }

    /// What stands for this name and password as long as its hash in the file is the same.
    fn digest(&self, name: &str, password: &[u8], hash: &Hash) -> [u8; 32] {
        let mut digest = Hmac::<Sha256>::new((&self.key).into());
        for part in [name.as_bytes(), password, hash.as_bytes()] {
            digest.update(&part.len().to_be_bytes());
            digest.update(part);
        }
        digest.finalize().into_bytes().into()
    }

    fn refused(&self, asked: &HeaderMap) -> Answer {
        let text = "A name and a password are needed here.";
        let mut answer = failure(asked, StatusCode::UNAUTHORIZED, text);
        answer.headers_mut().insert(WWW_AUTHENTICATE, self.challenge.clone());
        answer
    }
}

/// The name and the password that a request has.
fn said(asked: &HeaderMap) -> Option<(String, Vec<u8>)> {
    let (scheme, credentials) = asked.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(credentials.trim()).ok().filter(|decoded| decoded.len() <= LONGEST)?;
    let colon = decoded.iter().position(|b| *b == b':')?;
    let name = String::from_utf8(decoded.get(..colon)?.to_vec()).ok()?;
    Some((name, decoded.get(colon + 1..)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_credentials_count() {
        for (said_, expected) in [
            ("Basic YW5uOnNlYzpyZXQ=", Some(("ann", "sec:ret"))),
            ("basic  YW5uOg==", Some(("ann", ""))),
            ("Bearer YW5uOng=", None),
            ("Basic", None),
            ("Basic !", None),
            ("Basic YW5u", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, said_.parse().unwrap());
            let found = said(&headers);
            let found = found.as_ref().map(|(name, p)| (name.as_str(), std::str::from_utf8(p).unwrap()));
            assert_eq!(found, expected, "{said_}");
        }
    }
}
