//! The options of WebSocket connections.

use std::time::Duration;

use serde_json::json;

use super::super::decode::*;

const MIB: i128 = 1024 * 1024;

fn milliseconds() -> Whole {
    millis(1000..=i128::from(i64::MAX)).or_off()
}

object! {
    /// How WebSocket is spoken. Times are in milliseconds; 0 switches a time limit off.
    pub struct WebsocketOptions as "WebSocket options" {
        /// Origins of browsers that are let in, with `*` for any text.
        pub allowed_origins as "allowed_origins": Vec<String> = list(text()), default(json!(["*"]), vec!["*".to_owned()]);
        /// Lets in browsers whose origin is `null`, like pages from files.
        pub allow_null_origin as "allow_null_origin": bool = boolean(), default(true);
        /// The port clients see, where it is not the one that their requests name: in the address on the status page, and for
        /// what is the own origin of a page.
        pub external_port as "external_port": Option<i64> = int(i128::from(i64::MIN)..=i128::from(i64::MAX)), optional;
        /// Speaks the drafts before RFC 6455 (hybi-08 to hybi-12).
        pub enable_hybi10 as "enable_hybi10": bool = boolean(), default(true);
        /// Speaks RFC 6455.
        pub enable_rfc6455 as "enable_rfc6455": bool = boolean(), default(true);
        /// Until the opening handshake must be complete.
        pub open_handshake_timeout as "open_handshake_timeout": Duration = milliseconds(), default(json!(0), Duration::ZERO);
        /// Until the other side must have answered a close.
        pub close_handshake_timeout as "close_handshake_timeout": Duration = milliseconds(), default(json!(0), Duration::ZERO);
        /// From the first byte of a message, or of a frame of it, to the last byte of the message.
        pub message_timeout as "message_timeout": Duration = milliseconds(), default(json!(120000), Duration::from_secs(120));
        /// For which the other side may take nothing of what is sent to it.
        pub send_timeout as "send_timeout": Duration = milliseconds(), default(json!(60000), Duration::from_secs(60));
        /// Answers a plain HTTP request with a page for people.
        pub enable_webstatus as "enable_webstatus": bool = boolean(), default(true);
        /// Closes the connection at text that is no UTF-8.
        pub validate_utf8 as "validate_utf8": bool = boolean(), default(true);
        /// Masks what the server sends.
        pub mask_server_frames as "mask_server_frames": bool = boolean(), default(false);
        /// Closes the connection at an unmasked frame of a client.
        pub require_masked_client_frames as "require_masked_client_frames": bool = boolean(), default(true);
        /// Applies the mask to what is sent masked.
        pub apply_mask as "apply_mask": bool = boolean(), default(true);
        /// The longest frame taken, in bytes; 0: any.
        pub max_frame_size as "max_frame_size": u32 = int(0..=64 * MIB), default(0);
        /// The longest message taken, in bytes; 0: any.
        pub max_message_size as "max_message_size": u32 = int(0..=64 * MIB), default(16 * 1024 * 1024);
        /// Sends longer messages in fragments of this size, in bytes; 0 or less: whole.
        pub auto_fragment_size as "auto_fragment_size": i64 = int(i128::from(i64::MIN)..=i128::from(i64::MAX)), default(0);
        /// Drops the connection at a protocol violation, without a closing handshake.
        pub fail_by_drop as "fail_by_drop": bool = boolean(), default(false);
        /// Sends a client's close code and reason back.
        pub echo_close_codereason as "echo_close_codereason": bool = boolean(), default(false);
        /// Sends small writes at once (TCP_NODELAY).
        pub tcp_nodelay as "tcp_nodelay": bool = boolean(), default(true);
        /// Pings a client so often. Absent: every 30 s with an answer within 30 s where WAMP is spoken, so that a client that is
        /// gone without a word does not keep its names; else never.
        pub auto_ping_interval as "auto_ping_interval": Option<Duration> = milliseconds(), optional;
        /// Until a ping must be answered.
        pub auto_ping_timeout as "auto_ping_timeout": Duration = milliseconds(), default(json!(0), Duration::ZERO);
        /// The payload of a ping, in bytes.
        pub auto_ping_size as "auto_ping_size": u8 = int(12..=125), default(12);
        /// Counts any traffic of the client as an answer to a ping.
        pub auto_ping_restart_on_any_traffic as "auto_ping_restart_on_any_traffic": bool = boolean(), default(true);
        /// Compression of messages (RFC 7692); absent: none.
        pub compression as "compression": Option<Compression> = nested(), optional;
        /// Closes the connection where no WAMP subprotocol is agreed on; a testee speaks none and requires none.
        pub require_websocket_subprotocol as "require_websocket_subprotocol": bool = boolean(), default(true);
        /// Names the server in the handshake.
        pub show_server_version as "show_server_version": bool = boolean(), default(true);
    }
    ignored {
        /// Answers policy requests of Flash, which has left the browsers.
        "enable_flash_policy" = boolean();
        /// Flash's policy.
        "flash_policy" = any();
    }
    absent default;
}

object! {
    /// Compression of WebSocket messages.
    pub struct Compression as "compression settings" {
        /// permessage-deflate (RFC 7692); absent: no compression.
        pub deflate as "deflate": Option<Deflate> = nested(), optional;
    }
}

object! {
    /// permessage-deflate.
    pub struct Deflate as "the settings of permessage-deflate" {
        /// Asks the client to compress each message on its own.
        pub request_no_context_takeover as "request_no_context_takeover": bool = boolean(), default(false);
        /// Asks the client for a window of so many bits; 0: any.
        pub request_max_window_bits as "request_max_window_bits": u8 = int(9..=15).or(0), default(0);
        /// Compresses each message on its own; absent: as negotiated.
        pub no_context_takeover as "no_context_takeover": Option<bool> = boolean(), optional;
        /// Compresses with a window of so many bits; absent: as negotiated.
        pub max_window_bits as "max_window_bits": Option<u8> = int(9..=15), optional;
        /// How much memory compressing may take.
        pub memory_level as "memory_level": Option<u8> = int(1..=9), optional;
    }
}
