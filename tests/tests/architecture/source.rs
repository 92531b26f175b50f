//! The sources of a crate, as far as paths in them go. Modules of tests are left out.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The paths that a crate's files name.
#[derive(Debug)]
pub(crate) struct Crate {
    modules: BTreeSet<String>,
    /// Items that the crate's root passes on, and the modules that they are from.
    passed_on: BTreeMap<String, String>,
    /// File, module, path.
    paths: Vec<(String, Vec<String>, Vec<String>)>,
}

impl Crate {
    /// Reads all files beneath `src`.
    pub(crate) fn read(src: &Path) -> Self {
        let mut this = Self { modules: BTreeSet::new(), passed_on: BTreeMap::new(), paths: Vec::new() };
        this.walk(src, &[]);
        assert!(!this.paths.is_empty(), "{}: no sources", src.display());
        for (_, module, path) in &this.paths {
            if module.is_empty() && path.first().is_some_and(|first| this.modules.contains(first)) {
                let last = path.last().expect("a path has parts").clone();
                this.passed_on.insert(last, path[0].clone());
            }
        }
        this
    }

    fn walk(&mut self, folder: &Path, module: &[String]) {
        for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            if name == "tests" || name == "testing" || name.ends_with("_tests") {
                continue;
            }
            let within: Vec<String> = match name.as_str() {
                "mod" | "lib" | "main" => module.to_vec(),
                _ => module.iter().cloned().chain([name]).collect(),
            };
            if path.is_dir() {
                self.modules.extend(within.first().cloned());
                self.walk(&path, &within);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                self.modules.extend(within.first().cloned());
                let text = fs::read_to_string(&path).unwrap();
                let tokens = text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
                let mut name = module.to_vec();
                name.push(path.file_name().unwrap().to_str().unwrap().to_owned());
                scan(tokens, &within, &name.join("/"), &mut self.paths);
            }
        }
    }

    /// Whether there is a folder, or a file, of this name.
    pub(crate) fn has(&self, module: &str) -> bool {
        self.modules.contains(module)
    }

    /// Each path of other crates that a file names.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&str, String)> {
        let others = self.paths.iter().filter(|(_, _, path)| path[0] != "crate" && path[0] != "super");
        others.map(|(file, _, path)| (file.as_str(), path.join("::")))
    }

    /// Each import within the crate: the file, its folder, and the folder that it imports.
    pub(crate) fn imports(&self) -> Vec<(String, String, String)> {
        let mut imports = Vec::new();
        for (file, module, path) in &self.paths {
            let Some(from) = module.first() else { continue };
            let up = path.iter().take_while(|part| *part == "super").count();
            let (base, rest) = match (up, path[0] == "crate") {
                (0, false) => continue,
                (0, true) => (&[][..], &path[1..]),
                (up, _) => (&module[..module.len().saturating_sub(up)], &path[up..]),
            };
            let Some(to) = base.first().or_else(|| rest.first()) else { continue };
            let to = if self.modules.contains(to) { to } else { self.passed_on.get(to).unwrap_or(to) };
            imports.push((file.clone(), from.clone(), to.clone()));
        }
        imports
    }
}

/// Notes each path that begins with a name: `use` trees are taken apart, test modules passed over.
fn scan(
    tokens: TokenStream,
    module: &[String],
    file: &str,
    paths: &mut Vec<(String, Vec<String>, Vec<String>)>,
) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    let mut for_tests = false;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if word == "mod" => {
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    if !for_tests {
                        let within: Vec<_> = module.iter().cloned().chain([name.to_string()]).collect();
                        scan(body.stream(), &within, file, paths);
                    }
                    at += 2;
                }
                for_tests = false;
            }
            TokenTree::Ident(_) if !is_after_path(&tokens, at) => {
                let mut found = Vec::new();
                let taken = tree(&tokens[at..], &[], &mut found);
                let long = found.into_iter().filter(|path| path.len() > 1);
                paths.extend(long.map(|path| (file.to_owned(), module.to_vec(), path)));
                at += taken.max(1) - 1;
            }
            TokenTree::Group(group) => {
                let text = group.stream().to_string().replace(' ', "");
                if group.delimiter() == Delimiter::Bracket && text == "cfg(test)" {
                    for_tests = true;
                } else {
                    scan(group.stream(), module, file, paths);
                }
            }
            TokenTree::Punct(mark) if mark.as_char() == ';' => for_tests = false,
            _ => {}
        }
        at += 1;
    }
}

/// Whether this name goes on a path, as in `<T>::name`.
fn is_after_path(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_colons(&tokens[at - 2..])
}

fn is_colons(tokens: &[TokenTree]) -> bool {
    let colon =
        |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    colon(tokens.first()) && colon(tokens.get(1))
}

/// Reads `a::b::{c, d::e}` from the beginning of the tokens: all paths of it; how many tokens that were.
fn tree(tokens: &[TokenTree], before: &[String], found: &mut Vec<Vec<String>>) -> usize {
    let mut path = before.to_vec();
    let mut at = 0;
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(name)) => path.push(name.to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace && at > 0 => {
                let within: Vec<TokenTree> = group.stream().into_iter().collect();
                let comma =
                    |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ',');
                for branch in within.split(comma).filter(|branch| !branch.is_empty()) {
                    tree(branch, &path, found);
                }
                return at + 1;
            }
            _ => break,
        }
        at += 1;
        if !is_colons(tokens.get(at..).unwrap_or_default()) {
            break;
        }
        at += 2;
    }
    found.push(path);
    at
}

#[test]
fn paths_are_read_from_imports_code_and_macros() {
    let text = r#"
        use crate::net::{self, stream::{Peer, Stream}, tls as other};
        #[cfg(test)]
        mod tests { use crate::unseen::X; }
        mod inner { use super::super::drain::Drain; fn f() { crate::log::say!("crate::not::this") } }
        // crate::nor::this
        pub(in crate::web) fn g() -> <A as B>::C { select! { x = crate::front::go() => {} } }
        #[cfg(test)]
        use crate::counted::Y;
    "#;
    let mut paths = Vec::new();
    scan(text.parse().unwrap(), &["web".into()], "web.rs", &mut paths);
    let paths: Vec<String> = paths
        .into_iter()
        .map(|(_, module, path)| format!("{} {}", module.join("::"), path.join("::")))
        .collect();
    assert_eq!(
        paths,
        [
            "web crate::net::self",
            "web crate::net::stream::Peer",
            "web crate::net::stream::Stream",
            "web crate::net::tls",
            "web::inner super::super::drain::Drain",
            "web::inner crate::log::say",
            "web crate::web",
            "web crate::front::go",
            "web crate::counted::Y",
        ]
    );
}
