//! The bare program: it receives, and sends the same bytes. What comes from one who says `P` goes to all who say `S`, and
//! what comes from those goes to the first.

use crate::Outcome;
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};

/// Read at once.
const CHUNK: usize = 256 << 10;

#[derive(Debug, Default)]
struct Hub {
    senders: RefCell<Vec<Rc<OwnedWriteHalf>>>,
    receivers: RefCell<Vec<Rc<OwnedWriteHalf>>>,
}

pub(crate) fn run(address: SocketAddr) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(address).await?;
        let hub = Rc::new(Hub::default());
        loop {
            let (stream, _) = listener.accept().await?;
            let hub = Rc::clone(&hub);
            spawn_local(async move {
                // A client that has gone is no fault.
                let _ = serve(stream, &hub).await;
            });
        }
    })
}

async fn serve(mut stream: TcpStream, hub: &Hub) -> Outcome {
    stream.set_nodelay(true)?;
    let sends = stream.read_u8().await? == b'P';
    stream.write_all(b"!").await?;
    let (reader, writer) = stream.into_split();
    let writer = Rc::new(writer);
    let (own, others) = if sends { (&hub.senders, &hub.receivers) } else { (&hub.receivers, &hub.senders) };
    own.borrow_mut().push(Rc::clone(&writer));
    let passed = pass_on(reader, others).await;
    own.borrow_mut().retain(|other| !Rc::ptr_eq(other, &writer));
    passed
}

async fn pass_on(mut reader: OwnedReadHalf, others: &RefCell<Vec<Rc<OwnedWriteHalf>>>) -> Outcome {
    let mut bytes = vec![0; CHUNK];
    loop {
        let count = reader.read(&mut bytes).await?;
        if count == 0 {
            return Ok(());
        }
        let to = others.borrow().clone();
        for writer in to {
            let mut rest = &bytes[..count];
            while !rest.is_empty() {
                match writer.try_write(rest) {
                    Ok(written) => rest = &rest[written..],
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => writer.writable().await?,
                    // It has gone.
                    Err(_) => break,
                }
            }
        }
    }
}
