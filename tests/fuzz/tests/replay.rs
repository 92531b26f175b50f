//! The targets of `cargo fuzz` without it: each is given its corpus, and then changes to it, as many as fit into a test.
//!
//! `JACKFIELD_FUZZ_SEED` and `JACKFIELD_FUZZ_COUNT` choose other changes, and more of them. What a failure prints can be put
//! into the corpus as a file, where it stays.

use jackfield_fuzz::{Random, mutate};
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// Changes to the corpus for each target, unless the environment says more.
const COUNT: u64 = 10_000;
/// The longest input that is tried, in bytes.
const LONGEST: usize = 16 << 10;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

fn run(name: &str, target: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut paths: Vec<_> =
        fs::read_dir(&directory).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let corpus: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).expect("a file")).collect();
    assert!(!corpus.is_empty(), "{} is empty", directory.display());
    for (path, bytes) in paths.iter().zip(&corpus) {
        try_one(target, bytes, &path.display().to_string());
    }
    let seed = number("JACKFIELD_FUZZ_SEED").unwrap_or(1);
    let mut random = Random::new(seed);
    for count in 0..number("JACKFIELD_FUZZ_COUNT").unwrap_or(COUNT) {
        let bytes = &corpus[random.below(corpus.len())];
        let mut changed = mutate(bytes, &corpus[random.below(corpus.len())], &mut random);
        changed.truncate(LONGEST);
        try_one(target, &changed, &format!("change {count} of seed {seed}"));
    }
}

fn try_one(target: fn(&[u8]), bytes: &[u8], what: &str) {
    if catch_unwind(|| target(bytes)).is_err() {
        panic!("{what} breaks a promise (see above): printf '{}'", printf(bytes));
    }
}

/// The bytes as printf(1) writes them.
fn printf(bytes: &[u8]) -> String {
    let text = |&byte: &u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b' ' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(text).collect()
}

macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name), jackfield_fuzz::$name);
        })*

        /// `cargo fuzz`, the corpus and these tests have the same targets.
        #[test]
        fn every_target_is_replayed() {
            let here = Path::new(env!("CARGO_MANIFEST_DIR"));
            let mut expected = [$(stringify!($name)),*];
            expected.sort_unstable();
            for directory in ["fuzz_targets", "corpus"] {
                let entries = fs::read_dir(here.join(directory)).expect("a directory");
                let name = |path: std::path::PathBuf| path.file_stem().map(|name| name.to_string_lossy().into_owned());
                let mut found: Vec<_> = entries.filter_map(|entry| name(entry.expect("an entry").path())).collect();
                found.sort_unstable();
                assert_eq!(found, expected, "{directory}");
            }
        }
    };
}

targets! {
    configuration_json configuration_yaml ipc control proxy_protocol socks tor_control websocket rawsocket http form zip pem
    wamp link
}
