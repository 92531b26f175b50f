//! placeholder until merge
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;
/// placeholder
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Worker {
    /// id
    pub id: String,
    /// transports
    pub transports: Vec<Transport>,
}
impl Worker {
    /// transports
    pub fn transports(&self) -> &[Transport] {
        &self.transports
    }
}
/// placeholder
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Transport {
    /// id
    pub id: String,
    /// most
    pub max_connections: u32,
    /// endpoint
    pub endpoint: ListeningEndpoint,
    /// kind
    pub kind: TransportKind,
}
/// placeholder
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum TransportKind {
    /// echo
    StreamTestee,
}
/// placeholder
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ListeningEndpoint {
    /// tcp
    Tcp(TcpListening),
    /// unix
    Unix(UnixListening),
}
/// placeholder
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TcpListening {
    /// most
    pub max_connections: Option<u32>,
    /// keepalive
    pub keepalive: Option<Duration>,
    /// nodelay
    pub nodelay: bool,
}
/// placeholder
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnixListening {
    /// most
    pub max_connections: Option<u32>,
    /// path
    pub path: PathBuf,
}
