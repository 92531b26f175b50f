use super::*;
use std::future::Future;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

async fn tcp() -> (Stream, Stream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (Stream::Tcp(near.unwrap()), Stream::Tcp(far.unwrap().0))
}

fn unix() -> (Stream, Stream) {
    let (near, far) = UnixStream::pair().unwrap();
    (Stream::Unix(near), Stream::Unix(far))
}

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i % 251) as u8).collect()
}

/// Relays between a client and a backend that do as they like; how the relay ended, and the spare pipes left.
async fn relay<F: Future<Output = ()>>(
    client: (Stream, Stream),
    backend: (Stream, Stream),
    ends: impl FnOnce(Stream, Stream) -> F,
) -> (io::Result<()>, usize) {
    let (scratch, pipes) = (Scratch::new(), Pipes::default());
    let (mut near_client, mut near_backend) = (client.1, backend.1);
    let tools = Tools { scratch: &scratch, pipes: &pipes };
    let (result, ()) = tokio::join!(
        async {
            let result = pump(&mut near_client, &mut near_backend, tools, Duration::from_secs(60)).await;
            drop((near_client, near_backend));
            result
        },
        ends(client.0, backend.0)
    );
    (result, pipes.spare())
}

#[tokio::test]
async fn each_direction_ends_by_itself() {
    for kind in 0..2 {
        let pairs = if kind == 0 { (tcp().await, tcp().await) } else { (unix(), unix()) };
        let (result, pipes) = relay(pairs.0, pairs.1, async |mut client, mut backend| {
            client.write_all(b"question").await.unwrap();
            client.shutdown().await.unwrap();
            let mut text = String::new();
            backend.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "question");
            // The other direction is still open.
            backend.write_all(b"answer").await.unwrap();
            backend.shutdown().await.unwrap();
            text.clear();
            client.read_to_string(&mut text).await.unwrap();
            assert_eq!(text, "answer");
        })
        .await;
        result.unwrap();
        assert_eq!(pipes, 0, "a short transfer needs no pipe");
    }
}

#[tokio::test]
async fn long_transfers_arrive_whole_over_every_kind_of_socket() {
    for kinds in 0..4 {
        let client = if kinds & 1 == 0 { tcp().await } else { unix() };
        let backend = if kinds & 2 == 0 { tcp().await } else { unix() };
        let sent = bytes(20 << 20);
        let (result, pipes) = relay(client, backend, async |mut client, mut backend| {
            let mut got = Vec::with_capacity(sent.len());
            let send = async {
                client.write_all(&sent).await.unwrap();
                client.shutdown().await.unwrap();
            };
            tokio::join!(send, async {
                backend.read_to_end(&mut got).await.unwrap();
                drop(backend);
            });
            assert!(got == sent);
        })
        .await;
        result.unwrap();
        assert!(pipes > 0, "a long transfer goes through a pipe, which is given back");
    }
}

/// Writes from `bytes` until everything on the way is full; how many were written.
async fn fill(stream: &Stream, bytes: &[u8]) -> usize {
    let (mut written, mut refused) = (0, 0);
    while written < bytes.len() && refused < 5 {
        let rest = &bytes[written..];
        match stream.try_io(Interest::WRITABLE, || Ok(rustix::io::write(stream.fd(), rest)?)) {
            Ok(count) => {
                written += count;
                refused = 0;
            }
            Err(_) => {
                refused += 1;
                tokio::task::yield_now().await;
            }
        }
    }
    written
}

#[tokio::test]
async fn a_receiver_that_stops_for_a_while_loses_nothing() {
    // Before and after the transfer is long enough for a pipe.
    for before in [1000, 3 << 20] {
        let sent = bytes(before + (8 << 20));
        let (result, _) = relay(unix(), unix(), async |mut client, mut backend| {
            let mut got = vec![0; before];
            let (wrote, read) = tokio::join!(client.write_all(&sent[..before]), backend.read_exact(&mut got));
            assert_eq!((wrote.unwrap(), read.unwrap()), ((), before));
            let written = before + fill(&client, &sent[before..]).await;
            assert!(written < sent.len(), "the relay must not take without limit");
            let rest = async {
                client.write_all(&sent[written..]).await.unwrap();
                client.shutdown().await.unwrap();
            };
            let (_, read) = tokio::join!(rest, backend.read_to_end(&mut got));
            read.unwrap();
            drop(backend);
            assert!(got == sent);
        })
        .await;
        result.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_says_why() {
    let (scratch, pipes) = (Scratch::new(), Pipes::default());
    let ((mut client, mut near_client), (_backend, mut near_backend)) = (unix(), unix());
    client.write_all(b"x").await.unwrap();
    let tools = Tools { scratch: &scratch, pipes: &pipes };
    let result = pump(&mut near_client, &mut near_backend, tools, Duration::from_secs(5)).await;
    let error = result.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(error.to_string().contains("5 s (`idle_timeout`)"), "{error}");
}

#[tokio::test]
async fn a_reset_is_passed_on_as_one() {
    let (result, _) = relay(tcp().await, tcp().await, async |client, mut backend| {
        let fd = client.fd();
        socket2::SockRef::from(&fd).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        assert_eq!(backend.read(&mut [0]).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    })
    .await;
    assert_eq!(result.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_pipe_is_only_given_back_empty() {
    let pipes = Pipes::default();
    let mut pipe = pipes.take().unwrap();
    let (mut near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut near, b"left over").unwrap();
    use std::os::fd::AsFd;
    assert_eq!(pipe.fill(far.as_fd()).unwrap(), 9);
    assert_eq!(pipe.empty().unwrap(), b"left over");
    near.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(pipe.fill(far.as_fd()).unwrap(), 0);
    pipes.give(pipe);
    assert_eq!(pipes.spare(), 1);
    let mut pipe = pipes.take().unwrap();
    pipe.filled = 1;
    pipes.give(pipe);
    assert_eq!(pipes.spare(), 0);
}
