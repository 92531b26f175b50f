//! `cargo fuzz run configuration_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jackfield_fuzz::configuration_json(bytes));
