//! A load under which something is done to the server: the load of the tests, which counts every failure.

use crate::Outcome;
use clap::Args as ClapArgs;
use jackfield_tests::{Kind, Load, Target};
use std::io::Read;
use std::net::SocketAddr;

/// What clients do.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Args {
    /// Where to.
    #[arg(long)]
    to: SocketAddr,
    /// What they ask for.
    #[arg(long, default_value = "/")]
    path: String,
    /// Clients with a connection for each request.
    #[arg(long, default_value_t = 8)]
    each: usize,
    /// Clients with one for all.
    #[arg(long, default_value_t = 8)]
    kept: usize,
}

/// Asks until standard input ends; what became of it.
pub(crate) fn run(args: &Args) -> Outcome {
    let target = Target { plain: Some(args.to), small: args.path.clone(), ..Target::default() };
    let load = Load::start(&target, &[(Kind::Plain, args.each), (Kind::PlainKept, args.kept)]);
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let report = load.finish();
    let sum = |of: fn(&jackfield_tests::Tally) -> u64| report.0.values().map(of).sum::<u64>();
    let longest = report.0.values().map(|tally| tally.longest).max().unwrap_or_default();
    let failures: Vec<_> = report.0.values().flat_map(|tally| &tally.failures).collect();
    let json = serde_json::json!({
        "answered": report.answered(),
        "refused": sum(|tally| tally.refused),
        "reset": sum(|tally| tally.reset),
        "other": sum(|tally| tally.short + tally.other),
        "longest_ms": longest.as_secs_f64() * 1000.0,
        "failures": failures,
    });
    println!("{json}");
    Ok(())
}
