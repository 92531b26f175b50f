//! What the fuzz target of RawSocket calls.

use super::frame::{Decoder, FrameError, Kind, encode};
use super::handshake::{Reply, Request};

/// What bytes have led to: the frames, and the number of the one that has begun and not ended.
type Outcome = (Vec<(Kind, Vec<u8>)>, Result<Option<u64>, FrameError>);

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
    let whole = read(frames, frames.len().max(1), most);
    assert_eq!(whole, read(frames, 1, most));
    let mut written = Vec::new();
    for (kind, payload) in &whole.0 {
        assert!(encode(*kind, payload, most, &mut written).is_ok());
    }
    assert!(frames.starts_with(&written));
}

fn read(frames: &[u8], size: usize, most: usize) -> Outcome {
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
