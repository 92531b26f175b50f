//! The files that an `include` names: one, those of a directory, or those that a pattern fits.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::super::source::Format;

/// Most entries of directories that are looked at for one pattern.
const MOST: usize = 20_000;

/// The files that `path` names, in the order of their names.
///
/// A directory means all files in it, and `*` and `?` in a name stand for any characters and for one. Both pass over names that
/// begin with a point, and those that don't end in .json, .yaml or .yml, such as an editor's copies; they may mean no file at all.
///
/// # Errors
/// Why it can't be said.
pub fn matching_files(path: &Path) -> Result<Vec<PathBuf>, String> {
    let mut left = MOST;
    if !is_pattern(path) {
        return match path.metadata() {
            Ok(found) if found.is_dir() => files_of(path, "*", &mut left),
            Ok(_) => Ok(vec![path.to_owned()]),
            Err(e) => Err(format!("{} cannot be read: {e}", path.display())),
        };
    }
    let mut found = vec![PathBuf::new()];
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        let name = part.as_os_str();
        let pattern = match part {
            Component::Normal(name) => name.to_str().filter(|name| has_wildcard(name)),
            _ => None,
        };
        let Some(pattern) = pattern else {
            found.iter_mut().for_each(|path| path.push(name));
            continue;
        };
        let mut next = Vec::new();
        for directory in found {
            match parts.peek() {
                None => next.extend(files_of(&directory, pattern, &mut left)?),
                Some(_) => next.extend(
                    entries(&directory, pattern, &mut left)?.into_iter().filter(|path| path.is_dir()),
                ),
            }
        }
        found = next;
    }
    found.retain(|path| path.is_file());
    Ok(found)
}

fn files_of(directory: &Path, pattern: &str, left: &mut usize) -> Result<Vec<PathBuf>, String> {
    let is_configuration =
        |path: &PathBuf| path.to_str().is_some_and(|name| Format::of_file(name).is_some()) && path.is_file();
    Ok(entries(directory, pattern, left)?.into_iter().filter(is_configuration).collect())
}

/// The entries of a directory that fit, in the order of their names; none where there is no such directory.
fn entries(directory: &Path, pattern: &str, left: &mut usize) -> Result<Vec<PathBuf>, String> {
    let failed = |e: std::io::Error| format!("{} cannot be read: {e}", directory.display());
    let all = match fs::read_dir(directory) {
        Ok(all) => all,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(e) => return Err(failed(e)),
    };
    let mut fitting = Vec::new();
    for entry in all {
        let name = entry.map_err(failed)?.file_name();
        *left = left.checked_sub(1).ok_or_else(|| {
            format!("{} has more than the {MOST} files that are looked at", directory.display())
        })?;
        if name.to_str().is_some_and(|name| fits(pattern, name)) {
            fitting.push(directory.join(name));
        }
    }
    fitting.sort();
    Ok(fitting)
}

fn has_wildcard(name: &str) -> bool {
    name.contains(['*', '?'])
}

/// Whether some part of `path` has wildcards.
fn is_pattern(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str().to_str().is_some_and(has_wildcard))
}

/// Whether `name` fits `pattern`, in which `*` is any characters and `?` is one.
fn fits(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and what it has taken so far.
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = name.get(n) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                p += 1;
                n += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, n) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|left| *left == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, fit) in [
            ("*", "a.yaml", true),
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yaml~", false),
            ("*", ".hidden.yaml", false),
            (".*", ".hidden.yaml", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b*c", "xxaybzbqc", true),
            ("*a*b", "aabbc", false),
            ("?*", "é", true),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }
}
