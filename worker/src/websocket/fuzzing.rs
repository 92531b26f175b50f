//! What the fuzz target of WebSocket's frames calls.

use super::decode::{Decoder, Event, Rules};
use super::deflate::Direction;
use std::ops::ControlFlow::Continue;

/// What bytes have led to: the events, whether there was a violation, and what has begun and not ended.
type Outcome = (Vec<String>, bool, Option<u64>);

/// Whatever comes behind the first byte, which chooses the rules: the same events however it is cut, and no message that
/// is longer than it may be.
pub(crate) fn fuzz(bytes: &[u8]) {
    let Some((&choice, frames)) = bytes.split_first() else { return };
    let chosen = |bit: u8| choice >> bit & 1 == 1;
    let rules = Rules {
        max_frame: 1000,
        max_message: 2000,
        require_mask: chosen(0),
        validate_utf8: chosen(1),
        refuse_mask: chosen(2),
        apply_mask: chosen(3),
    };
    let direction = Direction { no_context_takeover: chosen(5), window_bits: 9 + (choice >> 6) * 2 };
    let compression = || chosen(4).then_some(direction);
    let whole = outcome(&mut Decoder::new(rules, compression()), frames, frames.len().max(1), &rules);
    for size in [1, 7] {
        assert_eq!(
            whole,
            outcome(&mut Decoder::new(rules, compression()), frames, size, &rules),
            "by {size}"
        );
    }
}

fn outcome(decoder: &mut Decoder, frames: &[u8], size: usize, rules: &Rules) -> Outcome {
    let (mut events, mut is_over) = (Vec::new(), false);
    let mut frames = frames.to_vec();
    for piece in frames.chunks_mut(size) {
        let fed = decoder.feed(piece, &mut |event| {
            if let Event::Text(message) | Event::Binary(message) = event {
                assert!(message.len() as u64 <= rules.max_message);
            }
            is_over |= matches!(event, Event::Close(_));
            events.push(format!("{event:?}"));
            Continue(())
        });
        match fed {
            Err(_) => return (events, true, None),
            Ok(_) if is_over => return (events, false, None),
            Ok(left) => assert_eq!(left, 0),
        }
    }
    (events, false, decoder.unfinished())
}
