//! The path of a request, as it is taken apart on the way to a service.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The part of a request's path that no service has taken yet, as it was sent: empty, or from a slash on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// The whole path of a request.
    pub(crate) const fn of(path: &'a str) -> Self {
        Self(path)
    }

    /// Its first segment, decoded, and what follows; empty segments don't count.
    pub(crate) fn split(self) -> Option<(Cow<'a, str>, Self)> {
        let path = self.0.trim_start_matches('/');
        let (segment, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
        if segment.is_empty() {
            return None;
        }
        Some((percent_decode_str(segment).decode_utf8().ok()?, Self(rest)))
    }

    /// As it was sent.
    pub(crate) const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether nothing is left, that is, the service's own address is meant.
    pub(crate) fn is_root(self) -> bool {
        self.0.bytes().all(|b| b == b'/')
    }

    /// Whether the address is written as that of a directory.
    pub(crate) fn is_directory(self) -> bool {
        self.0.ends_with('/')
    }

    /// The path of a file it names; `None` if it names none or one outside.
    pub(crate) fn file(self) -> Option<PathBuf> {
        let mut path = PathBuf::new();
        for segment in self.0.split('/').filter(|segment| !segment.is_empty()) {
            let name: Vec<u8> = percent_decode_str(segment).collect();
            if name == b"." || name == b".." || name.iter().any(|b| matches!(b, 0 | b'/')) {
                return None;
            }
            path.push(OsString::from_vec(name));
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_is_decoded_and_cut_off() {
        for (path, expected) in [
            ("/ws", Some(("ws", ""))),
            ("//ws", Some(("ws", ""))),
            ("/%77s/", Some(("ws", "/"))),
            ("/a/b%2fc/", Some(("a", "/b%2fc/"))),
            ("/", None),
            ("", None),
            ("*", Some(("*", ""))),
            ("/%ff/x", None),
        ] {
            let found = Rest::of(path).split();
            assert_eq!(found.as_ref().map(|(s, r)| (&**s, r.0)), expected, "{path}");
        }
    }

    #[test]
    fn no_path_leads_up() {
        for (path, expected) in [
            ("", Some("")),
            ("/", Some("")),
            ("/a//b/", Some("a/b")),
            ("/a%20b/%C3%A4", Some("a b/ä")),
            ("/...", Some("...")),
            ("/..", None),
            ("/a/%2e%2E/b", None),
            ("/./a", None),
            ("/a%2fb", None),
            ("/a%00", None),
        ] {
            assert_eq!(Rest::of(path).file(), expected.map(PathBuf::from), "{path}");
        }
    }
}
