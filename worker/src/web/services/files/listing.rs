//! The page that shows what is in a directory.

use super::open::{Kind, Opened, open_now};
use super::root::Root;
use crate::web::engine::pages::{Escaped, page};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use rustix::fs::{Dir, ResolveFlags};
use std::ffi::OsString;
use std::fmt::Write;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Entries shown at most: a page of more helps nobody.
const MOST: usize = 10_000;
/// What may stand in one segment of a path as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A line of the page.
pub(super) struct Entry {
    name: OsString,
    kind: Kind,
    size: u64,
    modified: SystemTime,
}

/// What is in `path` below `root` and can be served: directories first, then by name.
pub(super) async fn read(root: &Arc<Root>, path: &Path) -> io::Result<Vec<Entry>> {
    let (root, path) = (Arc::clone(root), path.to_owned());
    let reading = move || {
        let opened = open_now(&root, &path, ResolveFlags::empty())?;
        let mut entries = Vec::new();
        for entry in Dir::read_from(opened.fd)? {
            let name = OsString::from_vec(entry?.file_name().to_bytes().to_vec());
            if name == "." || name == ".." {
                continue;
            }
            // Links that lead out, devices and what has just gone are not there for anybody.
            let Ok(Opened { kind, size, modified, .. }) =
                open_now(&root, &path.join(&name), ResolveFlags::empty())
            else {
                continue;
            };
            entries.push(Entry { name, kind, size, modified });
            if entries.len() == MOST {
                break;
            }
        }
        entries.sort_by(|a, b| (a.kind == Kind::File, &a.name).cmp(&(b.kind == Kind::File, &b.name)));
        Ok(entries)
    };
    tokio::task::spawn_blocking(reading).await.map_err(io::Error::other)?
}

/// The page. `path` is the one of the request; at the root there is no way up.
pub(super) fn page_of(path: &str, root: bool, entries: &[Entry]) -> String {
    let path = percent_decode_str(path).decode_utf8_lossy();
    let mut rows = String::new();
    if !root {
        rows.push_str("<tr><td class=\"address\"><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    for entry in entries {
        let slash = if entry.kind == Kind::Directory { "/" } else { "" };
        let size = if entry.kind == Kind::File { entry.size.to_string() } else { String::new() };
        // The point keeps a name like `a:b` from being read as a scheme. Writing to a String can't fail.
        let _ = writeln!(
            rows,
            "<tr><td class=\"address\"><a href=\"./{}{slash}\">{}{slash}</a></td>\
             <td class=\"number\" data-label=\"bytes\">{size}</td>\
             <td class=\"number\" data-label=\"changed\">{}</td></tr>",
            percent_encode(entry.name.as_bytes(), SEGMENT),
            Escaped(entry.name.to_string_lossy()),
            httpdate::fmt_http_date(entry.modified),
        );
    }
    let body = format!(
        "<main>\n<h1>{}</h1>\n<p class=\"quiet\">{} entries</p>\n<div class=\"panel\"><table>\n\
         <thead><tr><th>name</th><th class=\"number\">bytes</th><th class=\"number\">changed</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n</main>\n",
        Escaped(&path),
        entries.len(),
    );
    page(&path, "", &body)
}
