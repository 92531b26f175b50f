//! The included files: on the disk, or as they were read once.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::read::{Unreadable, read};
use super::pattern::matching_files;

/// One file that was included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Text {
    /// Its absolute path.
    pub(crate) file: String,
    /// What is in it.
    pub(crate) text: String,
}

/// What one `include` stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    /// The file, the directory or the pattern as an absolute path.
    pub(crate) path: PathBuf,
    /// The files, in the order in which they are included.
    pub(crate) texts: Vec<Text>,
}

/// All that a configuration has included, by the names that are written in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Included(pub(crate) BTreeMap<String, Found>);

impl Included {
    /// What is in the file of this name.
    pub(crate) fn text(&self, file: &str) -> Option<&str> {
        self.texts().find(|(name, _)| *name == file).map(|(_, text)| text)
    }

    /// What is in the files, in the order of their names in the configuration.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let texts = self.0.values().flat_map(|found| &found.texts);
        texts.map(|text| (text.file.as_str(), text.text.as_str()))
    }

    /// The files, directories and patterns, as absolute paths.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.values().map(|found| found.path.as_path())
    }
}

/// Where included files come from.
pub(crate) enum Files<'a> {
    /// They are read now.
    Disk,
    /// They were read before.
    Kept(&'a Included),
}

/// Why nothing is included.
pub(super) enum Missing {
    /// The files can't be found.
    Files(String),
    /// One of them can't be read.
    Text(PathBuf, Unreadable),
}

impl Files<'_> {
    /// The files that `name` stands for, which is written in the configuration and means `path`.
    pub(super) fn find(&self, name: &str, path: &Path) -> Result<Found, Missing> {
        match self {
            Self::Kept(included) => included
                .0
                .get(name)
                .cloned()
                .ok_or_else(|| Missing::Files("files are included by files only".into())),
            Self::Disk => {
                let mut texts = Vec::new();
                for file in matching_files(path).map_err(Missing::Files)? {
                    match read(&file) {
                        Ok(text) => texts.push(Text { file: file.display().to_string(), text }),
                        Err(unreadable) => return Err(Missing::Text(file, unreadable)),
                    }
                }
                Ok(Found { path: path.to_owned(), texts })
            }
        }
    }
}
