//! The opening handshake, client side (RFC 6455 section 4.1).

use super::extension::{self, Agreement};
use super::handshake::accept_key;
use crate::fields::set;
use crate::net::stream::Stream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::client::conn::http1;
use hyper::header::{
    AUTHORIZATION, CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE, USER_AGENT, VIA,
};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use jackfield_shared::config::WebsocketOptions;
use std::io;
use tokio::task::spawn_local;

/// What is passed on of a client's handshake: who it is, and what it wants to speak.
const PASSED_ON: [HeaderName; 6] = [SEC_WEBSOCKET_PROTOCOL, ORIGIN, COOKIE, AUTHORIZATION, USER_AGENT, VIA];

/// A connection to a server that has agreed to speak WebSocket.
pub(crate) struct Backend {
    pub(crate) stream: TokioIo<hyper::upgrade::Upgraded>,
    /// The subprotocol it has chosen.
    pub(crate) protocol: Option<HeaderValue>,
    pub(crate) compression: Option<Agreement>,
}

/// Why a server does not speak WebSocket.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackendError {
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("{0}")]
    Random(io::Error),
    #[error("it answered {0} to the WebSocket handshake")]
    Refused(StatusCode),
    #[error("its answer to the WebSocket handshake is wrong: {0}")]
    Malformed(&'static str),
}

/// What a client sends as Sec-WebSocket-Key, for the server to prove that it has read the request.
pub(crate) fn new_key() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(STANDARD.encode(bytes))
}

impl Backend {
    /// Does the handshake for `url`, with what a client's request has in `asked`.
    pub(crate) async fn connect(
        stream: Stream,
        url: &Uri,
        options: &WebsocketOptions,
        asked: &HeaderMap,
    ) -> Result<Self, BackendError> {
        let key = new_key().map_err(BackendError::Random)?;
        let mut request = Request::new(String::new());
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        for name in PASSED_ON {
            headers.extend(asked.get_all(&name).iter().map(|value| (name.clone(), value.clone())));
        }
        let host = url.authority().map_or("localhost", |authority| authority.as_str());
        set(headers, HOST, host);
        set(headers, SEC_WEBSOCKET_KEY, &key);
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        let deflate = options.compression.as_ref().and_then(|compression| compression.deflate.as_ref());
        if let Some(deflate) = deflate {
            set(headers, SEC_WEBSOCKET_EXTENSIONS, &extension::offer(deflate));
        }
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        spawn_local(connection.with_upgrades());
        let mut answer = sender.send_request(request).await?;
        if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(BackendError::Refused(answer.status()));
        }
        let said = answer.headers();
        if said
            .get(SEC_WEBSOCKET_ACCEPT)
            .is_none_or(|accept| accept.as_bytes() != accept_key(key.as_bytes()).as_bytes())
        {
            return Err(BackendError::Malformed("Sec-WebSocket-Accept does not fit the key"));
        }
        let compression =
            match (said.get(SEC_WEBSOCKET_EXTENSIONS), deflate) {
                (None, _) => None,
                (Some(answered), Some(deflate)) => {
                    let agreed =
                        answered.to_str().ok().and_then(|answered| extension::accepted(answered, deflate));
                    Some(agreed.ok_or(BackendError::Malformed(
                        "it agrees to an extension that was not offered so",
                    ))?)
                }
                (Some(_), None) => {
                    return Err(BackendError::Malformed("it agrees to an extension that was not offered"));
                }
            };
        let protocol = said.get(SEC_WEBSOCKET_PROTOCOL).cloned();
        let upgraded = hyper::upgrade::on(&mut answer).await?;
        Ok(Self { stream: TokioIo::new(upgraded), protocol, compression })
    }
}
