//! The cookies that are known, in memory and perhaps in a file.

use super::super::clock::wall;
use super::file::File;
use super::known::Known;
use jackfield_wamp::auth::Remembered;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

/// Cookies that are known at a time, at most; the oldest go first.
const MOST: usize = 100_000;

/// The cookies that are known, in memory and perhaps in a file.
#[derive(Debug, Default)]
pub(super) struct Store {
    known: RefCell<HashMap<String, Known>>,
    file: Option<RefCell<File>>,
    /// Whether the file was read. That is when the first client comes: a process is prepared while the one before it still writes.
    read: Cell<bool>,
}

impl Store {
    pub(super) fn in_file(file: File) -> Self {
        Self { file: Some(RefCell::new(file)), ..Self::default() }
    }

    /// Whether a client may still have this cookie.
    pub(super) fn has(&self, value: &str) -> bool {
        self.read();
        self.known.borrow().get(value).is_some_and(|known| !known.is_over(wall()))
    }

    pub(super) fn add(&self, value: &str, max_age: Duration) {
        self.read();
        let now = wall();
        let mut known = self.known.borrow_mut();
        if known.len() >= MOST {
            known.retain(|_, known| !known.is_over(now));
        }
        if known.len() >= MOST
            && let Some(oldest) =
                known.iter().min_by_key(|(_, known)| known.made).map(|(value, _)| value.clone())
        {
            known.remove(&oldest);
        }
        known.insert(value.to_owned(), Known { made: now, max_age, stands_for: None });
        self.write(&mut known, value);
    }

    /// Who a cookie says that its client is.
    pub(super) fn stands_for(&self, value: &str) -> Option<Remembered> {
        self.known.borrow().get(value).filter(|known| !known.is_over(wall()))?.stands_for.clone()
    }

    /// Lets a cookie stand for an authentication, or for nothing.
    pub(super) fn set(&self, value: &str, stands_for: Option<Remembered>) {
        let mut all = self.known.borrow_mut();
        if let Some(known) = all.get_mut(value).filter(|known| known.stands_for != stands_for) {
            known.stands_for = stands_for;
            self.write(&mut all, value);
        }
    }

    /// Reads the file, or what others have added to it since.
    fn read(&self) {
        let Some(file) = &self.file else { return };
        let mut known = self.known.borrow_mut();
        if self.read.replace(true) {
            file.borrow_mut().catch_up(&mut known);
        } else {
            *known = file.borrow_mut().begin(wall());
        }
    }

