//! WebSocket echoes made with well-known libraries, as their examples do it: one thread for each core, each with
//! its own socket (SO_REUSEPORT) and its own runtime.

use crate::{Outcome, socket};
use clap::{Args as ClapArgs, ValueEnum};
use fastwebsockets::upgrade::{UpgradeFut, is_upgrade_request, upgrade};
use fastwebsockets::{FragmentCollector, OpCode, WebSocketError};
use futures::{SinkExt, StreamExt};
use http_body_util::Empty;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// The library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Library {
    Fastwebsockets,
    Tungstenite,
}

/// What echoes, and where.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct Args {
    #[arg(value_enum)]
    library: Library,
    /// Where it listens.
    address: SocketAddr,
    #[arg(long, default_value_t = 1)]
    threads: usize,
}

/// Echoes until it is killed.
pub(crate) fn run(args: &Args) -> Outcome {
    let threads: Vec<_> = (0..args.threads)
        .map(|_| {
            let (library, address) = (args.library, args.address);
            std::thread::spawn(move || serve(library, address))
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}

fn serve(library: Library, address: SocketAddr) -> Outcome {
    socket::serve(address, move |stream| async move {
        // An error is the client's going away.
        let _ = match library {
            Library::Fastwebsockets => by_fastwebsockets(stream).await,
            Library::Tungstenite => by_tungstenite(stream).await,
        };
    })
}

async fn by_fastwebsockets(stream: TcpStream) -> Outcome {
    let http = hyper::server::conn::http1::Builder::new();
    let connection = http.serve_connection(TokioIo::new(stream), service_fn(answer)).with_upgrades();
    Ok(connection.await?)
}

async fn answer(mut request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, WebSocketError> {
    if !is_upgrade_request(&request) {
        let mut response = Response::new(Empty::new());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    let (response, websocket) = upgrade(&mut request)?;
    tokio::spawn(echo(websocket));
    Ok(response)
}

async fn echo(websocket: UpgradeFut) -> Result<(), WebSocketError> {
    let mut websocket = FragmentCollector::new(websocket.await?);
    loop {
        let frame = websocket.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => websocket.write_frame(frame).await?,
            _ => {}
        }
    }
}

async fn by_tungstenite(stream: TcpStream) -> Outcome {
    let mut websocket = tokio_tungstenite::accept_async(stream).await?;
    while let Some(message) = websocket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            websocket.send(message).await?;
        }
    }
    Ok(())
}
