//! Files of users with hashes of their passwords, a line `NAME:HASH` each: Argon2 as `jackfield passwd` writes it, or bcrypt
//! as `htpasswd -B` does.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use jackfield_shared::config::{Path as ConfigPath, Severity};
use jackfield_shared::tls::{Files, Remark};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// A user's hash, checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash(String);

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash")
    }
}

impl Hash {
    /// Reads one.
    fn parse(text: &str) -> Option<Self> {
        let is_known = if text.starts_with("$argon2") {
            PasswordHash::new(text).is_ok_and(|hash| hash.hash.is_some() && hash.salt.is_some())
        } else {
            let is_bcrypt = ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| text.starts_with(prefix));
            is_bcrypt && text.parse::<bcrypt::HashParts>().is_ok()
        };
        is_known.then(|| Self(text.to_owned()))
    }

    /// Whether it is this password's. Takes as long as it was made to: a quarter of a second or more.
    #[must_use]
    pub fn is_of(&self, password: &[u8]) -> bool {
        if self.0.starts_with("$argon2") {
            let hash = PasswordHash::new(&self.0);
            hash.is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
        } else {
            bcrypt::verify(password, &self.0).unwrap_or(false)
        }
    }

    /// By which hashes differ.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Reads a file's text. Empty lines, and those that begin with `#`, don't count.
///
/// # Errors
/// The number of a line, and what is wrong with it; never what is in it.
pub fn read(text: &str) -> Result<HashMap<String, Hash>, String> {
    let mut users = HashMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, hash) = line.split_once(':').filter(|(name, _)| !name.is_empty()).ok_or_else(|| {
            format!("line {number} is no NAME:HASH, as `jackfield passwd` and `htpasswd -B` write it")
        })?;
        let hash = Hash::parse(hash).ok_or_else(|| {
            format!(
                "line {number} has no hash of Argon2 or bcrypt ($argon2id$…, $2b$…, $2y$…): make it by `jackfield passwd` \
                 or `htpasswd -B`"
            )
        })?;
        if users.insert(name.to_owned(), hash).is_some() {
            return Err(format!("line {number} has a user who was there before"));
        }
    }
    Ok(users)
}

/// Everything there is to say about a file; `at` is where the configuration names it.
#[must_use]
pub fn check(file: &Path, files: &Files, at: &ConfigPath) -> Vec<Remark> {
    let error = match files.get(file) {
        Some(text) => read(text).err(),
        None => Some("it was not read".into()),
    };
    let remark = |e| Remark {
        severity: Severity::Error,
        path: at.key("file"),
        message: format!("{}: {e}", file.display()),
    };
    error.map(remark).into_iter().collect()
}

/// The hash of a password (Argon2id, with the parameters that its makers recommend), as a file has it.
///
/// # Errors
/// When the system has no random numbers.
pub fn hash(password: &[u8]) -> Result<String, String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|e| format!("no random numbers: {e}"))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| e.to_string())?;
    let hash = Argon2::default().hash_password(password, &salt).map_err(|e| e.to_string())?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_both_kinds_are_read_and_compared() {
        let bcrypt = bcrypt::hash(b"secret", 4).unwrap();
        let file = format!("# users\n\nann:{bcrypt}\nbea:{}\r\n", hash(b"pass:word").unwrap());
        let users = read(&file).unwrap();
        assert!(users["ann"].is_of(b"secret") && !users["ann"].is_of(b"Secret"));
        assert!(users["bea"].is_of(b"pass:word") && !users["bea"].is_of(b""));
        assert_eq!(users.len(), 2);
    }

    #[test]
    fn what_is_no_user_is_named_by_its_line() {
        for (file, told) in [
            ("# users\n\nann:$2y$04$short", "line 3"),
            ("ann", "line 1"),
            (":x", "line 1"),
            ("\nann:$apr1$x$y", "line 2"),
            ("ann:{SHA}x", "line 1"),
            ("ann:secret", "line 1"),
        ] {
            let error = read(file).unwrap_err();
            assert!(error.contains(told) && !error.contains("secret") && !error.contains("ann"), "{error}");
        }
        let twice = format!("a:{0}\na:{0}", bcrypt::hash(b"x", 4).unwrap());
        assert!(read(&twice).unwrap_err().contains("line 2"));
    }
}
