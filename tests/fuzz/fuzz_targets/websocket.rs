//! `cargo fuzz run websocket`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| jackfield_fuzz::websocket(bytes));
