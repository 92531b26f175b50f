//! `cargo fuzz run ipc`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jackfield_fuzz::ipc(bytes));
