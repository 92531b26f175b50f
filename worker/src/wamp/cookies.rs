//! Cookies by which browsers are known again.

use hyper::header::{COOKIE, HeaderMap, HeaderValue};
use jackfield_shared::config::{Cookie, CookieStore, SameSite};
use jackfield_wamp::auth::Remembered;
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Instant;

/// Cookies that are known at a time, at most; the oldest go first.
const MOST: usize = 100_000;

/// The cookies of a transport.
#[derive(Debug)]
pub(crate) struct Cookies {
    config: Cookie,
    known: RefCell<HashMap<String, Known>>,
}

#[derive(Debug)]
struct Known {
    made: Instant,
    stands_for: Option<Remembered>,
}

impl Cookies {
    /// Prepares what the configuration asks for, or says what is not built.
    pub(super) fn new(config: &Cookie) -> Result<Self, String> {
        match config.store {
            CookieStore::Memory(_) => Ok(Self { config: config.clone(), known: RefCell::default() }),
            CookieStore::File(_) | CookieStore::Database(_) => {
                Err("cookie: stores other than \"memory\" are not built yet".into())
            }
        }
    }

    /// The client's cookie: what it has sent, if that is known, or a new one with the header that sets it.
    pub(super) fn of(&self, headers: &HeaderMap) -> (String, Option<HeaderValue>) {
        let mut known = self.known.borrow_mut();
        let sent = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        for pair in sent.flat_map(|value| value.split(';')) {
            if let Some((name, value)) = pair.split_once('=')
                && name.trim() == self.config.name
                && let value = value.trim().trim_matches('"')
                && known.get(value).is_some_and(|known| known.made.elapsed() < self.config.max_age)
            {
                return (value.to_owned(), None);
            }
        }
        if known.len() >= MOST {
            known.retain(|_, known| known.made.elapsed() < self.config.max_age);
        }
        if known.len() >= MOST
            && let Some(oldest) =
                known.iter().min_by_key(|(_, known)| known.made).map(|(value, _)| value.clone())
        {
            known.remove(&oldest);
        }
        let value = fresh(self.config.length.into());
        known.insert(value.clone(), Known { made: Instant::now(), stands_for: None });
        (value.clone(), self.header(&value))
    }

    /// Who a cookie says that its client is.
    pub(super) fn stands_for(&self, value: &str) -> Option<Remembered> {
        self.known.borrow().get(value)?.stands_for.clone()
    }

    /// Lets a cookie stand for an authentication.
    pub(super) fn remember(&self, value: &str, remembered: Remembered) {
        if let Some(known) = self.known.borrow_mut().get_mut(value) {
            known.stands_for = Some(remembered);
        }
    }

    /// Lets a cookie stand for nothing.
    pub(super) fn forget(&self, value: &str) {
        if let Some(known) = self.known.borrow_mut().get_mut(value) {
            known.stands_for = None;
        }
    }

    fn header(&self, value: &str) -> Option<HeaderValue> {
        let Cookie { name, max_age, secure, http_strict, same_site, .. } = &self.config;
        let mut text = format!("{name}={value}; Path=/; Max-Age={}", max_age.as_secs());
        if *secure {
            text.push_str("; Secure");
        }
        if *http_strict {
            text.push_str("; HttpOnly");
        }
        match same_site {
            None => {}
            Some(SameSite::Strict) => text.push_str("; SameSite=Strict"),
            Some(SameSite::Lax) => text.push_str("; SameSite=Lax"),
            Some(SameSite::None) => text.push_str("; SameSite=None"),
        }
        HeaderValue::from_str(&text).ok()
    }
}

/// A random value of letters and digits.
pub(super) fn fresh(length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    let mut bytes = vec![0; length];
    super::build::fill(&mut bytes);
    bytes.into_iter().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect()
}
