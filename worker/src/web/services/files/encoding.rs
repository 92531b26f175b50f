//! Files that lie beside others in compressed form (RFC 9110, section 12.5.3).

use crate::fields::weighted;
use hyper::HeaderMap;
use hyper::header::{ACCEPT_ENCODING, HeaderValue};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The codings there may be a file for, the one that commonly saves most first: name and extension.
const CODINGS: [(&str, &str); 3] = [("br", "br"), ("zstd", "zst"), ("gzip", "gz")];

/// A coding that the client takes, and the file to look for.
pub(super) struct Encoded {
    pub(super) coding: HeaderValue,
    pub(super) path: PathBuf,
}

/// The files to look for in place of `path`, the one the client likes best first.
pub(super) fn candidates(asked: &HeaderMap, path: &Path) -> Vec<Encoded> {
    let mut accepted: Vec<_> = CODINGS
        .into_iter()
        .map(|(coding, extension)| (quality(asked, coding), coding, extension))
        .filter(|(quality, ..)| *quality > 0.0)
        .collect();
    accepted.sort_by(|(a, ..), (b, ..)| b.total_cmp(a));
    let encoded = |(_, coding, extension)| {
        let mut name = OsString::from(path);
        name.push(".");
        name.push(extension);
        Encoded { coding: HeaderValue::from_static(coding), path: name.into() }
    };
    accepted.into_iter().map(encoded).collect()
}

/// Whether the client takes a coding.
pub(in crate::web) fn accepts(asked: &HeaderMap, coding: &str) -> bool {
    quality(asked, coding) > 0.0
}

/// How much the client wants a coding, from 0 to 1; nothing where it says that it would rather have the content as it is.
fn quality(asked: &HeaderMap, wanted: &str) -> f32 {
    let (mut own, mut others, mut plain) = (None, 0.0, 0.0);
    for (coding, weight) in weighted(asked, &ACCEPT_ENCODING) {
        match coding {
            _ if coding.eq_ignore_ascii_case(wanted) => own = own.or(Some(weight)),
            _ if coding.eq_ignore_ascii_case("identity") => plain = weight,
            "*" => others = weight,
            _ => {}
        }
    }
    let quality = own.unwrap_or(others);
    if quality < plain { 0.0 } else { quality }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", "f.br f.zst f.gz"),
            ("gzip;q=1.0, br;q=0.5", "f.gz f.br"),
            ("identity", ""),
            ("gzip;q=0.5, identity", ""),
            ("gzip;q=0.5, br;q=0.4, Identity;q=0.5", "f.gz"),
            ("br, identity;q=0.5, *;q=0.1", "f.br"),
            ("br;q=0, *", "f.zst f.gz"),
            ("*;q=0", ""),
            ("BR", "f.br"),
            ("", ""),
        ] {
            let mut asked = HeaderMap::new();
            asked.insert(ACCEPT_ENCODING, accepted.parse().unwrap());
            let found: Vec<_> =
                candidates(&asked, Path::new("f")).iter().map(|e| e.path.display().to_string()).collect();
            assert_eq!(found.join(" "), expected, "{accepted}");
        }
    }
}
