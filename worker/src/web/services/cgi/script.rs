//! Which script a request is for.

use crate::web::engine::path::Rest;
use crate::web::services::files::{Kind, Root, open};
use percent_encoding::percent_decode_str;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::Arc;

/// A script, and what of the request's path it is to look at.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// Its file.
    pub(super) file: PathBuf,
    /// The path of the request up to its name, decoded.
    pub(super) name: OsString,
    /// What follows, decoded; empty, or from a slash on.
    pub(super) path_info: OsString,
}

/// Finds the script: the first file on the way that `rest`, the end of `path`, describes below the directory. `None` if
/// there is none, or the way leads out.
///
/// # Errors
/// When the file system doesn't tell.
pub(super) async fn find(root: &Arc<Root>, path: &str, rest: Rest<'_>) -> io::Result<Option<Script>> {
    let Some(whole) = rest.file() else { return Ok(None) };
    let mut way = PathBuf::new();
    let mut left = rest.as_str();
    for name in whole.components() {
        way.push(name);
        let segment = left.trim_start_matches('/');
        left = &segment[segment.find('/').unwrap_or(segment.len())..];
        match open(root, &way).await?.kind {
            Kind::Directory => {}
            Kind::File => {
                let before = &path[..path.len() - left.len()];
                let decoded = |text: &str| OsString::from_vec(percent_decode_str(text).collect());
                let file = root.path().join(&way);
                return Ok(Some(Script { file, name: decoded(before), path_info: decoded(left) }));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[tokio::test]
    async fn the_first_file_on_the_way_is_the_script() {
        let dir = TempDir::new();
        let root = dir.path().join("cgi");
        fs::create_dir_all(root.join("sub dir")).unwrap();
        for file in ["a", "sub dir/b"] {
            fs::write(root.join(file), "").unwrap();
        }
        fs::write(dir.path().join("secret"), "").unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink("a", root.join("link")).unwrap();
        let served = Arc::new(Root::new(root.clone()));
        for (rest, expected) in [
            ("/a", Some(("a", "/bin/a", ""))),
            ("//a/", Some(("a", "/bin//a", "/"))),
            ("/a/x%20y/z", Some(("a", "/bin/a", "/x y/z"))),
            ("/link", Some(("link", "/bin/link", ""))),
            ("/sub%20dir/b/c", Some(("sub dir/b", "/bin/sub dir/b", "/c"))),
            ("/sub%20dir", None),
            ("/", None),
            ("", None),
            ("/../secret", None),
            ("/a/../a", None),
            ("/%2e%2e/secret", None),
        ] {
            let path = format!("/bin{rest}");
            let found = find(&served, &path, Rest::of(&path[4..])).await.unwrap();
            let expected = expected.map(|(file, name, info)| Script {
                file: root.join(file),
                name: name.into(),
                path_info: info.into(),
            });
            assert_eq!(found, expected, "{rest}");
        }
        for rest in ["/out", "/absent", "/sub%20dir/absent/x"] {
            assert!(find(&served, rest, Rest::of(rest)).await.is_err(), "{rest}");
        }
    }
}
