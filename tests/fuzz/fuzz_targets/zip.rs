//! `cargo fuzz run zip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jackfield_fuzz::zip(bytes));
