//! The reference in docs/configuration.md is what the declarations say, and says what is not built yet.
//!
//! Its tables stand between two marks and are made from the schema, in which every attribute carries its meaning,
//! what it accepts and its default. `JACKFIELD_UPDATE_DOCS=1 cargo test -p jackfield-shared --test reference` writes
//! them anew after a declaration was changed.

#![allow(clippy::unwrap_used)] // What a test cannot do without, it may ask for.

mod not_built;
mod tables;

use std::path::Path;

const BEGIN: &str = "<!-- Below: made from the declarations, see shared/tests/reference/main.rs. -->\n";

#[test]
fn tables_are_what_the_declarations_say() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = std::fs::read_to_string(&file).unwrap();
    let (prose, found) = text.split_once(BEGIN).expect("the mark behind which the tables stand");
    let made = tables::markdown();
    if std::env::var_os("JACKFIELD_UPDATE_DOCS").is_some() {
        std::fs::write(&file, format!("{prose}{BEGIN}{made}")).unwrap();
    } else {
        assert!(
            found == made,
            "docs/configuration.md is not what the declarations say; write it anew with\n  \
             JACKFIELD_UPDATE_DOCS=1 cargo test -p jackfield-shared --test reference"
        );
    }
}
