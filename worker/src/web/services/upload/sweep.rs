//! Incomplete files that nobody goes on with are removed.

use super::store::{PART, Store, Upload};
use jackfield_shared::drain::Drain;
use rustix::fs::FlockOperation;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::path::Path;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{info, warn};

/// How often, at most, and at least, it is looked for them.
const RARELY: Duration = Duration::from_secs(3600);
const OFTEN: Duration = Duration::from_secs(1);

/// Removes what has not been changed for `age`, again and again until draining begins.
pub(super) async fn sweep(store: Store, age: Duration, drain: Drain) {
    let period = (age / 4).clamp(OFTEN, RARELY);
    loop {
        let path = store.incomplete.clone();
        match spawn_blocking(move || remove_old(&path, age)).await {
            Ok(Ok(0)) | Err(_) => {}
            Ok(Ok(count)) => {
                info!("{}: {count} incomplete uploads removed", store.incomplete.display());
            }
            Ok(Err(e)) => warn!("{}: can't be searched for old uploads: {e}", store.incomplete.display()),
        }
        tokio::select! {
            () = sleep(period) => {}
            () = drain.begun() => return,
        }
    }
}

/// Removes what is old, and ours; says how many uploads that were.
fn remove_old(directory: &Path, age: Duration) -> std::io::Result<usize> {
    let mut count = 0;
    let is_old =
        |found: &Metadata| found.modified().is_ok_and(|then| then.elapsed().is_ok_and(|past| past > age));
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Another process may be doing the same.
        let Ok(found) = entry.metadata() else { continue };
        if !is_old(&found) {
            continue;
        }
        let path = entry.path();
        if entry.file_name().as_encoded_bytes().starts_with(PART.as_bytes()) {
            let _ = if found.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        } else if found.is_dir()
            && is_upload(&entry.file_name())
            && let Ok(Some(upload)) = Upload::lock(path.clone(), FlockOperation::NonBlockingLockExclusive)
            && fs::metadata(&path).is_ok_and(|found| is_old(&found))
        {
            upload.remove();
            count += 1;
        }
    }
    Ok(count)
}

/// Whether this is what the directory of an upload is called.
fn is_upload(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.len() == 32 && name.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs::File;
    use std::time::SystemTime;

    #[test]
    fn only_what_is_old_and_ours_is_removed() {
        let dir = TempDir::new();
        let old = SystemTime::now() - Duration::from_secs(100);
        let names = ["0".repeat(32), "1".repeat(32), "of-another".into()];
        for name in &names {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("data"), "x").unwrap();
        }
        for name in [".part-old", ".part-new", "file"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        for name in [&names[0], &names[2], ".part-old", "file"] {
            File::open(dir.path().join(name)).unwrap().set_modified(old).unwrap();
        }
        assert_eq!(remove_old(dir.path(), Duration::from_secs(50)).unwrap(), 1);
        let mut left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".part-new", &names[1], "file", "of-another"]);
    }
}
