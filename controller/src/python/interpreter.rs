//! Which Python runs what is Python in a node.

use crate::guest::find as find_executable;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Names of virtual environments, in the node directory and in the one above it.
const ENVIRONMENTS: [&str; 3] = [".venv", "venv", "env"];

/// The interpreter: what the options say, that of a virtual environment of the node, that of the active one, or one in
/// PATH.
///
/// # Errors
/// When there is none; the reason says where it was looked for, and what helps.
pub(super) fn find(wanted: Option<&str>, base: &Path) -> Result<String, String> {
    let (virtual_env, path) = (std::env::var_os("VIRTUAL_ENV"), std::env::var_os("PATH"));
    choose(wanted, base, virtual_env.as_deref(), path.as_deref())
}

fn choose(
    wanted: Option<&str>,
    base: &Path,
    virtual_env: Option<&OsStr>,
    path: Option<&OsStr>,
) -> Result<String, String> {
    if let Some(wanted) = wanted {
        return find_executable(wanted, base, path).map(text).map_err(|reason| format!("python: {reason}"));
    }
    let above = base.parent().unwrap_or(base);
    let nodes = [base, above].into_iter().flat_map(|directory| {
        ENVIRONMENTS.iter().map(|name| directory.join(name)).filter(|env| env.join("pyvenv.cfg").is_file())
    });
    let environments = nodes.chain(virtual_env.map(PathBuf::from));
    for environment in environments {
        if let Ok(found) = find_executable("bin/python", &environment, None) {
            return Ok(text(found));
        }
    }
    // The working directory is no place to look in, but for a name with a slash.
    let nowhere = Path::new("/nonexistent");
    for name in ["python3", "python"] {
        if let Ok(found) = find_executable(name, nowhere, path) {
            return Ok(text(found));
        }
    }
    Err(format!(
        "there is no Python: no virtual environment ({}) in {} or {}, none in VIRTUAL_ENV, and no python3 in PATH; \
         make one by `python3 -m venv {}` and install autobahn[twisted] into it, or name an interpreter as \
         options.python",
        ENVIRONMENTS.join(", "),
        base.display(),
        above.display(),
        above.join(ENVIRONMENTS[0]).display()
    ))
}

fn text(path: PathBuf) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs::{Permissions, create_dir_all, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    fn program(path: &Path) -> String {
        create_dir_all(path.parent().unwrap()).unwrap();
        write(path, "").unwrap();
        set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        text(path.into())
    }

    #[test]
    fn the_nearest_interpreter_is_taken() {
        let temp = TempDir::new();
        let base = temp.path().join("app/.crossbar");
        let (active, bin) = (temp.path().join("active"), temp.path().join("bin"));
        create_dir_all(&base).unwrap();
        let find = |wanted| choose(wanted, &base, Some(active.as_os_str()), Some(bin.as_os_str()));
        let none = find(None).unwrap_err();
        assert!(none.contains("python3 -m venv") && none.contains("options.python"), "{none}");
        let in_path = program(&bin.join("python3"));
        assert_eq!(find(None), Ok(in_path.clone()));
        let active = program(&active.join("bin/python"));
        assert_eq!(find(None), Ok(active));
        let above = temp.path().join("app/venv");
        let of_node = program(&above.join("bin/python"));
        assert_ne!(find(None), Ok(of_node.clone()), "a directory that is no virtual environment");
        write(above.join("pyvenv.cfg"), "").unwrap();
        assert_eq!(find(None), Ok(of_node));
        let own = program(&base.join("env/bin/python"));
        write(base.join("env/pyvenv.cfg"), "").unwrap();
        assert_eq!(find(None), Ok(own));
        assert_eq!(find(Some("python3")), Ok(in_path));
        assert!(find(Some("python9")).unwrap_err().contains("\"python9\""));
    }
}
