//! placeholder until merge
use serde::{Deserialize, Serialize};
/// placeholder
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Worker;
