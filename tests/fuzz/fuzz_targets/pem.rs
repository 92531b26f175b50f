//! `cargo fuzz run pem`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jackfield_fuzz::pem(bytes));
