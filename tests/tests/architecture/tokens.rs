//! What a module declares and which names it uses, read from its tokens.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Path = Vec<String>;

/// What stands in a module.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What it declares, but for modules.
    pub(crate) items: BTreeSet<String>,
    /// The names that its `use` declarations bring.
    pub(crate) uses: BTreeMap<String, Use>,
    /// Modules all of whose names it uses.
    pub(crate) globs: Vec<Path>,
    /// Paths in its code; also single names, which may be anything.
    pub(crate) paths: BTreeSet<Path>,
    /// Modules that stand in the same file.
    pub(crate) modules: Vec<(String, Found)>,
}

/// A name that another module declares.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) path: Path,
    /// Whether others can use the name by this module (`pub use`).
    pub(crate) passed_on: bool,
}

/// Reads a module's tokens; what is `#[cfg(test)]` is passed over.
pub(crate) fn scan(tokens: TokenStream) -> Found {
    let mut found = Found::default();
    read(tokens, true, &mut found);
    found
}

/// `is_top`: whether these are declarations of the module, rather than code in one of them.
fn read(tokens: TokenStream, is_top: bool, found: &mut Found) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let (mut at, mut for_tests, mut is_public) = (0, false, false);
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket && is_for_tests(group) => {
                for_tests = true;
            }
            TokenTree::Group(group) if for_tests && group.delimiter() == Delimiter::Brace => {
                for_tests = false;
            }
            TokenTree::Punct(mark) if mark.as_char() == ';' => (for_tests, is_public) = (false, false),
            _ if for_tests => {}
            TokenTree::Group(group) => {
                let is_macro = at >= 1 && is_mark(tokens.get(at - 1), '!')
                    || at >= 2 && is_mark(tokens.get(at - 2), '!');
                read(group.stream(), is_top && is_macro, found);
                if group.delimiter() == Delimiter::Brace {
                    is_public = false;
                }
            }
            TokenTree::Ident(word) if word == "pub" => is_public = true,
            TokenTree::Ident(word) if word == "use" => {
                let end = tokens[at..].iter().position(|token| is_mark(Some(token), ';'));
                let end = end.map_or(tokens.len(), |end| at + end);
                used(&tokens[at + 1..end], &[], is_public, found);
                at = end - 1;
            }
            TokenTree::Ident(word) if word == "mod" => {
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    found.modules.push((name.to_string(), scan(body.stream())));
                    at += 2;
                } else {
                    at += 1;
                }
            }
            TokenTree::Ident(word) if declares(&word.to_string()) && is_name(&tokens, at) => {
                if is_top {
                    let name = tokens[at + 1..].iter().find_map(name_of).expect("a declaration has a name");
                    found.items.insert(name);
                }
                at += 1;
            }
            TokenTree::Ident(_) if !goes_on(&tokens, at) => {
                let (path, taken) = path(&tokens[at..]);
                found.paths.insert(path);
                at += taken - 1;
            }
            _ => {}
        }
        at += 1;
    }
}

fn is_for_tests(group: &proc_macro2::Group) -> bool {
    group.stream().to_string().replace(' ', "") == "cfg(test)"
}

/// Whether a word is followed by the name of what it declares.
fn declares(word: &str) -> bool {
    matches!(word, "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static" | "macro_rules")
}

fn is_name(tokens: &[TokenTree], at: usize) -> bool {
    match tokens.get(at + 1) {
        Some(TokenTree::Ident(next)) => !declares(&next.to_string()) && next != "unsafe" && next != "async",
        next => is_mark(next, '!') && matches!(&tokens[at], TokenTree::Ident(word) if word == "macro_rules"),
    }
}

fn name_of(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(name) if name != "mut" => Some(name.to_string()),
        _ => None,
    }
}

