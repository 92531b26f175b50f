//! Why a command ends with another exit code than 0.

use std::io;

/// Failed.
const FAILED: u8 = 1;
/// The command was typed wrong, as clap says it.
const USAGE: u8 = 2;
/// EX_UNAVAILABLE of sysexits.h: no node runs there.
const NO_NODE: u8 = 69;

/// EX_CONFIG of sysexits.h: the configuration is wrong.
const CONFIGURATION: u8 = 78;

/// Why a command failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) code: u8,
    /// What is written to standard error; nothing if everything has been said.
    pub(super) messages: Vec<String>,
}

impl Failure {
    /// It failed for this reason, which has no place in a file.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self::all(vec![from_us(message)])
    }

    /// It failed for these reasons, written as they are.
    pub(super) fn all(messages: Vec<String>) -> Self {
        Self { code: FAILED, messages }
    }

    /// The configuration is wrong, for these reasons, written as they are.
    pub(super) fn of_configuration(messages: Vec<String>) -> Self {
        Self { code: CONFIGURATION, messages }
    }

    /// It was typed wrong.
    pub(super) fn usage(message: &str) -> Self {
        Self { code: USAGE, messages: vec![from_us(message)] }
    }

    /// It failed, and why has been said already.
    pub(super) fn silent() -> Self {
        Self::all(Vec::new())
    }

    /// The exit code of another process that has said why.
    pub(super) fn passed_on(code: u8) -> Self {
        Self { code, messages: Vec::new() }
    }

    /// Whether it failed because no node runs there.
    pub(super) fn is_no_node(&self) -> bool {
        self.code == NO_NODE
    }

    /// No node runs there.
    pub(super) fn no_node(message: impl Into<String>) -> Self {
        Self { code: NO_NODE, messages: vec![from_us(message)] }
    }
}

fn from_us(message: impl Into<String>) -> String {
    format!("jackfield: {}", message.into())
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        // Whoever reads our output has seen enough (`| head`): nothing is wrong.
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::passed_on(0);
        }
        Self::new(error.to_string())
    }
}
