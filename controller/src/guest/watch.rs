//! Files whose changes restart a guest. They are looked at again and again: that works on every file system.
//! (By `notify` they would have to be as well, where inotify(7) sees nothing: network file systems, or no watches left.)

use jackfield_shared::config::Watch;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(100);
/// Most files that are looked at.
const MOST_FILES: usize = 100_000;

/// What a file is known by: inode, size, seconds and nanoseconds of its last change.
type Stamp = (u64, u64, i64, i64);
type Look = BTreeMap<PathBuf, Stamp>;

/// Calls `changed` with a file that was changed, made or removed, when the files have stopped changing; ends
/// when that returns false.
pub(crate) async fn watch(what: Watch, mut changed: impl AsyncFnMut(PathBuf) -> bool) {
    let mut before = look(&what).await;
    loop {
        sleep(what.timeout.max(SHORTEST)).await;
        let now = look(&what).await;
        let Some(file) = difference(&before, &now) else { continue };
        let mut last = now;
        loop {
            sleep(SHORTEST).await;
            let now = look(&what).await;
            let is_still = now == last;
            last = now;
            if is_still {
                break;
            }
        }
        before = last;
        if !changed(file).await {
            return;
        }
    }
}

async fn look(what: &Watch) -> Look {
    let directories = what.directories.clone();
    let look = move || {
        let mut found = Look::new();
        for directory in &directories {
            look_into(directory, &mut found);
        }
        found
    };
    spawn_blocking(look).await.unwrap_or_default()
}

/// Symbolic links to directories are not followed: they could lead in circles.
fn look_into(directory: &Path, found: &mut Look) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if found.len() >= MOST_FILES {
            return;
        }
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => look_into(&entry.path(), found),
            _ => {
                if let Ok(file) = fs::metadata(entry.path()) {
                    let stamp = (file.ino(), file.size(), file.mtime(), file.mtime_nsec());
                    found.insert(entry.path(), stamp);
                }
            }
        }
    }
}

/// A file that is in only one of the looks, or not the same.
fn difference(before: &Look, now: &Look) -> Option<PathBuf> {
    let changed = now.iter().find(|(path, stamp)| before.get(*path) != Some(stamp));
    let gone = || before.iter().find(|(path, _)| !now.contains_key(*path));
    changed.or_else(gone).map(|(path, _)| path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;

    #[tokio::test]
    async fn what_is_changed_made_or_removed_is_named() {
        let temp = TempDir::new();
        fs::create_dir(temp.path().join("sub")).unwrap();
        fs::write(temp.path().join("sub/a"), "1").unwrap();
        let what =
            Watch { directories: vec![temp.path().into(), "/missing".into()], timeout: Duration::ZERO };
        let one = look(&what).await;
        assert_eq!(difference(&one, &look(&what).await), None);
        fs::write(temp.path().join("sub/a"), "22").unwrap();
        let two = look(&what).await;
        assert_eq!(difference(&one, &two), Some(temp.path().join("sub/a")));
        fs::remove_file(temp.path().join("sub/a")).unwrap();
        fs::write(temp.path().join("b"), "").unwrap();
        let three = look(&what).await;
        assert_eq!(difference(&two, &three), Some(temp.path().join("b")));
        fs::remove_file(temp.path().join("b")).unwrap();
        assert_eq!(difference(&three, &look(&what).await), Some(temp.path().join("b")));
    }
}
