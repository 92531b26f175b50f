//! Connections that go on as another protocol, such as WebSocket: after the backend's 101, octets are carried both
//! ways like those of a relay.

use super::Proxy;
use super::body::Proxied;
use super::headers::remove_hop_by_hop;
use crate::net::stream::Stream;
use crate::transport::{Pipes, PumpTools, pump};
use crate::web::answer::{Answer, Asked};
use crate::web::body::Body;
use crate::web::connection::Client;
use crate::web::upgrade::stream_of;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::rc::Rc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_local;
use tracing::debug;

/// Makes the backend's answer the client's; if it is a 101, the connections are joined from then on.
pub(super) fn unless_upgraded(
    mut answer: Response<Proxied>,
    request: &mut Asked,
    client: &Rc<Client>,
    proxy: &Proxy,
) -> Answer {
    let protocol = answer.headers_mut().remove(UPGRADE);
    remove_hop_by_hop(answer.headers_mut());
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return answer.map(|content| Body::Proxied(Box::new(content)));
    }
    let (from_client, from_backend) = (hyper::upgrade::on(request), hyper::upgrade::on(&mut answer));
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.extend(protocol.map(|protocol| (UPGRADE, protocol)));
    let (client, pipes, idle) = (Rc::clone(client), Rc::clone(&proxy.pipes), proxy.config.idle_timeout);
    let (head, in_use) = answer.into_parts();
    spawn_local(async move {
        let joined = join(from_client, from_backend, &client, &pipes, idle);
        tokio::select! {
            result = joined => if let Err(e) = result {
                debug!("{}: upgraded connection: {e}", client.peer);
            },
            () = client.drain.closing() => debug!("{}: closed, because the process ends", client.peer),
        }
        drop(in_use);
    });
    Response::from_parts(head, Body::Empty)
}

async fn join(
    from_client: OnUpgrade,
    from_backend: OnUpgrade,
    client: &Client,
    pipes: &Pipes,
    idle_timeout: Duration,
) -> io::Result<()> {
    let (from_client, from_backend) =
        tokio::try_join!(from_client, from_backend).map_err(io::Error::other)?;
    let (said_by_client, mut to_client) = stream_of(from_client)?.into_parts();
    let (said_by_backend, mut to_backend) = backend_of(from_backend)?;
    to_backend.write_all(&said_by_client).await?;
    to_client.write_all(&said_by_backend).await?;
    let tools = PumpTools { scratch: &client.context.scratch, pipes };
    pump(&mut to_client, &mut to_backend, tools, idle_timeout).await
}

/// The connection as it was before hyper, and what hyper has read beyond the head.
fn backend_of(upgraded: Upgraded) -> io::Result<(bytes::Bytes, Stream)> {
    let parts = upgraded
        .downcast::<TokioIo<Stream>>()
        .map_err(|_| io::Error::other("the connection below HTTP is of an unknown kind"))?;
    Ok((parts.read_buf, parts.io.into_inner()))
}
