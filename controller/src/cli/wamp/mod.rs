//! `jackfield wamp`

mod common;
mod talk;
mod target;
mod values;

use super::failure::Failure;
use clap::{Args, Subcommand};
use jackfield_worker::client::{self, Error};

/// Calls, publishes, subscribes and registers at any WAMP router
///
/// Speaks WebSocket or RawSocket over TCP, TLS, Unix sockets and Tor. Secrets are read from a file or from the variable
/// JACKFIELD_WAMP_SECRET. Exit codes: 0 done; 1 refused or failed, with the reason; 2 wrong usage; 69 no router answers.
#[derive(Debug, Args)]
pub(super) struct Wamp {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Calls a procedure and prints its result
    Call(talk::Call),
    /// Publishes an event, and waits until the router has it
    Publish(talk::Publish),
    /// Prints the events of a topic, one a line
    Subscribe(talk::Subscribe),
    /// Registers a procedure, prints the calls of it, one a line, and answers them
    Register(talk::Register),
}

impl Wamp {
    pub(super) fn run(self) -> Result<(), Failure> {
        let talked = match self.command {
            Command::Call(call) => client::run(call.run()),
            Command::Publish(publish) => client::run(publish.run()),
            Command::Subscribe(subscribe) => client::run(subscribe.run()),
            Command::Register(register) => client::run(register.run()),
        };
        talked?
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Connect(why) => Self::no_node(format!("no router answers: {why}")),
            other => Self::new(other.to_string()),
        }
    }
}
