//! How the executable is linked.

use std::env::var;
use std::process::Command;

/// The first version of the GNU C library that reads packed relocations, which an executable says it needs.
const GLIBC: (u32, u32) = (2, 36);

/// Asks the linker to pack relocations: unpacked, each process reads 24 bytes for each pointer in its constant data when it
/// starts, most of a megabyte. A linker that doesn't know the option warns and goes on. Where the C library is not this
/// machine's, nobody can say whether it reads them, and they stay as they are.
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is_for_here = var("TARGET").is_ok() && var("TARGET") == var("HOST");
    if is_for_here
        && var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu")
        && glibc().is_some_and(|it| it >= GLIBC)
    {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of the C library here: `getconf` says `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.strip_prefix("glibc ")?.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
