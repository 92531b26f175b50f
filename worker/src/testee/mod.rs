//! Echoes, by which a transport is tried: `stream.testee`, `websocket.testee`, `rawsocket.testee`.

mod stream;

pub(crate) use stream::echo as echo_stream;

use crate::messages::{Ending, Handler, Kind, Sender};
use std::ops::ControlFlow;
use std::task::Context;

/// Sends every message back.
#[derive(Debug)]
pub(crate) struct Echo;

impl Handler for Echo {
    fn message(&mut self, kind: Kind, payload: &[u8], sender: &mut dyn Sender) -> ControlFlow<()> {
        sender.send(kind, payload)
    }

    fn outgoing(&mut self, _: &mut Context<'_>, _: &mut dyn Sender) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn ending(&mut self) -> Option<Ending> {
        None
    }

    fn memory(&self) -> usize {
        0
    }
}
