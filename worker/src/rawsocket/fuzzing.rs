//! What the fuzz target of RawSocket calls.

use super::frame::{Decoder, FrameError, Kind, encode};
use super::handshake::{Reply, Request};

/// Whatever comes: a handshake, of three bytes and four, is taken or refused; frames are the same however they are cut, and
/// written again what they were.
pub(crate) fn fuzz(bytes: &[u8]) {
    let Some((handshake, frames)) = bytes.split_first_chunk::<7>() else { return };
    let [a, b, c, reply @ ..] = *handshake;
    let most = match Request::parse([a, b, c]) {
        Ok(request) => request.most,
        Err(refusal) => {
            assert!(!refusal.to_string().is_empty());
            600
        }
    };
    if let Reply::Accepted(most) = Reply::parse(Reply::request("cbor"), reply) {
        assert!((1 << 9..=1 << 24).contains(&most));
    }
    let (found, end) = read(frames, frames.len().max(1), most);
    assert_eq!((&found, end), (&read(frames, 1, most).0, read(frames, 1, most).1));
    let mut written = Vec::new();
    for (kind, payload) in &found {
        assert!(encode(*kind, payload, most, &mut written).is_ok());
    }
    assert!(frames.starts_with(&written));
}

fn read(frames: &[u8], size: usize, most: usize) -> (Vec<(Kind, Vec<u8>)>, Result<Option<u64>, FrameError>) {
    let (mut decoder, mut found) = (Decoder::new(most), Vec::new());
    for piece in frames.chunks(size) {
        let fed = decoder.feed(piece, |kind, payload| {
            found.push((kind, payload.to_vec()));
            Ok(())
        });
        if let Err(error) = fed {
            return (found, Err(error));
        }
    }
    let end = decoder.unfinished();
    (found, Ok(end))
}
