//! What is in a ZIP archive, and where (APPNOTE.TXT of PKWARE).

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;
use zip::{CompressionMethod, ZipArchive};

/// Files in an archive, at most: what is known of each stays in memory.
const MOST: usize = 500_000;

/// How the bytes of a file are in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// As they are.
    Stored,
    /// Compressed (RFC 1951).
    Deflated,
}

/// A file in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) method: Method,
    /// Where its bytes begin in the archive, and where they end.
    pub(super) start: u64,
    pub(super) end: u64,
    /// Bytes that they stand for.
    pub(super) size: u64,
    pub(super) crc: u32,
}

/// The files of an archive by their names, and how many more there are that can't be served: encrypted ones, ones
/// compressed by other methods, links.
///
/// # Errors
/// When it is no archive, or a damaged one.
pub(super) fn read(path: &Path, file: &File) -> Result<(HashMap<String, Member>, usize), String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
    let length = file.metadata().map_err(|e| wrong(&e))?.len();
    let reader = BufReader::new(file.try_clone().map_err(|e| wrong(&e))?);
    let mut archive = ZipArchive::new(reader).map_err(|e| wrong(&e))?;
    if archive.len() > MOST {
        return Err(wrong(&format!("it has {} files, {MOST} are served at most", archive.len())));
    }
    let (mut members, mut others) = (HashMap::new(), 0);
    for number in 0..archive.len() {
        let found = archive.by_index_raw(number).map_err(|e| wrong(&e))?;
        if found.is_dir() {
            continue;
        }
        let method = match found.compression() {
            CompressionMethod::Stored => Some(Method::Stored),
            CompressionMethod::DEFLATE => Some(Method::Deflated),
            _ => None,
        };
        let served = method.filter(|_| !found.encrypted() && !found.is_symlink());
        let (Some(method), Some(start), Ok(name)) = (served, found.data_start(), found.name()) else {
            others += 1;
            continue;
        };
        let end = start.checked_add(found.compressed_size()).filter(|end| *end <= length);
        let Some(end) = end.filter(|end| method == Method::Deflated || end - start == found.size()) else {
            return Err(wrong(&format!("{name:?} in it is longer than the archive, or has two lengths")));
        };
        let member = Member { method, start, end, size: found.size(), crc: found.crc32() };
        members.insert(name.into_owned(), member);
    }
    Ok((members, others))
}

/// Whatever an archive holds: what is found in it lies in it.
pub(crate) fn fuzz(bytes: &[u8]) {
    use rustix::fs::{MemfdFlags, memfd_create};
    let Ok(file) = memfd_create("archive", MemfdFlags::CLOEXEC).map(File::from) else { return };
    if (&file).write_all(bytes).is_err() {
        return;
    }
    let Ok((members, _)) = read(Path::new("archive"), &file) else { return };
    for (name, member) in members {
        assert!(member.start <= member.end && member.end <= bytes.len() as u64, "{name:?}: {member:?}");
    }
}
