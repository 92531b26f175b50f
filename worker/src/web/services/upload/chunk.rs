//! What a client says of the chunk that it sends, or asks for.

use hyper::StatusCode;
use jackfield_shared::config::{FormFields, UploadOptions};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::path::Path;

/// The longest name of a file, in bytes: what file systems take, less what is put before it for a moment.
const LONGEST_NAME: usize = 200;

/// Chunks of a file: each is a file of its own for a while.
const MOST_CHUNKS: u64 = 100_000;

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The file's name, which is one in a directory and nothing else.
    pub(super) file: String,
    /// The file's bytes.
    pub(super) total: u64,
    /// From 0 on.
    pub(super) index: u64,
    /// How many there are.
    pub(super) count: u64,
    /// Bytes of each but the last.
    pub(super) size: u64,
    /// The name of the upload, the same for all of its chunks.
    pub(super) upload: String,
}

impl Chunk {
    /// Bytes before chunk `index`.
    pub(super) const fn start_of(&self, index: u64) -> u64 {
        index * self.size
    }

    /// Bytes in chunk `index`. The last one has what is left, which may be more or less than the others have.
    pub(super) const fn length_of(&self, index: u64) -> u64 {
        if index + 1 == self.count { self.total - self.start_of(index) } else { self.size }
    }

    /// Bytes in it.
    pub(super) const fn length(&self) -> u64 {
        self.length_of(self.index)
    }

    /// Reads what the fields say, or says, with a status, why it is not taken.
    pub(super) fn of(
        fields: &HashMap<String, String>,
        names: &FormFields,
        options: &UploadOptions,
    ) -> Result<Self, (StatusCode, String)> {
        let bad = |text: String| (StatusCode::BAD_REQUEST, text);
        let text = |name: &str| {
            fields
                .get(name)
                .ok_or_else(|| bad(format!("The field \"{name}\" is missing before the content.")))
        };
        let number = |name: &str| {
            let value = text(name)?;
            value.parse::<u64>().map_err(|_| bad(format!("The field \"{name}\" is no number.")))
        };
        let file = text(&names.file_name)?.clone();
        if !is_name(&file) {
            return Err(bad("The name of the file can't be one here.".into()));
        }
        let (total, size) = (number(&names.total_size)?, number(&names.chunk_size)?);
        let (given, count) = (number(&names.chunk_number)?, number(&names.total_chunks)?);
        if total > options.max_file_size {
            let text = format!("A file may have {} bytes here.", options.max_file_size);
            return Err((StatusCode::PAYLOAD_TOO_LARGE, text));
        }
        if let Some(types) = &options.file_types {
            let extension = Path::new(&file).extension().and_then(|extension| extension.to_str());
            let found = |kind: &&String| {
                extension
                    .is_some_and(|extension| kind.trim_start_matches('.').eq_ignore_ascii_case(extension))
            };
            if !types.iter().any(|kind| found(&kind)) {
                let text = format!("Files have one of these types here: {}.", types.join(" "));
                return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, text));
            }
        }
        let fits = count <= MOST_CHUNKS
            && (1..=count).contains(&given)
            && size > 0
            && (count == 1 || (count - 1).checked_mul(size).is_some_and(|before| before < total));
        if !fits {
            return Err(bad("The numbers and sizes of the chunks don't fit together.".into()));
        }
        let identifier = names.identifier.as_ref().and_then(|name| fields.get(name));
        let upload = name_of(&file, [total, size, count], identifier.map_or("", String::as_str));
        Ok(Self { file, total, index: given - 1, count, size, upload })
    }
}

/// Whether a file may have this name: one that leads nowhere, is seen, and passes no control characters on.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with('.')
        && !name.chars().any(|c| matches!(c, '/' | '\\') || c.is_control())
}

/// A name that only the same file has.
fn name_of(file: &str, numbers: [u64; 3], identifier: &str) -> String {
    let mut hash = Sha256::new();
    for part in [file.as_bytes(), identifier.as_bytes()] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    numbers.iter().for_each(|number| hash.update(number.to_le_bytes()));
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::services::query::query;

    fn names() -> FormFields {
        let name = |name: &str| name.to_owned();
        FormFields {
            file_name: name("n"),
            total_size: name("total"),
            chunk_number: name("c"),
            chunk_size: name("size"),
            total_chunks: name("of"),
            content: name("file"),
            identifier: Some(name("id")),
            on_progress: None,
            session: None,
            chunk_extra: None,
            finish_extra: None,
        }
    }

    fn chunk(text: &str) -> Result<Chunk, (StatusCode, String)> {
        let options = UploadOptions { file_types: Some(vec![".txt".into()]), ..UploadOptions::default() };
        Chunk::of(&query(text), &names(), &options)
    }

    #[test]
    fn the_last_chunk_has_what_is_left() {
        for (text, start, length) in [
            ("n=a.txt&total=10&size=4&of=2&c=1", 0, 4),
            ("n=a.txt&total=10&size=4&of=2&c=2", 4, 6),
            ("n=a.txt&total=10&size=4&of=3&c=3", 8, 2),
            ("n=%C3%A4+b.TXT&total=3&size=4&of=1&c=1", 0, 3),
            ("n=a.txt&total=0&size=4&of=1&c=1", 0, 0),
        ] {
            let chunk = chunk(text).unwrap();
            assert_eq!((chunk.start_of(chunk.index), chunk.length()), (start, length), "{text}");
        }
        assert_eq!(chunk("n=%C3%A4+b.TXT&total=3&size=4&of=1&c=1").unwrap().file, "ä b.TXT");
    }

    #[test]
    fn what_does_not_fit_is_not_taken() {
        for (text, status) in [
            ("total=10&size=4&of=2&c=1", 400),
            ("n=a.txt&total=x&size=4&of=2&c=1", 400),
            ("n=a.txt&total=10&size=4&of=2&c=0", 400),
            ("n=a.txt&total=10&size=4&of=2&c=3", 400),
            ("n=a.txt&total=10&size=0&of=1&c=1", 400),
            ("n=a.txt&total=10&size=5&of=3&c=1", 400),
            ("n=a.txt&total=10&size=9223372036854775807&of=9223372036854775807&c=2", 400),
            ("n=..%2Fa.txt&total=1&size=4&of=1&c=1", 400),
            ("n=..&total=1&size=4&of=1&c=1", 400),
            ("n=.a.txt&total=1&size=4&of=1&c=1", 400),
            ("n=a%5Cb.txt&total=1&size=4&of=1&c=1", 400),
            ("n=a%00.txt&total=1&size=4&of=1&c=1", 400),
            ("n=&total=1&size=4&of=1&c=1", 400),
            ("n=a.exe&total=1&size=4&of=1&c=1", 415),
            ("n=txt&total=1&size=4&of=1&c=1", 415),
            ("n=a.txt&total=10485761&size=4&of=1&c=1", 413),
        ] {
            assert_eq!(chunk(text).unwrap_err().0, status, "{text}");
        }
    }

    #[test]
    fn uploads_are_told_apart_by_all_that_is_known() {
        let name = |text: &str| chunk(text).unwrap().upload;
        let one = name("n=a.txt&total=10&size=4&of=2&c=1");
        assert_eq!(one, name("n=a.txt&total=10&size=4&of=2&c=2"));
        assert_eq!(one.len(), 32);
        for other in [
            "n=b.txt&total=10&size=4&of=2&c=1",
            "n=a.txt&total=9&size=4&of=2&c=1",
            "n=a.txt&total=10&size=4&of=2&c=1&id=x",
        ] {
            assert_ne!(one, name(other), "{other}");
        }
    }
}
