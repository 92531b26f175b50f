//! A program that logs as fast as it can.

use crate::Outcome;
use clap::Args as ClapArgs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// What it writes, and when.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Args {
    /// A name, the first word of each line.
    name: String,
    /// Lines.
    #[arg(long)]
    count: u64,
    /// A directory: `NAME.ready` is created there, `go` waited for, and `NAME.done` created at the end.
    #[arg(long)]
    directory: PathBuf,
}

/// Writes its lines, each at once as an unbuffered program does, and stays until it is killed.
pub(crate) fn run(args: &Args) -> Outcome {
    let file = |end: &str| args.directory.join(format!("{}.{end}", args.name));
    std::fs::write(file("ready"), [])?;
    while !args.directory.join("go").exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let filling = "a line as programs write them, of about a hundred bytes, that says nothing to anybody";
    let mut out = std::fs::File::from(rustix::io::dup(std::io::stdout())?);
    for number in 1..=args.count {
        out.write_all(format!("{} {number:08} {filling}\n", args.name).as_bytes())?;
    }
    std::fs::write(file("done"), [])?;
    loop {
        std::thread::park();
    }
}
