//! Connections that go on as another protocol, such as WebSocket: after the backend's 101, bytes are carried both
//! ways like those of a relay.

use super::body::Proxied;
use super::websocket::Handshake;
use crate::net::pipes::Pipes;
use crate::net::prefixed::Prefixed;
use crate::net::pump::{self, Tools, pump};
use crate::net::stream::Stream;
use crate::web::engine::answer::Answer;
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::hop_by_hop::remove_hop_by_hop;
use crate::web::engine::received::Asked;
use crate::web::engine::upgrade::{Upgrading, busy_of, upgrading};
use bytes::Bytes;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Method, Response, StatusCode, Version};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::task::spawn_local;
use tracing::debug;

/// How connections that go on as another protocol are carried.
pub(super) struct Joined {
    pub(super) pipes: Rc<Pipes>,
    /// How long nothing may move; zero: any time.
    pub(super) idle_timeout: Duration,
}

/// Makes the backend's answer the client's; if it consents to another protocol, the connections are joined from then on.
///
/// # Errors
/// Why the answer is none to the request.
pub(super) fn unless_upgraded(
    mut answer: Response<Proxied>,
    request: &mut Asked,
    handshake: Option<&Handshake>,
    client: &Rc<Client>,
    joined: Joined,
) -> Result<Answer, String> {
    let (by_two, status) = (answer.version() == Version::HTTP_2, answer.status());
    let mut codings = answer.headers().get_all(TRANSFER_ENCODING).iter().peekable();
    let is_coded = codings.peek().is_some();
    if codings.any(|coding| !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")) {
        return Err("its answer has another transfer coding than chunked, which is not taken apart".into());
    }
    if is_coded {
        // It is not the length then (RFC 9112, section 6.3), and ours would be cut to it.
        answer.headers_mut().remove(CONTENT_LENGTH);
    }
    // Ours, not the backend's (RFC 9110, section 2.5).
    *answer.version_mut() = Version::HTTP_11;
    remove_hop_by_hop(answer.headers_mut());
    let upgrades = if by_two {
        handshake.is_some() && status.is_success()
    } else {
        status == StatusCode::SWITCHING_PROTOCOLS
    };
    if !upgrades {
        // To the client it would be the consent.
        if request.method() == Method::CONNECT && status.is_success() {
            return Err(format!("it answered {status} to a WebSocket handshake"));
        }
        return Ok(answer.map(|content| Body::Foreign(Box::pin(content))));
    }
    let headers = answer.headers_mut();
    let status = match handshake {
        Some(handshake) => handshake.consent(headers, by_two)?,
        None => return Err(format!("it answered {status}, and was asked for no other protocol")),
    };
    if status == StatusCode::SWITCHING_PROTOCOLS {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    }
    let (from_client, from_backend) = (upgrading(request), hyper::upgrade::on(&mut answer));
    let busy = busy_of(request);
    let (client, Joined { pipes, idle_timeout }) = (Rc::clone(client), joined);
    let (mut head, in_use) = answer.into_parts();
    head.status = status;
    spawn_local(async move {
        let joined = join(from_client, from_backend, &client, &pipes, idle_timeout);
        tokio::select! {
            result = joined => if let Err(e) = result {
                debug!("{}: upgraded connection: {e}", client.peer);
            },
            () = client.drain.closing() => debug!("{}: closed, because the process ends", client.peer),
        }
        drop((in_use, busy));
    });
    Ok(Response::from_parts(head, Body::Empty))
}

async fn join(
    from_client: Upgrading,
    from_backend: OnUpgrade,
    client: &Client,
    pipes: &Pipes,
    idle_timeout: Duration,
) -> io::Result<()> {
    let from_backend = async { from_backend.await.map_err(io::Error::other) };
    let (from_client, from_backend) = tokio::try_join!(from_client.stream(), from_backend)?;
    let (said_by_client, mut to_client) = End::of_client(from_client);
    let (said_by_backend, mut to_backend) = End::of_backend(from_backend);
    to_backend.write_all(&said_by_client).await?;
    to_backend.flush().await?;
    to_client.write_all(&said_by_backend).await?;
    to_client.flush().await?;
    let tools = Tools { scratch: &client.context.scratch, pipes };
    pump(&mut to_client, &mut to_backend, tools, idle_timeout).await
}

/// One of the two that are joined.
enum End {
    /// A connection as it was before HTTP.
    Connection(Stream),
    /// A stream of HTTP/2, on a connection with others.
    InHttp2(TokioIo<Upgraded>),
}

impl End {
    /// What has come beyond the head, and the rest.
    fn of_client(upgraded: Result<Prefixed<Stream>, Upgraded>) -> (Bytes, Self) {
        match upgraded {
            Ok(stream) => {
                let (ahead, stream) = stream.into_parts();
                (ahead, Self::Connection(stream))
            }
            Err(upgraded) => (Bytes::new(), Self::InHttp2(TokioIo::new(upgraded))),
        }
    }

    /// The same on the backend's side.
    fn of_backend(upgraded: Upgraded) -> (Bytes, Self) {
        match upgraded.downcast::<TokioIo<Stream>>() {
            Ok(parts) => (parts.read_buf, Self::Connection(parts.io.into_inner())),
            Err(upgraded) => (Bytes::new(), Self::InHttp2(TokioIo::new(upgraded))),
        }
    }
}

impl pump::End for End {
    fn socket(&self) -> Option<&Stream> {
        match self {
            Self::Connection(stream) => stream.socket(),
            Self::InHttp2(_) => None,
        }
    }
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Connection(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::InHttp2(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Connection(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::InHttp2(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Connection(stream) => Pin::new(stream).poll_flush(cx),
            Self::InHttp2(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Connection(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::InHttp2(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
