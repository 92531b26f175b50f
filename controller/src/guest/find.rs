//! Where a guest's executable is.

use nix::unistd::{AccessFlags, access};
use std::env::split_paths;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The executable of this name as Crossbar.io finds it: in the working directory, then in the directories of
/// PATH.
///
/// # Errors
/// When it is in none of them; the reason names a file that is there but can't be executed.
pub(crate) fn find(executable: &str, workdir: &Path, path: Option<&OsStr>) -> Result<PathBuf, String> {
    let mut useless = None;
    let directories = path.map(|path| split_paths(path).collect::<Vec<_>>()).unwrap_or_default();
    for directory in std::iter::once(workdir.to_owned()).chain(directories) {
        let file = directory.join(executable);
        if file.is_file() {
            if access(&file, AccessFlags::X_OK).is_ok() {
                return Ok(file);
            }
            useless.get_or_insert(file);
        }
    }
    Err(match useless {
        Some(file) => format!("{} can't be executed by this user (see `chmod +x`)", file.display()),
        None => format!("there is no program \"{executable}\" in {} and in PATH", workdir.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_working_directory_comes_before_the_path() {
        let temp = TempDir::new();
        let (work, bin) = (temp.path().join("work"), temp.path().join("bin"));
        for directory in [&work, &bin] {
            create_dir(directory).unwrap();
            write(directory.join("tool"), "").unwrap();
        }
        set_permissions(bin.join("tool"), Permissions::from_mode(0o755)).unwrap();
        let find = |name: &str| find(name, &work, Some(bin.as_os_str()));
        assert_eq!(find("tool"), Ok(bin.join("tool")), "the first one can't be executed");
        set_permissions(work.join("tool"), Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("tool"), Ok(work.join("tool")));
        assert_eq!(find(bin.join("tool").to_str().unwrap()), Ok(bin.join("tool")));
        assert!(find("loot").unwrap_err().contains("no program \"loot\""));
        set_permissions(work.join("tool"), Permissions::from_mode(0o644)).unwrap();
        set_permissions(bin.join("tool"), Permissions::from_mode(0o644)).unwrap();
        // Root may execute what anybody may execute.
        assert!(find("tool").unwrap_err().contains("chmod"));
    }
}
