//! What runs inside a worker process: endpoints, transports, services.

pub mod drain;
pub mod websocket;
