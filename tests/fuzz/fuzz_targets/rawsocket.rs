//! `cargo fuzz run rawsocket`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jackfield_fuzz::rawsocket(bytes));
