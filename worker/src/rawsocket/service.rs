//! What a RawSocket address does with the messages of its clients.

use super::serve::{Error, Terms, serve};
use crate::connect::Means;
use crate::context::Context;
use crate::net::ping::Pings;
use crate::testee::Echo;
use crate::wamp::{self, Who};
use jackfield_shared::config::{RawsocketEcho, RawsocketServing, RawsocketWamp, Serializer};
use std::rc::Rc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// The payload of a ping, in bytes.
const PING_SIZE: u8 = 8;

/// A RawSocket address.
#[derive(Debug)]
pub(crate) struct Service {
    serializers: Option<Vec<Serializer>>,
    options: RawsocketServing,
    debug: bool,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Echo,
    Wamp(Rc<wamp::Endpoint>),
}

impl Service {
    /// The testee, which sends every message back.
    pub(crate) fn echo(config: &RawsocketEcho) -> Self {
        let RawsocketEcho { serializers, options, debug } = config.clone();
        Self { serializers, options, debug, kind: Kind::Echo }
    }

    /// WAMP; the error says what is not built, or is wrong.
    pub(crate) fn wamp(config: &RawsocketWamp, means: Means<'_>) -> Result<Self, String> {
        let RawsocketWamp { serializers, options, debug, .. } = config.clone();
        let endpoint = wamp::Endpoint::rawsocket(config, means.wamp)?;
        let spoken = [Serializer::Json, Serializer::Msgpack, Serializer::Cbor];
        let serializers = serializers.or_else(|| Some(spoken.into()));
        Ok(Self { serializers, options, debug, kind: Kind::Wamp(endpoint) })
    }

    fn pings(&self) -> Pings {
        let default = match &self.kind {
            Kind::Echo => Duration::ZERO,
            Kind::Wamp(_) => wamp::PING,
        };
        Pings {
            interval: self.options.auto_ping_interval.unwrap_or(default),
            timeout: self.options.auto_ping_timeout,
            size: PING_SIZE,
            on_any_traffic: true,
        }
    }

    /// Serves a connection; its handshake may take `limit`.
    pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        who: Who,
        limit: Duration,
        context: &Context,
    ) -> Result<(), Error> {
        let terms = Terms {
            serializers: self.serializers.as_deref(),
            options: &self.options.common,
            debug: self.debug,
            handshake_timeout: limit,
            pings: self.pings(),
            // Some clients of WAMP end the connection at a ping.
            pings_everybody: self.options.auto_ping_interval.is_some(),
        };
        let Context { scratch, budget, .. } = context;
        let peer = who.peer;
        match &self.kind {
            Kind::Echo => serve(stream, peer, terms, scratch, budget, |_| Echo).await,
            Kind::Wamp(endpoint) => {
                serve(stream, peer, terms, scratch, budget, |request| {
                    endpoint.open_rawsocket(request.serializer(), request.most, who)
                })
                .await
            }
        }
    }
}
