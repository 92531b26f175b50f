//! Files that are looked at once a second, through symbolic links, which sees a change however it is made (in place, by
//! renaming, by moving a link), on every file system.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

/// How often the files are looked at; what has changed is read when it has not changed since the look before.
const INTERVAL: Duration = Duration::from_secs(1);

/// What tells whether a file is the same as before: device, inode, size, time of change.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// Something that is made of files.
pub(crate) trait OfFiles: Send + 'static {
    /// What there is to say of files that have changed.
    type News: Send;

    /// The files, and those that are not there and may come.
    fn files(&self) -> BTreeSet<PathBuf>;

    /// Reads them again; nothing: there is nothing to say.
    fn read(&mut self) -> Option<Self::News>;
}

/// Watches for ever, and tells news when there are any.
pub(crate) async fn watch<T: OfFiles>(watched: T, tell: impl AsyncFn(T::News) -> bool) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looks = Looks { watched, seen: None, read: None };
    loop {
        ticks.tick().await;
        let looking = spawn_blocking(move || {
            let news = looks.look();
            (looks, news)
        });
        let Ok((back, news)) = looking.await else { return };
        looks = back;
        if let Some(news) = news
            && !tell(news).await
        {
            return;
        }
    }
}

/// How the files were.
struct Looks<T> {
    watched: T,
    /// At the last look.
    seen: Option<BTreeMap<PathBuf, Stamp>>,
    /// When they were read; never at first, so that what has changed since the start is found.
    read: Option<BTreeMap<PathBuf, Stamp>>,
}

impl<T: OfFiles> Looks<T> {
    fn look(&mut self) -> Option<T::News> {
        let stamps: BTreeMap<_, _> =
            self.watched.files().into_iter().map(|path| (path.clone(), stamp(&path))).collect();
        let is_still = self.seen.as_ref() == Some(&stamps);
        self.seen = Some(stamps);
        if !is_still || self.read == self.seen {
            return None;
        }
        self.read.clone_from(&self.seen);
        self.watched.read()
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = path.metadata().ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.size(), metadata.ctime(), metadata.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;

    /// A file that is written once more while it is read for the first time.
    struct Written {
        path: PathBuf,
        reads: u32,
    }

    impl OfFiles for Written {
        type News = u32;

        fn files(&self) -> BTreeSet<PathBuf> {
            BTreeSet::from([self.path.clone()])
        }

        fn read(&mut self) -> Option<u32> {
            self.reads += 1;
            if self.reads == 1 {
                std::fs::write(&self.path, "longer").unwrap();
            }
            Some(self.reads)
        }
    }

    #[test]
    fn what_changes_while_it_is_read_is_read_again_when_it_has_come_to_rest() {
        let dir = TempDir::new();
        let watched = Written { path: dir.write("file", "x"), reads: 0 };
        let mut looks = Looks { watched, seen: None, read: None };
        let news: Vec<_> = (0..6).map(|_| looks.look()).collect();
        assert_eq!(news, [None, Some(1), None, Some(2), None, None]);
    }
}
