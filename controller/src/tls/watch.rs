//! Watching the files, so that a renewed certificate is served.

use super::Store;
use crate::look::{self, OfFiles};
use jackfield_shared::tls::{Files, Remark};
use std::collections::BTreeSet;
use std::path::PathBuf;

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

impl OfFiles for Store {
    type News = News;

    fn files(&self) -> BTreeSet<PathBuf> {
        self.paths()
    }

    fn read(&mut self) -> Option<News> {
        let (renewed, obstacles) = self.renew();
        let is_news = !renewed.is_empty() || !obstacles.is_empty();
        is_news.then(|| News { files: self.files.clone(), renewed, obstacles })
    }
}

/// Watches for ever, if there are files, and sends news when there are any.
pub(crate) async fn watch(store: Store, news: impl AsyncFn(News) -> bool) {
    if !store.paths().is_empty() {
        look::watch(store, news).await;
    }
}