    fn write(&self, all: &mut HashMap<String, Known>, value: &str) {
        if let (Some(file), Some(known)) = (&self.file, all.get(value).cloned()) {
            file.borrow_mut().append(value, &known, all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::config::FileStore;
    use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
    use std::io::Write;
    use std::os::fd::AsRawFd as _;
    use std::path::{Path, PathBuf};

    const AGE: Duration = Duration::from_secs(3600);

    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("jackfield-cookies-{name}-{}", std::process::id()));
            let _ = std::fs::remove_file(&path);
            Self(path)
        }

        fn open(&self, purge_on_startup: bool) -> Store {
            let config = FileStore { filename: self.0.clone(), purge_on_startup };
            let place = super::super::file::Place::of_file(&config);
            place.prepare();
            Store::in_file(File::open(&place).unwrap())
        }

        fn lines(&self) -> usize {
            std::fs::read_to_string(&self.0).unwrap().lines().count()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn remembered(authid: &str) -> Remembered {
        Remembered {
            realm: "realm1".into(),
            authid: authid.into(),
            authrole: "user".into(),
            authmethod: "ticket".into(),
            authextra: None,
        }
    }

    #[test]
    fn cookies_outlive_the_process_until_they_are_too_old_or_log_out() {
        let place = Place::new("outlive");
        let store = place.open(false);
        for value in ["a", "b", "c"] {
            store.add(value, AGE);
            store.set(value, Some(remembered(value)));
        }
        store.add("old", Duration::ZERO);
        store.set("b", None);
        drop(store);
        // One that died in the middle of a line.
        std::fs::OpenOptions::new().append(true).open(&place.0).unwrap().write_all(b"{\"id\": \"d").unwrap();
        let store = place.open(false);
        assert!(store.has("a") && store.has("b") && !store.has("old") && !store.has("d"));
        assert_eq!(store.stands_for("a"), Some(remembered("a")));
        assert_eq!(store.stands_for("b"), None);
        assert_eq!(place.lines(), 3, "one line for each that is left");
        store.set("c", Some(remembered("x")));
        store.set("c", Some(remembered("x")));
        assert_eq!(place.lines(), 4);
        let other = place.open(true);
        assert!(other.has("a"), "while somebody has it, nobody empties it");
        drop((store, other));
        let store = place.open(true);
        assert!(!store.has("a"));
        assert_eq!(std::fs::metadata(&place.0).unwrap().len(), 0);
    }

    #[test]
    fn processes_that_share_a_file_know_of_each_other_and_write_over_nothing() {
        let place = Place::new("shared");
        let stores = [place.open(false), place.open(false)];
        for number in 0..50 {
            for (index, store) in stores.iter().enumerate() {
                store.add(&format!("{index}-{number}"), AGE);
                store.set(&format!("{index}-{number}"), Some(remembered("x")));
            }
        }
        for store in &stores {
            for value in (0..50).flat_map(|number| [format!("0-{number}"), format!("1-{number}")]) {
                assert!(store.has(&value) && store.stands_for(&value).is_some(), "{value}");
            }
        }
        assert_eq!(place.lines(), 200);
        // Whoever logs out in one process is logged out in the other.
        stores[0].set("1-7", None);
        assert!(stores[1].has("1-7") && stores[1].stands_for("1-7").is_none());
        // One that died in the middle of a line; the next line is one of its own.
        std::fs::OpenOptions::new().append(true).open(&place.0).unwrap().write_all(b"{\"id\": \"d").unwrap();
        let third = place.open(false);
        assert!(third.has("0-0"));
        third.add("later", AGE);
        assert!(stores[0].has("later") && stores[1].has("later"));
        // The last one that has it may write it anew.
        drop((stores, third));
        assert!(place.open(false).has("later"));
        assert_eq!(place.lines(), 101);
    }

    #[test]
    fn a_successor_reads_what_is_written_until_its_turn() {
        let place = Place::new("turn");
        let (before, after) = (place.open(false), place.open(false));
        before.add("a", AGE);
        assert!(after.has("a"));
    }

    #[test]
    fn cookies_of_a_file_that_can_not_be_written_stay_in_it() {
        let memory = memfd_create("cookies", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        let place = Place(format!("/proc/self/fd/{}", memory.as_raw_fd()).into());
        let store = place.open(false);
        store.add("a", AGE);
        store.set("a", Some(remembered("a")));
        // Nothing can be written to it any more, but it can be cut.
        fcntl_add_seals(&memory, SealFlags::WRITE).unwrap();
        for _ in 0..2 {
            let store = place.open(false);
            assert_eq!(store.stands_for("a"), None, "it is not read yet");
            assert!(store.has("a"));
            assert_eq!(store.stands_for("a"), Some(remembered("a")));
            assert_eq!(place.lines(), 2);
        }
    }

    #[test]
    fn a_cookie_may_be_kept_for_ever() {
        let known = Known { made: wall(), max_age: Duration::MAX, stands_for: None };
        assert!(!known.is_over(wall()));
    }

    #[test]
    fn a_place_that_is_not_to_be_had_is_named() {
        let config = FileStore { filename: Path::new("/nowhere/cookies").into(), purge_on_startup: false };
        let error = File::open(&super::super::file::Place::of_file(&config)).unwrap_err();
        assert!(error.contains("/nowhere/cookies"), "{error}");
    }
}
