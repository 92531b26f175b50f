//! WAMP over RawSocket, and RawSocket's testee.

use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::diagnostic::Path;
use super::super::wamp::Auth;
use super::Queue;
use super::section::{Section, Serializer};
use super::speaks::{Answer, DEFAULT_HANDSHAKE_TIMEOUT, RAWSOCKET, Speaks};

/// The largest message the RawSocket handshake can name, in bytes.
pub const RAWSOCKET_MAX_MESSAGE: u32 = 16 * 1024 * 1024;

object! {
    /// RawSocket's options.
    pub struct RawsocketOptions as "RawSocket options" {
        /// The longest message taken, in bytes; the handshake names the next smaller power of two.
        pub max_message_size as "max_message_size": u32 = int(512..=16 * 1024 * 1024), default(RAWSOCKET_MAX_MESSAGE);
        /// Seconds from the first byte of a message to the last; 0: any time.
        pub message_timeout as "message_timeout": Duration = seconds(1.0..=86400.0).or_off(), default(json!(120), Duration::from_secs(120));
        /// Seconds for which the other side may take nothing of what is sent to it; 0: any time.
        pub send_timeout as "send_timeout": Duration = seconds(1.0..=86400.0).or_off(), default(json!(60), Duration::from_secs(60));
    }
    absent default;
}

object! {
    /// RawSocket's options, where clients are served.
    pub struct RawsocketServing as "RawSocket options" {
        /// Those of both sides.
        pub common as "max_message_size": RawsocketOptions = nested::<RawsocketOptions>(), flatten;
        /// Seconds of silence after which a client is pinged; 0: never. Absent: 30 where WAMP is spoken, and only clients that have
        /// sent a ping themselves, since there are some that end the connection at one, such as Autobahn|Python; by a testee never.
        pub auto_ping_interval as "auto_ping_interval": Option<Duration> = seconds(1.0..=3600.0).or_off(), optional;
        /// Seconds until a client must have said something after a ping, else it is disconnected; 0: any time.
        pub auto_ping_timeout as "auto_ping_timeout": Duration = seconds(1.0..=3600.0).or_off(), default(json!(30), Duration::from_secs(30));
    }
    absent default;
}

/// Seconds until a client must have said what it speaks.
pub(crate) fn handshake_timeout() -> Seconds {
    seconds(1.0..=86400.0)
}

object! {
    /// WAMP over RawSocket: as a transport, or the section of `universal`.
    pub struct RawsocketWamp as "a WAMP-RawSocket section" {
        /// The serializers offered; absent: every one.
        pub serializers as "serializers": Option<Vec<Serializer>> = list(rawsocket_serializer()), optional;
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
        /// RawSocket's options.
        pub options as "options": RawsocketServing = nested(), defaulted;
        /// How clients authenticate; absent: anonymously.
        pub auth as "auth": Option<Auth> = nested(), optional;
        /// Messages that wait for a client which does not take them.
        pub queue as "queue": Queue = nested(), defaulted;
    }
}

object! {
    /// A `rawsocket` transport.
    pub struct RawsocketTransport as "a RawSocket transport" {
        /// WAMP over RawSocket.
        pub wamp as "type": RawsocketWamp = nested::<RawsocketWamp>(), flatten;
        /// Seconds until a client must have completed the handshake.
        pub handshake_timeout as "handshake_timeout": Duration = handshake_timeout(), default(json!(10), DEFAULT_HANDSHAKE_TIMEOUT);
    }
}

impl RawsocketWamp {
    /// What WAMP clients are told there.
    pub(super) fn section(&self) -> Section<'_> {
        Section { serializers: self.serializers.as_deref(), auth: self.auth.as_ref(), cookie: None }
    }
}

impl Speaks for RawsocketTransport {
    fn label(&self) -> String {
        "WAMP over RawSocket".into()
    }

    fn speaks_wamp(&self) -> bool {
        true
    }

    fn answers(&self) -> Vec<Answer> {
        vec![Answer { what: self.label(), scheme: Some(RAWSOCKET), path: None }]
    }

    fn sections(&self, at: &Path) -> Vec<(Path, Section<'_>)> {
        vec![(at.clone(), self.wamp.section())]
    }

    fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }
}

object! {
    /// RawSocket's handshake and framing with an echo behind them: as the section of `universal`.
    pub struct RawsocketEcho as "a RawSocket testee section" {
        /// The serializers a client may name in the handshake; absent: every one. The echo looks into no message.
        pub serializers as "serializers": Option<Vec<Serializer>> = list(rawsocket_serializer()), optional;
        /// RawSocket's options.
        pub options as "options": RawsocketServing = nested(), defaulted;
        /// Logs what is received and sent.
        pub debug as "debug": bool = boolean(), default(false);
    }
}

object! {
    /// A `rawsocket.testee` transport.
    pub struct RawsocketTestee as "a RawSocket testee" {
        /// The echo.
        pub echo as "type": RawsocketEcho = nested::<RawsocketEcho>(), flatten;
        /// Seconds until a client must have completed the handshake.
        pub handshake_timeout as "handshake_timeout": Duration = handshake_timeout(), default(json!(10), DEFAULT_HANDSHAKE_TIMEOUT);
    }
}

impl Speaks for RawsocketTestee {
    fn label(&self) -> String {
        "RawSocket echo".into()
    }

    fn answers(&self) -> Vec<Answer> {
        vec![Answer { what: self.label(), scheme: Some(RAWSOCKET), path: None }]
    }

    fn handshake_timeout(&self) -> Duration {
        self.handshake_timeout
    }
}

/// The serializers RawSocket's handshake has a number for.
pub(crate) fn rawsocket_serializer() -> impl Rule<Out = Serializer> {
    named(
        "\"json\", \"msgpack\", \"cbor\" or \"ubjson\"",
        then(word::<Serializer>(), |found, value, cx| {
            if found == Serializer::Flatbuffers {
                cx.error(value.span, "found \"flatbuffers\", which RawSocket has no number for; expected \"json\", \"msgpack\", \"cbor\" or \"ubjson\"");
                return None;
            }
            Some(found)
        }),
    )
}