/// Reads what stands behind `use`: paths, braces, other names, `*`.
fn used(tokens: &[TokenTree], before: &[String], passed_on: bool, found: &mut Found) {
    let mut path = before.to_vec();
    let mut at = 0;
    let mut name = None;
    while let Some(token) = tokens.get(at) {
        match token {
            TokenTree::Ident(word) if word == "as" => {
                name = tokens.get(at + 1).map(ToString::to_string);
                break;
            }
            TokenTree::Ident(word) if word == "self" && !path.is_empty() => {}
            TokenTree::Ident(word) => path.push(word.to_string()),
            TokenTree::Group(group) => {
                let within: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in within.split(|token| is_mark(Some(token), ',')) {
                    if !branch.is_empty() {
                        used(branch, &path, passed_on, found);
                    }
                }
                return;
            }
            TokenTree::Punct(mark) if mark.as_char() == '*' => {
                found.globs.push(path);
                return;
            }
            _ => {}
        }
        at += 1;
    }
    let Some(name) = name.or_else(|| path.last().cloned()) else { return };
    found.uses.insert(name, Use { path, passed_on });
}

/// Whether this name goes on a path, a field or a method: `<T>::name`, `a.name`.
fn goes_on(tokens: &[TokenTree], at: usize) -> bool {
    let before = |by: usize| at.checked_sub(by).and_then(|before| tokens.get(before));
    (is_mark(before(1), ':') && is_mark(before(2), ':'))
        || is_mark(before(1), '\'')
        || (is_mark(before(1), '.') && !is_mark(before(2), '.'))
}

fn is_mark(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == sign)
}

/// Reads `a::b::c`; how many tokens that were.
fn path(tokens: &[TokenTree]) -> (Path, usize) {
    let mut path = Vec::new();
    let mut at = 0;
    while let Some(TokenTree::Ident(name)) = tokens.get(at) {
        path.push(name.to_string());
        at += 1;
        if !(is_mark(tokens.get(at), ':') && is_mark(tokens.get(at + 1), ':')) {
            return (path, at);
        }
        at += 2;
    }
    (path, at)
}

#[test]
fn declarations_imports_and_paths_are_told_apart() {
    let text = r#"
        use crate::net::{self, stream::{Peer, Stream}, tls as other};
        pub(crate) use super::all::*;
        pub use inner::A;
        #[cfg(test)]
        mod tests { use crate::unseen::X; }
        mod inner { use super::super::drain::Drain; fn f() { crate::log::say!("crate::not::this") } }
        // crate::nor::this
        pub(in crate::web) fn g<'a>() -> <A as B>::C { select! { x = crate::front::go() => { y.z() } } }
        #[cfg(test)]
        use crate::unseen::Y;
        object! { pub struct Options { size: u64 = 0 } }
        pub(crate) const LIMIT: usize = 1;
        macro_rules! say { () => { $crate::h::i() } }
    "#;
    let found = scan(text.parse().unwrap());
    let uses: Vec<_> = found
        .uses
        .iter()
        .map(|(name, found)| (name.as_str(), found.path.join("::"), found.passed_on))
        .collect();
    let plain = |name, path: &str| (name, path.to_owned(), false);
    assert_eq!(
        uses,
        [
            ("A", "inner::A".to_owned(), true),
            plain("Peer", "crate::net::stream::Peer"),
            plain("Stream", "crate::net::stream::Stream"),
            plain("net", "crate::net"),
            plain("other", "crate::net::tls"),
        ]
    );
    assert_eq!(found.globs, [["super", "all"]]);
    assert_eq!(found.items.iter().collect::<Vec<_>>(), ["LIMIT", "Options", "g", "say"]);
    assert_eq!(found.modules.len(), 1);
    assert_eq!(found.modules[0].1.uses["Drain"].path, ["super", "super", "drain", "Drain"]);
    let long: Vec<_> = found.paths.iter().filter(|path| path.len() > 1).map(|path| path.join("::")).collect();
    assert_eq!(long, ["crate::front::go", "crate::h::i", "crate::web"]);
}
