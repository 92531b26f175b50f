//! Watching the files of the configuration: looked at once a second, through symbolic links, which sees a change however it is
//! made (in place, by renaming, by moving a link), on every file system.

use super::{Configuration, Origin};
use jackfield_shared::config::{self, Loaded, matching_files};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

/// How often the files are looked at; what has changed is read when it has not changed since the look before.
const INTERVAL: Duration = Duration::from_secs(1);

/// What tells whether a file is the same as before: device, inode, size, time of change.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// What a configuration is made of.
#[derive(Clone, Debug, Default)]
struct Sources {
    /// Files, directories and patterns that it includes.
    included: Vec<PathBuf>,
    /// Files whose content stands in its strings.
    read: Vec<PathBuf>,
}

/// What is watched.
#[derive(Debug)]
pub(crate) struct Watched {
    origin: Origin,
    sources: Sources,
    /// Tells one configuration from another.
    print: u64,
}

impl Watched {
    /// The files of the configuration that is in effect.
    pub(crate) fn of(configuration: &Configuration, origin: &Origin) -> Self {
        let loaded = &configuration.loaded;
        Self { origin: origin.clone(), sources: Sources::of(loaded), print: print(loaded) }
    }

    /// Reads the files again; returns whether they say something else than before.
    fn has_changed(&mut self) -> bool {
        let Origin { directory, base, file } = &self.origin;
        let variable = |name: &str| std::env::var(name).ok();
        let loaded = match config::find(directory, file.as_deref()) {
            Some(path) => config::load(&path, base, &variable),
            None => config::missing(directory),
        };
        self.sources = Sources::of(&loaded);
        let print = print(&loaded);
        std::mem::replace(&mut self.print, print) != print
    }

    /// How all files are now.
    fn stamps(&self) -> BTreeMap<PathBuf, Stamp> {
        let own = config::find(&self.origin.directory, self.origin.file.as_deref());
        let included = self.sources.included.iter().flat_map(|path| {
            let mut files = matching_files(path).unwrap_or_default();
            // What is not there yet may come.
            files.push(path.clone());
            files
        });
        let all = own.into_iter().chain(included).chain(self.sources.read.iter().cloned());
        all.map(|path| (path.clone(), stamp(&path))).collect()
    }
}

impl Sources {
    fn of(loaded: &Loaded) -> Self {
        let included = loaded.included.paths().map(Path::to_owned).collect();
        Self { included, read: loaded.files_read.iter().cloned().collect() }
    }
}

/// A number that is another one for another configuration, also where only what its references say has changed.
fn print(loaded: &Loaded) -> u64 {
    let mut hasher = DefaultHasher::new();
    loaded.text.hash(&mut hasher);
    loaded.included.texts().for_each(|text| text.hash(&mut hasher));
    let node = loaded.node.as_ref().and_then(|node| serde_json::to_string(node).ok());
    node.hash(&mut hasher);
    hasher.finish()
}

/// Watches for ever, and says each time when something has changed and has stopped changing.
pub(crate) async fn watch(mut watched: Watched, changed: impl AsyncFn() -> bool) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Nothing was looked at yet: the first look finds what has changed since the start.
    let (mut seen, mut read) = (None, None);
    loop {
        ticks.tick().await;
        let is_read = read.take();
        let looking = spawn_blocking(move || {
            let stamps = watched.stamps();
            let is_still = seen.as_ref() == Some(&stamps);
            if !is_still || is_read.as_ref() == Some(&stamps) {
                return (watched, stamps, is_read, false);
            }
            let has_changed = watched.has_changed();
            // It may include others now, which were looked at by nobody.
            let stamps = watched.stamps();
            (watched, stamps.clone(), Some(stamps), has_changed)
        });
        let Ok((back, stamps, was_read, has_changed)) = looking.await else { return };
        (watched, seen, read) = (back, Some(stamps), was_read);
        if has_changed && !changed().await {
            return;
        }
    }
}

fn stamp(path: &Path) -> Stamp {
    let metadata = path.metadata().ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.size(), metadata.ctime(), metadata.ctime_nsec()))
}
