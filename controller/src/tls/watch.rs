//! Watching the files: looked at once a second, through symbolic links, which sees a renewal however it is done (in
//! place, by renaming, by moving a link), on every file system.

use super::Store;
use jackfield_shared::tls::{Files, Remark};
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

/// How often the files are looked at; what has changed is read when it has not changed since the look before.
const INTERVAL: Duration = Duration::from_secs(1);

/// What has become of the files.
#[derive(Debug)]
pub(crate) struct News {
    /// What is to be used now.
    pub files: Files,
    /// Which files of these are new.
    pub renewed: BTreeSet<PathBuf>,
    /// Why others are not used.
    pub obstacles: Vec<Remark>,
}

/// What tells whether a file is the same as before: device, inode, size, time of change.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// Watches for ever, and sends news when there are any.
pub(crate) async fn watch(mut store: Store, news: impl AsyncFn(News) -> bool) {
    let paths = store.paths();
    if paths.is_empty() {
        return;
    }
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Nothing was read yet: the first look finds what has changed since the start.
    let (mut seen, mut read) = (None, None);
    loop {
        ticks.tick().await;
        let looked_at = paths.clone();
        let Ok(stamps) = spawn_blocking(move || stamps(&looked_at)).await else { return };
        let is_still = seen.replace(stamps.clone()).is_some_and(|before| before == stamps);
        if !is_still || read.as_ref() == Some(&stamps) {
            continue;
        }
        let renewing = spawn_blocking(move || {
            let renewed = store.renew();
            (store, renewed)
        });
        let Ok((back, (renewed, obstacles))) = renewing.await else { return };
        store = back;
        read = Some(stamps);
        if (!renewed.is_empty() || !obstacles.is_empty())
            && !news(News { files: store.files.clone(), renewed, obstacles }).await
        {
            return;
        }
    }
}

fn stamps(paths: &BTreeSet<PathBuf>) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let metadata = path.metadata().ok()?;
        Some((metadata.dev(), metadata.ino(), metadata.size(), metadata.ctime(), metadata.ctime_nsec()))
    };
    paths.iter().map(stamp).collect()
}
