//! Which directory a command works on.

use std::env;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Variables that name the directory, the first that is set and not empty.
const VARIABLES: [&str; 2] = ["JACKFIELD_DIR", "CROSSBAR_DIR"];
/// Directories that are looked for where nothing is said. The first is the one that is made.
const NAMES: [&str; 2] = [".jackfield", ".crossbar"];

/// The name of the runtime directory in it.
pub(crate) const RUN: &str = "run";

/// A node's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directory {
    /// As the user knows it: for messages, and to open files in it.
    pub shown: PathBuf,
    /// Whether somebody has named it, on the command line or in the environment.
    pub is_named: bool,
}

impl Directory {
    /// The directory of `--dir`, or of the environment, or the one that is there; else `./.jackfield`. As
    /// Crossbar.io does, a file stands for the directory it is in.
    pub(crate) fn choose(argument: Option<&Path>) -> Self {
        let from_environment =
            || VARIABLES.iter().filter_map(env::var_os).find(|value| !value.is_empty()).map(PathBuf::from);
        let from_disk = || NAMES.iter().map(PathBuf::from).find(|path| path.is_dir());
        let named = argument.map(PathBuf::from).or_else(from_environment);
        let is_named = named.is_some();
        let path = named.or_else(from_disk).unwrap_or_else(|| NAMES[0].into());
        let shown = if path.is_file() { parent_of(&path) } else { path };
        Self { shown, is_named }
    }

    /// The same for a command to a node that runs: where there is none here, the nearest directory above that has one, on the
    /// same file system, and that nobody but its owner can write, who is the user or root. Says which it is.
    pub(crate) fn of_running(argument: Option<&Path>) -> Self {
        let chosen = Self::choose(argument);
        if chosen.is_named || chosen.shown.is_dir() {
            return chosen;
        }
        let Some(above) = env::current_dir().ok().and_then(|here| Self::above(&here)) else { return chosen };
        let _ = writeln!(anstream::stderr(), "jackfield: the node directory is {}", above.display());
        Self { shown: above, is_named: false }
    }

    fn above(here: &Path) -> Option<PathBuf> {
        let device = here.metadata().ok()?.dev();
        let own = rustix::process::geteuid().as_raw();
        let is_safe = |path: &PathBuf| {
            path.symlink_metadata().is_ok_and(|found| {
                found.is_dir()
                    && found.dev() == device
                    && (found.uid() == own || found.uid() == 0)
                    && found.mode() & 0o022 == 0
            })
        };
        here.ancestors().skip(1).flat_map(|above| NAMES.map(|name| above.join(name))).find(is_safe)
    }

    /// The configuration `file`: relative to where the user is, as shells complete it, if it is there, else to the
    /// directory.
    pub(crate) fn configuration(file: Option<&Path>) -> Option<PathBuf> {
        let file = file?;
        let here = std::path::absolute(file).ok().filter(|here| here.is_file());
        Some(here.unwrap_or_else(|| file.into()))
    }

    /// Whether nobody has named it, and nobody has put anything there: only what a built-in node leaves is there, if that.
    pub(crate) fn is_untouched(&self) -> bool {
        let is_left =
            |name: &std::ffi::OsStr| name == RUN || name.as_encoded_bytes().starts_with(b"node.log");
        let mut entries = std::fs::read_dir(&self.shown).into_iter().flatten().flatten();
        !self.is_named && entries.all(|entry| is_left(&entry.file_name()))
    }

    /// Its absolute path; where it would be, if it is not there.
    pub(crate) fn absolute(&self) -> PathBuf {
        let absolute = std::path::absolute(&self.shown).unwrap_or_else(|_| self.shown.clone());
        absolute.canonicalize().unwrap_or(absolute)
    }

    /// Makes it, if it is not there, and returns it as an absolute path without symbolic links.
    ///
    /// # Errors
    /// When it can't be made or is no directory.
    pub(crate) fn make(&self) -> io::Result<PathBuf> {
        std::fs::create_dir_all(&self.shown)?;
        self.shown.canonicalize()
    }

    /// Its runtime directory.
    pub(crate) fn run(&self) -> PathBuf {
        self.shown.join(RUN)
    }
}

fn parent_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if parent != Path::new("") => parent.into(),
        _ => ".".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;

    #[test]
    fn a_file_stands_for_its_directory() {
        let temp = TempDir::new();
        let file = temp.path().join("config.json");
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(Directory::choose(Some(&file)).shown, temp.path());
        assert_eq!(Directory::choose(Some(temp.path())).shown, temp.path());
        assert_eq!(parent_of(Path::new("config.json")), Path::new("."));
    }

    #[test]
    fn a_directory_above_is_taken_if_nobody_else_can_write_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let temp = TempDir::new();
        let (node, deep) = (temp.path().join(".jackfield"), temp.path().join("a/b"));
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir(&node).unwrap();
        let mode = |bits| std::fs::set_permissions(&node, std::fs::Permissions::from_mode(bits)).unwrap();
        mode(0o755);
        assert_eq!(Directory::above(&deep), Some(node.clone()));
        mode(0o775);
        assert_eq!(Directory::above(&deep), None);
    }

    #[test]
    fn it_is_made_where_it_is_not() {
        let temp = TempDir::new();
        let directory = Directory::choose(Some(&temp.path().join("a/b")));
        assert!(directory.make().unwrap().is_absolute());
        assert!(directory.shown.is_dir());
        assert_eq!(directory.run(), temp.path().join("a/b/run"));
    }
}
