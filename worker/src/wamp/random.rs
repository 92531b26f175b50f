//! Random numbers.

/// Writes random bytes.
pub(crate) fn fill(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_err() {
        // The kernel gives random bytes, or the process can't go on: ids that can be guessed would be worse.
        std::process::abort();
    }
}
