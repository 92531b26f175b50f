//! Files that come with a Python package: found where its interpreter would look for the package, without running it.

use super::interpreter;
use std::fs::read_dir;
use std::path::{Path, PathBuf};

/// The directory `resource` of `package`.
///
/// # Errors
/// When there is no interpreter, no such package, or no such directory in it.
pub(super) fn resource(
    (package, resource): (&str, &str),
    (python, python_path): (Option<&str>, &[PathBuf]),
    base: &Path,
) -> Result<PathBuf, String> {
    let python = interpreter::find(python, base)?;
    let places: Vec<_> = python_path.iter().cloned().chain(of_interpreter(Path::new(&python))).collect();
    let inside = package.replace('.', "/");
    let Some(found) = places.iter().map(|place| place.join(&inside)).find(|path| path.is_dir()) else {
        let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        let top = package.split('.').next().unwrap_or_default();
        return Err(format!(
            "there is no Python package \"{package}\" in {}; {python} -m pip install {top}",
            places.join(", ")
        ));
    };
    let directory = found.join(resource);
    if directory.is_dir() {
        return Ok(directory);
    }
    Err(format!("the Python package \"{package}\" has no directory \"{resource}\" ({})", found.display()))
}

/// Where an interpreter has its packages: beside it, or, if it is the system's, where Debian puts them, too.
fn of_interpreter(python: &Path) -> Vec<PathBuf> {
    let prefix = python.parent().and_then(Path::parent).unwrap_or(python);
    let mut places = Vec::new();
    for prefix in [prefix, Path::new("/usr/local"), Path::new("/usr")] {
        let versions = read_dir(prefix.join("lib")).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_python = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3"))
        };
        let mut versions: Vec<_> = versions.filter(is_python).collect();
        versions.sort();
        places.extend(
            versions
                .iter()
                .flat_map(|version| ["site-packages", "dist-packages"].map(|name| version.join(name))),
        );
        if prefix.join("pyvenv.cfg").is_file() {
            break;
        }
    }
    places.retain(|place| place.is_dir());
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs::{Permissions, create_dir_all, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_resource_is_found_in_the_environment_and_in_the_path_of_modules() {
        let temp = TempDir::new();
        let python = temp.path().join(".venv/bin/python");
        create_dir_all(python.parent().unwrap()).unwrap();
        write(&python, "").unwrap();
        set_permissions(&python, Permissions::from_mode(0o755)).unwrap();
        write(temp.path().join(".venv/pyvenv.cfg"), "").unwrap();
        let installed = temp.path().join(".venv/lib/python3.11/site-packages/site/pages");
        let own = temp.path().join("app/of/mine/web");
        create_dir_all(&installed).unwrap();
        create_dir_all(&own).unwrap();
        let find = |package, name| resource((package, name), (None, &[temp.path().join("app")]), temp.path());
        assert_eq!(find("site", "pages"), Ok(installed));
        assert_eq!(find("of.mine", "web"), Ok(own));
        assert!(find("site", "no").unwrap_err().contains("has no directory \"no\""));
        assert!(find("nosuch.part", "web").unwrap_err().contains("pip install nosuch"));
    }
}
