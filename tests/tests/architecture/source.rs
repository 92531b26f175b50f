//! The sources of a crate, as far as names go: which file uses what another one declares. Modules of tests are left out.

use crate::tokens::{Found, Path, scan};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path;

/// The modules of a crate, by their paths.
#[derive(Debug, Default)]
pub(crate) struct Crate(BTreeMap<Path, Module>);

#[derive(Debug, Default)]
struct Module {
    file: String,
    found: Found,
    /// What each name means that can be written here: a name may be a module's and another thing's at once.
    scope: BTreeMap<(Space, String), Meaning>,
}

/// Modules are named apart from what is declared in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Space {
    Modules,
    Others,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    Module(Path),
    /// Something that this module declares.
    DeclaredIn(Path),
}

/// A name of one module that another uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Import {
    pub(crate) file: String,
    /// The file or folder at the crate's top that the file belongs to; empty for the crate's root.
    pub(crate) folder: String,
    pub(crate) name: String,
    /// The file that declares the name, whoever passes it on.
    pub(crate) declared_in: String,
    pub(crate) declared_by: String,
}

impl Crate {
    /// Reads all files beneath `src`.
    pub(crate) fn read(src: &path::Path) -> Self {
        let mut this = Self::default();
        this.walk(src, &[], "");
        assert!(!this.0.is_empty(), "{}: no sources", src.display());
        this.resolve();
        this
    }

    /// A crate of these files, by their paths.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut this = Self::default();
        for (file, text) in files {
            let names = file.trim_end_matches(".rs").split('/');
            let module = names.filter(|name| !matches!(*name, "mod" | "lib" | "main")).map(str::to_owned);
            this.add(module.collect(), file, text);
        }
        this.resolve();
        this
    }

    fn walk(&mut self, folder: &path::Path, module: &[String], within: &str) {
        for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap();
            if stem == "tests" || stem == "testing" || stem.ends_with("_tests") {
                continue;
            }
            let file = format!("{within}{}", path.file_name().unwrap().to_str().unwrap());
            let mut module = module.to_vec();
            if !matches!(stem, "mod" | "lib" | "main") {
                module.push(stem.to_owned());
            }
            if path.is_dir() {
                self.walk(&path, &module, &format!("{file}/"));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                self.add(module, &file, &fs::read_to_string(&path).unwrap());
            }
        }
    }

    fn add(&mut self, module: Path, file: &str, text: &str) {
        let tokens = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
        self.keep(module, file, scan(tokens));
    }

    fn keep(&mut self, module: Path, file: &str, mut found: Found) {
        for (name, inner) in std::mem::take(&mut found.modules) {
            self.keep(module.iter().cloned().chain([name]).collect(), file, inner);
        }
        self.0.insert(module, Module { file: file.to_owned(), found, scope: BTreeMap::new() });
    }

    /// Finds out what each name means, whoever passes it on.
    fn resolve(&mut self) {
        let modules: Vec<Path> = self.0.keys().cloned().collect();
        for at in &modules {
            let module = self.0.get_mut(at).expect("a module");
            let items = module.found.items.iter().cloned();
            module.scope =
                items.map(|name| ((Space::Others, name), Meaning::DeclaredIn(at.clone()))).collect();
        }
        for at in &modules {
            let Some((name, parent)) = at.split_last() else { continue };
            if let Some(parent) = self.0.get_mut(parent) {
                parent.scope.insert((Space::Modules, name.clone()), Meaning::Module(at.clone()));
            }
        }
        let mut is_new = true;
        while is_new {
            is_new = false;
            for at in &modules {
                let mut scope = self.0[at].scope.clone();
                for (name, used) in &self.0[at].found.uses {
                    if used.path[..] == [name.clone()] {
                        continue; // a crate
                    }
                    for space in [Space::Modules, Space::Others] {
                        if let Some(meaning) = self.find_in(space, at, &used.path) {
                            scope.insert((space, name.clone()), meaning);
                        }
                    }
                }
                for glob in &self.0[at].found.globs {
                    if let Some(Meaning::Module(all)) = self.find_in(Space::Modules, at, glob) {
                        for (name, meaning) in &self.0[&all].scope {
                            scope.entry(name.clone()).or_insert_with(|| meaning.clone());
                        }
                    }
                }
                let module = self.0.get_mut(at).expect("a module");
                is_new |= scope != module.scope;
                module.scope = scope;
            }
        }
    }

    /// What a path means in a module; nothing if it is of another crate.
    fn find(&self, at: &[String], path: &[String]) -> Option<Meaning> {
        self.find_in(Space::Others, at, path).or_else(|| self.find_in(Space::Modules, at, path))
    }

    /// The same, its last name being of this kind.
    fn find_in(&self, space: Space, at: &[String], path: &[String]) -> Option<Meaning> {
        let mut at = at.to_vec();
        for (index, name) in path.iter().enumerate() {
            match (name.as_str(), index) {
                ("crate", 0) => at.clear(),
                ("self", 0) => {}
                ("super", _) => drop(at.pop()?),
                _ => {
                    let is_last = index + 1 == path.len();
                    let scope = &self.0.get(&at)?.scope;
                    let named = |space| scope.get(&(space, name.clone()));
                    // Behind a type may stand what belongs to it.
                    let meaning = if is_last {
                        named(space)
                    } else {
                        named(Space::Modules).or_else(|| named(Space::Others))
                    };
                    match meaning? {
                        Meaning::Module(module) => at.clone_from(module),
                        Meaning::DeclaredIn(_) if space == Space::Modules => return None,
                        declared => return Some(declared.clone()),
                    }
                }
            }
        }
        (space == Space::Modules).then_some(Meaning::Module(at))
    }

    /// Whether there is a folder, or a file, of this name at the crate's top.
    pub(crate) fn has(&self, module: &str) -> bool {
        self.0.keys().any(|path| path.first().is_some_and(|first| first == module))
    }

    /// Each path that a file names and that nothing in the crate declares.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().flat_map(|(at, module)| {
            let used = module.found.uses.values().map(|found| &found.path);
            let all = module.found.paths.iter().chain(used).chain(&module.found.globs);
            all.filter(|path| self.find(at, path).is_none())
                .map(|path| (module.file.as_str(), path.join("::")))
        })
    }

    /// Each name that a file uses and another one of the crate declares.
    pub(crate) fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (at, module) in &self.0 {
            let private = module.found.uses.values().filter(|found| !found.passed_on);
            for path in module.found.paths.iter().chain(private.map(|found| &found.path)) {
                let Some(Meaning::DeclaredIn(to)) = self.find(at, path) else { continue };
                let declared_in = self.0[&to].file.clone();
                if declared_in != module.file {
                    imports.insert(Import {
                        file: module.file.clone(),
                        folder: at.first().cloned().unwrap_or_default(),
                        name: path.join("::"),
                        declared_in,
                        declared_by: to.first().cloned().unwrap_or_default(),
                    });
                }
            }
        }
        imports
    }
}

