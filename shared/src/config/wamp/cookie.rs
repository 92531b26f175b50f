//! Cookies by which a browser is known again.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::super::decode::*;

object! {
    /// A cookie by which a browser is known again.
    pub struct Cookie as "cookie settings" {
        /// Its name.
        pub name as "name": String = matching("a cookie name of a-z, 0-9 and _, a letter first", Some("^[a-z][a-z0-9_]+$"), is_cookie_name), default(json!("cbtid"), "cbtid".to_owned());
        /// The length of its value, in characters.
        pub length as "length": u8 = int(6..=64), default(24);
        /// Seconds it is valid.
        pub max_age as "max_age": Duration = whole_seconds(1..=311_040_000), default(json!(604800), Duration::from_secs(604_800));
        /// Where cookies are kept.
        pub store as "store": CookieStore = nested(), default(json!({"type": "memory"}), CookieStore::Memory(MemoryStore {}));
        /// Only over TLS.
        pub secure as "secure": bool = boolean(), default(false);
        /// Not for scripts.
        pub http_strict as "http_strict": bool = boolean(), default(false);
        /// Whether it goes along with requests from other sites; absent: as browsers do.
        pub same_site as "same_site": Option<SameSite> = word(), optional;
    }
}

fn is_cookie_name(text: &str) -> bool {
    let text = until_dollar(text);
    text.len() > 1
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

choice! {
    /// Whether a cookie goes along with requests from other sites.
    pub enum SameSite {
        /// Never.
        Strict = "Strict",
        /// When a link is followed.
        Lax = "Lax",
        /// Always.
        None = "None",
    }
}

tagged! {
    /// Where cookies are kept.
    pub enum CookieStore as "a cookie store" by "type" {
        /// In memory.
        Memory(MemoryStore) = "memory",
        /// In a file.
        File(FileStore) = "file",
        /// In a database.
        Database(DatabaseStore) = "database",
    }
}

object! {
    /// Cookies in memory.
    pub struct MemoryStore as "a memory store" {
    }
}

object! {
    /// Cookies in a file.
    pub struct FileStore as "a file store" {
        /// The file, relative to the node directory; created if missing.
        pub filename as "filename": PathBuf = path(), required;
        /// Starts with an empty file.
        pub purge_on_startup as "purge_on_startup": bool = boolean(), default(false);
    }
}

object! {
    /// Cookies in a database.
    pub struct DatabaseStore as "a database store" {
        /// The database, relative to the node directory; created if missing.
        pub path as "path": PathBuf = path(), required;
        /// Starts with an empty database.
        pub purge_on_startup as "purge_on_startup": bool = boolean(), default(false);
        /// Bytes it may have.
        pub maxsize as "maxsize": i64 = int(i128::from(i64::MIN)..=i128::from(i64::MAX)), default(1073741824);
        /// Changes nothing.
        pub readonly as "readonly": bool = boolean(), default(false);
        /// Writes through to the disk.
        pub sync as "sync": bool = boolean(), default(true);
    }
}
