//! What the sources must not do, since it would show only when something goes wrong.

use std::path::{Path, PathBuf};

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The Debug text of an error may hold what it is about: the parser of PEM files had the private key in it.
#[test]
fn no_message_holds_the_debug_text_of_an_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for part in ["controller/src", "worker/src", "worker/arti/src", "shared/src"] {
        sources(&root.join(part), &mut files);
    }
    assert!(files.len() > 200, "{} files", files.len());
    let names = ["e", "err", "error", "reason", "why", "cause", "problem", "failure", "other", "alert"];
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // Tests stand last in their files.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate() {
            let has_debug = names.iter().any(|name| line.contains(&format!("{{{name}:?}}")));
            assert!(!has_debug, "{}:{}: {line}", file.display(), number + 1);
        }
    }
}
