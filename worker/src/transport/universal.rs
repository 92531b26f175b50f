//! `universal`, and the transports that are a part of it: what a connection is, its first bytes tell.

use super::service::{Service, task};
use super::sniff::{self, Protocol, sniff};
use crate::connect::Means;
use crate::context::Context;
use crate::mqtt::{self, CONNECT, Mqtt};
use crate::net::connection::Connection;
use crate::net::prefixed::Prefixed;
use crate::net::stream::Stream;
use crate::rawsocket;
use crate::web::{self, Client, Http, Site, Websocket};
use jackfield_shared::config::{
    self, DEFAULT_HANDSHAKE_TIMEOUT, RawsocketSection, Web, WebsocketOptions, WebsocketPath,
};
use jackfield_shared::drain::{Drain, LAST_WORD};
use jackfield_shared::status::{self, Backend};
use jackfield_shared::tls::Files;
use std::rc::Rc;
use std::time::Duration;

/// RawSocket, WebSocket and web services on one endpoint.
#[derive(Debug)]
pub(crate) struct Universal {
    rawsocket: Option<rawsocket::Service>,
    mqtt: Option<Mqtt>,
    site: Rc<Site>,
    /// How long a client may take to say what it speaks, and to send a request's head.
    handshake_timeout: Duration,
}

/// Why a connection ended other than by the client's wish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Sniff(#[from] sniff::Error),
    #[error("closed: the process ends, and the client has said nothing")]
    Draining,
    #[error("closed: the first byte is {byte:#04x}{meaning}, which is not spoken here")]
    Unknown { byte: u8, meaning: &'static str },
    #[error(transparent)]
    Rawsocket(#[from] rawsocket::Error),
    #[error(transparent)]
    Mqtt(#[from] mqtt::Error),
    #[error(transparent)]
    Web(#[from] web::Error),
}

impl Universal {
    /// All that the configuration asks for; the error says what is not in this release.
    pub(crate) fn new(config: &config::Universal, means: Means<'_>) -> Result<Self, String> {
        let mqtt = config.mqtt.as_ref().map(|section| Mqtt::new(section, means)).transpose();
        let mqtt = mqtt.map_err(|e| format!("section `mqtt`: {e}"))?;
        let rawsocket = match &config.rawsocket {
            None => None,
            Some(RawsocketSection::RawsocketTestee(echo)) => Some(rawsocket::Service::echo(echo)),
            Some(RawsocketSection::Rawsocket(section)) => Some(
                rawsocket::Service::wamp(section, means).map_err(|e| format!("section `rawsocket`: {e}"))?,
            ),
        };
        let mut paths = Vec::new();
        for (path, config) in config.websocket.iter().flatten() {
            match config {
                WebsocketPath::WebsocketTestee(testee) => {
                    paths.push((path.as_str(), config.name(), Websocket::echo(testee)))
                }
                WebsocketPath::Websocket(section) => {
                    let websocket = Websocket::wamp(section, means)
                        .map_err(|e| format!("section `websocket`, path \"{path}\": {e}"))?;
                    paths.push((path.as_str(), config.name(), websocket));
                }
            }
        }
        let site = Site::new(paths, config.web.as_ref(), means)?;
        Ok(Self { rawsocket, mqtt, site, handshake_timeout: config.handshake_timeout })
    }

    /// The transport `web`.
    pub(crate) fn web(config: &Web, means: Means<'_>) -> Result<Self, String> {
        let site = Site::new([], Some(config), means)?;
        Ok(Self { rawsocket: None, mqtt: None, site, handshake_timeout: DEFAULT_HANDSHAKE_TIMEOUT })
    }

    /// WebSocket on every path.
    pub(crate) fn websocket(websocket: Websocket, options: &WebsocketOptions) -> Result<Self, String> {
        let handshake_timeout = match options.open_handshake_timeout {
            Duration::ZERO => DEFAULT_HANDSHAKE_TIMEOUT,
            limit => limit,
        };
        Ok(Self {
            rawsocket: None,
            mqtt: None,
            site: Site::new([("/", "websocket", websocket)], None, Means::of(&Files::default()))?,
            handshake_timeout,
        })
    }

    /// Finds out what the client speaks, and answers.
    async fn serve(&self, mut stream: Stream, client: Client) -> Result<(), Error> {
        let limit = self.handshake_timeout;
        let (protocol, ahead) = tokio::select! {
            biased;
            sniffed = sniff(&mut stream, &client.context.scratch, limit) => sniffed?,
            () = client.drain.begun_for(LAST_WORD) => return Err(Error::Draining),
        };
        let mut stream = Prefixed::new(ahead, stream);
        let site = Rc::clone(&self.site);
        match (protocol, &self.rawsocket) {
            // Boxed, so that connections don't hold the room that those of other protocols need.
            (Protocol::Http1, _) => Box::pin(web::serve(stream, Http::One, site, client, limit)).await?,
            (Protocol::Http2, _) => Box::pin(web::serve(stream, Http::Two, site, client, limit)).await?,
            (Protocol::Rawsocket, Some(service)) => {
                let serving = service.serve(&mut stream, client.who(), limit, &client.context);
                let served = Box::pin(serving).await;
                if served.as_ref().is_err_and(rawsocket::Error::is_left_behind) {
                    // What waits in the socket would keep it for many minutes more.
                    stream.get_ref().reset_when_closed();
                }
                served?;
            }
            (Protocol::Rawsocket, None) => rawsocket::refuse(stream, limit).await?,
            (Protocol::Mqtt, _) => match &self.mqtt {
                Some(service) => {
                    let serving = service.serve(&mut stream, client.who(), limit, &client.context);
                    let served = Box::pin(serving).await;
                    if served.as_ref().is_err_and(mqtt::Error::is_left_behind) {
                        stream.get_ref().reset_when_closed();
                    }
                    served?;
                }
                None => return Err(Error::Unknown { byte: CONNECT, meaning: " (MQTT)" }),
            },
            (Protocol::Unknown(byte), _) => {
                let meaning = if byte == 0x16 { " (TLS)" } else { "" };
                return Err(Error::Unknown { byte, meaning });
            }
        }
        Ok(())
    }
}

impl Service for Universal {
    fn spawn(self: Rc<Self>, connection: Connection, context: Rc<Context>) {
        let Connection { stream, peer, drain, open, .. } = connection;
        let client = Client {
            options: Rc::clone(&self.site.options),
            context,
            peer,
            tls: stream.facts(),
            drain: drain.clone(),
            open: Rc::clone(&open),
        };
        task(peer, drain, open, async move { self.serve(stream, client).await });
    }

    fn renew(&self, files: &Files) -> Result<(), String> {
        self.site.renew(files)
    }

    fn web(&self) -> Vec<status::Web> {
        self.site.news()
    }

    fn backends(&self) -> Vec<Backend> {
        self.site.backends()
    }

    fn begin(&self, drain: &Drain) {
        self.site.begin(drain);
    }
}
