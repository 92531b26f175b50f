//! Cookies by which browsers are known again.

mod file;
mod known;
mod record;
mod store;

pub(crate) use file::Place;

use file::File;
use hyper::header::{COOKIE, HeaderMap, HeaderValue};
use jackfield_shared::config::{Cookie, SameSite};
use jackfield_wamp::auth::Remembered;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use store::Store;

/// The stores of a process by their files: transports that name the same one share it.
#[derive(Debug, Default)]
pub(super) struct Stores(HashMap<PathBuf, Weak<Store>>);

impl Stores {
    fn get(&mut self, place: &Place) -> Result<Rc<Store>, String> {
        if let Some(store) = self.0.get(&place.path).and_then(Weak::upgrade) {
            return Ok(store);
        }
        let store = Rc::new(Store::in_file(File::open(place)?));
        self.0.insert(place.path.clone(), Rc::downgrade(&store));
        Ok(store)
    }
}

/// The cookies of a transport.
#[derive(Debug)]
pub(crate) struct Cookies {
    config: Cookie,
    store: Rc<Store>,
}

impl Cookies {
    /// Prepares what the configuration asks for; the error says which file can't be had.
    pub(super) fn new(config: &Cookie, stores: &mut Stores) -> Result<Self, String> {
        let store = match Place::of(&config.store) {
            None => Rc::default(),
            Some(place) => stores.get(&place)?,
        };
        Ok(Self { config: config.clone(), store })
    }

    /// The client's cookie: what it has sent, if that is known, or a new one with the header that sets it.
    pub(super) fn of(&self, headers: &HeaderMap) -> (String, Option<HeaderValue>) {
        let sent = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        for pair in sent.flat_map(|value| value.split(';')) {
            if let Some((name, value)) = pair.split_once('=')
                && name.trim() == self.config.name
                && let value = value.trim().trim_matches('"')
                && self.store.has(value)
            {
                return (value.to_owned(), None);
            }
        }
        let value = fresh(self.config.length.into());
        self.store.add(&value, self.config.max_age);
        (value.clone(), self.header(&value))
    }

    /// Who a cookie says that its client is.
    pub(super) fn stands_for(&self, value: &str) -> Option<Remembered> {
        self.store.stands_for(value)
    }

    /// Lets a cookie stand for an authentication.
    pub(super) fn remember(&self, value: &str, remembered: Remembered) {
        self.store.set(value, Some(remembered));
    }

    /// Lets a cookie stand for nothing.
    pub(super) fn forget(&self, value: &str) {
        self.store.set(value, None);
    }

    /// Whether cookies of `other` are the same as ours.
    pub(super) fn share_with(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.store, &other.store)
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
    super::random::fill(&mut bytes);
    bytes.into_iter().map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()])).collect()
}
