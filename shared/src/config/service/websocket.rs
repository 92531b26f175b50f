//! WebSocket at a path.

use super::super::transport::{Section, WebsocketSection, WebsocketTestee};
use super::serves::Serves;

impl Serves for WebsocketSection {
    fn label(&self) -> Option<&'static str> {
        Some("WAMP over WebSocket")
    }

    fn scheme(&self) -> &'static str {
        "ws"
    }

    fn speaks_wamp(&self) -> bool {
        true
    }

    fn section(&self) -> Option<Section<'_>> {
        Some(self.section())
    }
}

impl Serves for WebsocketTestee {
    fn label(&self) -> Option<&'static str> {
        Some("WebSocket echo")
    }

    fn scheme(&self) -> &'static str {
        "ws"
    }
}
