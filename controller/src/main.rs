//! The `jackfield` executable.

fn main() {}
