//! The command line: one file for each command.

mod backend;
mod check;
mod client;
mod completions;
mod convert;
mod doctor;
mod endpoints;
mod failure;
mod init;
mod logs;
mod man;
mod output;
mod passwd;
mod reload;
mod schema;
mod start;
mod status;
mod stop;
mod table;
mod top;
mod upgrade;
mod version;
mod wamp;
mod worker;

use crate::node::Directory;
use crate::stage::{arguments, name_thread};
use clap::{CommandFactory as _, Parser, Subcommand};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs network endpoints on all cores of a machine.
///
/// Every command works on the node of one directory: --dir, else $JACKFIELD_DIR, $CROSSBAR_DIR, ./.jackfield,
/// ./.crossbar; commands to a node that runs look in the directories above, too.
#[derive(Debug, Parser)]
#[command(name = "jackfield", version, arg_required_else_help = true, disable_help_subcommand = true)]
struct Arguments {
    /// The node's directory
    #[arg(long, visible_alias = "cbdir", global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Start(start::Start),
    Stop(stop::Stop),
    Reload(reload::Reload),
    Upgrade(upgrade::Upgrade),
    Status(status::Status),
    Check(check::Check),
    Doctor(doctor::Doctor),
    Worker(worker::Worker),
    Backend(backend::Backend),
    Top(top::Top),
    Endpoints(endpoints::Endpoints),
    Logs(logs::Logs),
    Wamp(Box<wamp::Wamp>),
    Init(init::Init),
    Passwd(passwd::Passwd),
    Convert(convert::Convert),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
    Version(version::Version),
}

/// Runs the command that was typed.
pub(crate) fn run() -> ExitCode {
    let (arguments, has_title) = arguments();
    if has_title {
        name_thread();
    }
    let Arguments { dir, command } = Arguments::parse_from(arguments);
    let directory = match command {
        Command::Stop(_)
        | Command::Reload(_)
        | Command::Upgrade(_)
        | Command::Status(_)
        | Command::Worker(_)
        | Command::Backend(_)
        | Command::Top(_)
        | Command::Endpoints(_)
        | Command::Logs(_) => Directory::of_running(dir.as_deref()),
        _ => Directory::choose(dir.as_deref()),
    };
    let result = match command {
        Command::Start(start) => start.run(&directory, has_title),
        Command::Stop(stop) => stop.run(&directory),
        Command::Reload(reload) => reload.run(&directory),
        Command::Upgrade(upgrade) => upgrade.run(&directory),
        Command::Status(status) => status.run(&directory),
        Command::Check(check) => check.run(&directory),
        Command::Doctor(doctor) => doctor.run(&directory),
        Command::Worker(worker) => worker.run(&directory),
        Command::Backend(backend) => backend.run(&directory),
        Command::Top(top) => top.run(&directory),
        Command::Endpoints(endpoints) => endpoints.run(&directory),
        Command::Logs(logs) => logs.run(&directory),
        Command::Wamp(wamp) => wamp.run(),
        Command::Init(init) => init.run(&directory),
        Command::Passwd(passwd) => passwd.run(&directory),
        Command::Convert(convert) => convert.run(),
        Command::Schema(schema) => schema.run(),
        Command::Completions(completions) => completions.run(Arguments::command()),
        Command::Man(man) => man.run(Arguments::command()),
        Command::Version(version) => version.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            for message in failure.messages {
                let _ = writeln!(anstream::stderr(), "{message}");
            }
            ExitCode::from(failure.code)
        }
    }
}
