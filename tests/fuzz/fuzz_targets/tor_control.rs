//! `cargo fuzz run tor_control`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jackfield_fuzz::tor_control(bytes));
