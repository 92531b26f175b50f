//! Messages of one connection, whatever carries them: what WebSocket and RawSocket hand on, and take.

use std::ops::ControlFlow;
use std::task::Context;

/// What a message is. RawSocket carries [`Kind::Binary`] alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, in UTF-8.
    Text,
    /// Bytes.
    Binary,
}

/// Takes messages to the peer.
pub(crate) trait Sender {
    /// Queues a message; says whether there is room for another one. It is queued in any case.
    fn send(&mut self, kind: Kind, payload: &[u8]) -> ControlFlow<()>;
}

/// How a handler wants a connection to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    /// The close code of WebSocket (RFC 6455 section 7.4.1).
    pub(crate) code: u16,
    /// The reason, for people.
    pub(crate) reason: String,
}

/// What becomes of the messages of one connection. Dropped when the connection has ended.
pub(crate) trait Handler {
    /// Takes a message, and may answer it; says whether it can take another one.
    fn message(&mut self, kind: Kind, payload: &[u8], sender: &mut dyn Sender) -> ControlFlow<()>;

    /// Whether it can take a message now; if not, it has `cx` woken when it can.
    fn takes(&mut self, _cx: &mut Context<'_>) -> bool {
        true
    }

    /// Sends what has come from elsewhere, and has `cx` woken when more comes. [`ControlFlow::Break`]: there may be more that had
    /// no room; it is to be asked again once there is some, because nobody is woken for that.
    fn outgoing(&mut self, cx: &mut Context<'_>, sender: &mut dyn Sender) -> ControlFlow<()>;

    /// How the connection is to be ended, after what was sent; absent: not yet.
    fn ending(&mut self) -> Option<Ending>;

    /// Bytes it keeps for the connection.
    fn memory(&self) -> usize;
}

/// A handler that has more to send than there is room for at once, and of which nobody is woken again.
#[cfg(test)]
pub(crate) struct Plenty {
    /// Messages it has yet to send.
    pub(crate) left: usize,
}

#[cfg(test)]
impl Plenty {
    /// Bytes of each of its messages.
    pub(crate) const LENGTH: usize = 100_000;
}

#[cfg(test)]
impl Handler for Plenty {
    fn message(&mut self, _: Kind, _: &[u8], _: &mut dyn Sender) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn outgoing(&mut self, _: &mut Context<'_>, sender: &mut dyn Sender) -> ControlFlow<()> {
        while self.left > 0 {
            self.left -= 1;
            sender.send(Kind::Binary, &[b'm'; Self::LENGTH])?;
        }
        ControlFlow::Continue(())
    }

    fn ending(&mut self) -> Option<Ending> {
        (self.left == 0).then(|| Ending { code: 1000, reason: String::new() })
    }

    fn memory(&self) -> usize {
        0
    }
}
