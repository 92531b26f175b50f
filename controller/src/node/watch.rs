//! Watching the files of the configuration.

use super::{Configuration, Origin};
use crate::look::OfFiles;
use jackfield_shared::config::{self, Loaded, matching_files};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

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
}

impl OfFiles for Watched {
    type News = ();

    fn files(&self) -> BTreeSet<PathBuf> {
        let own = config::find(&self.origin.directory, self.origin.file.as_deref());
        let included = self.sources.included.iter().flat_map(|path| {
            let mut files = matching_files(path).unwrap_or_default();
            // What is not there yet may come.
            files.push(path.clone());
            files
        });
        own.into_iter().chain(included).chain(self.sources.read.iter().cloned()).collect()
    }

    /// Tells whether they say something else than before.
    fn read(&mut self) -> Option<()> {
        let Origin { directory, base, file } = &self.origin;
        let variable = |name: &str| std::env::var(name).ok();
        let loaded = match config::find(directory, file.as_deref()) {
            Some(path) => config::load(&path, base, &variable),
            None => config::missing(directory),
        };
        self.sources = Sources::of(&loaded);
        let print = print(&loaded);
        (std::mem::replace(&mut self.print, print) != print).then_some(())
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