#[cfg(test)]
mod tests {
    use super::Crate;

    fn imports(files: &[(&str, &str)]) -> Vec<String> {
        let imports = Crate::of(files).imports();
        imports.iter().map(|i| format!("{} {} {}", i.file, i.name, i.declared_in)).collect()
    }

    #[test]
    fn a_name_belongs_to_the_file_that_declares_it_whoever_passes_it_on() {
        let files = [
            ("lib.rs", "mod web; mod net; pub use net::Stream;"),
            ("net/mod.rs", "mod stream; pub(crate) use stream::Stream; pub(crate) fn bind() {}"),
            ("net/stream.rs", "pub(crate) struct Stream; impl Stream { fn f() { super::bind() } }"),
            (
                "web.rs",
                "use crate::Stream; use crate::net::{self}; fn f() { net::Stream::g(); stream.net() }",
            ),
        ];
        assert_eq!(
            imports(&files),
            [
                "net/stream.rs super::bind net/mod.rs",
                "web.rs crate::Stream net/stream.rs",
                "web.rs net::Stream::g net/stream.rs",
            ]
        );
    }

    #[test]
    fn declaring_a_module_or_passing_its_names_on_is_no_import_but_using_them_is() {
        let child = ("a/b.rs", "pub(crate) fn go() {} pub(crate) struct X;");
        assert_eq!(imports(&[("a/mod.rs", "mod b; pub(crate) use b::{X, go};"), child]), [""; 0]);
        let user = ("a/mod.rs", "mod b; pub(crate) use b::{X as Y, go}; fn f() { go(); let b = 1; }");
        assert_eq!(imports(&[user, child]), ["a/mod.rs go a/b.rs"]);
    }

    #[test]
    fn globs_bring_what_the_module_declares_and_passes_on() {
        let files = [
            ("a.rs", "pub(crate) use crate::c::*; object! { pub struct A {} }"),
            ("b.rs", "use super::a::*; fn f() -> A { C::new(D) }"),
            ("c.rs", "pub(crate) enum C { One }"),
            ("lib.rs", ""),
        ];
        assert_eq!(imports(&files), ["b.rs A a.rs", "b.rs C::new c.rs"]);
    }
}
