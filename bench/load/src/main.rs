//! What `bench/run` asks servers, and what it lets relays connect to. Prints; judges nothing.

mod backend;
mod client;
mod disturb;
mod echo;
mod lines;
mod socket;
mod wamp;

use clap::{Parser, Subcommand};
use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The errors of a program that is run by another one: a text.
type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

#[derive(Debug, Parser)]
#[command(name = "jackfield-bench", about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A closed loop: so many connections, each asking when it has its answer. Prints one JSON object.
    Load(client::LoadArgs),
    /// Opens connections, has one answer on each, prints "open" and keeps them until its standard input ends.
    Idle(client::IdleArgs),
    /// Clients that count every failure until standard input ends. Prints one JSON object.
    Disturb(disturb::Args),
    /// Answers what `load` asks; what relays and proxies connect to.
    Backend {
        /// Where it listens.
        address: SocketAddr,
        /// Answers HTTP requests with so many bytes, instead of raw ones.
        #[arg(long)]
        http: Option<usize>,
    },
    /// A WebSocket echo made with a well-known library.
    Echo(echo::Args),
    /// Calls, events or sessions of WAMP, or events of others. Prints one JSON object.
    Wamp(wamp::WampArgs),
    /// Passes bytes on between those who say `P` and those who say `S`, and does nothing else.
    Hub {
        /// Where it listens.
        address: SocketAddr,
    },
    /// Writes lines as fast as it can.
    Lines(lines::Args),
    /// Writes `server.crt` and `server.key`, on P-256, for localhost, into a directory.
    Certificate {
        /// The directory.
        directory: PathBuf,
    },
}

fn main() -> Outcome {
    match Cli::parse().command {
        Command::Load(args) => client::load(&args),
        Command::Idle(args) => client::idle(&args),
        Command::Disturb(args) => disturb::run(&args),
        Command::Backend { address, http } => backend::run(address, http),
        Command::Echo(args) => echo::run(&args),
        Command::Wamp(args) => wamp::run(&args),
        Command::Hub { address } => wamp::hub::run(address),
        Command::Lines(args) => lines::run(&args),
        Command::Certificate { directory } => certificate(&directory),
    }
}

fn certificate(directory: &std::path::Path) -> Outcome {
    let (certificate, key) = jackfield_tests::self_signed(jackfield_tests::LOCALHOST);
    std::fs::write(directory.join("server.crt"), certificate)?;
    std::fs::write(directory.join("server.key"), &key)?;
    jackfield_tests::owner_only(&directory.join("server.key"));
    Ok(())
}
