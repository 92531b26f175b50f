//! What all of the subcommands need.

use super::target::Router;
use super::values;
use clap::Args;

/// What all of them need.
#[derive(Debug, Args)]
pub(super) struct Common {
    /// A procedure or a topic
    #[arg(value_name = "URI")]
    pub(super) uri: String,
    /// Prints JSON: one object a line
    #[arg(long)]
    pub(super) json: bool,
    /// An option of the request, such as match=prefix; the value is JSON, or else a text
    #[arg(short, long = "option", value_name = "KEY=VALUE", value_parser = values::pair)]
    pub(super) options: Vec<values::Pair>,
    #[command(flatten)]
    pub(super) router: Router,
}
