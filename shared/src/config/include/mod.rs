//! `include`: a configuration in several files.
//!
//! Files are put in where they are included, in the tree, before anything is decoded: so the rest of the program knows of one
//! document, in which every value knows its file.

mod expand;
mod files;
mod pattern;
mod place;
mod rule;

pub(crate) use expand::expand;
pub(crate) use files::Files;
pub use files::Included;
pub use pattern::matching_files;
pub(crate) use rule::{including, names};
