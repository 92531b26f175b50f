//! `cargo fuzz run wamp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jackfield_fuzz::wamp(bytes));
