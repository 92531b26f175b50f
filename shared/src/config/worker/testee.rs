//! Workers that are one WebSocket echo.

use super::super::decode::*;
use super::super::diagnostic::Path;
use super::super::transport::Transport;
use super::NativeOptions;
use super::kind::Works;
use super::native::testee_transport;

object! {
    /// A worker that is one WebSocket echo.
    pub struct WebsocketTesteeWorker as "a websocket-testee worker" {
        /// Its options.
        pub options as "options": NativeOptions = nested(), defaulted;
        /// What it listens on.
        pub transport as "transport": Transport = testee_transport(), required;
    }
}

impl Works for WebsocketTesteeWorker {
    fn options(&self) -> Option<&NativeOptions> {
        Some(&self.options)
    }

    fn transports(&self) -> &[Transport] {
        std::slice::from_ref(&self.transport)
    }

    fn transports_mut(&mut self) -> &mut [Transport] {
        std::slice::from_mut(&mut self.transport)
    }

    fn transport_path(&self, at: &Path, _: usize) -> Path {
        at.key("transport")
    }
}
