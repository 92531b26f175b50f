//! `cargo fuzz run socks`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jackfield_fuzz::socks(bytes));
