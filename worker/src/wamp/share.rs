//! How much of a link is done before others have their turn.

use std::time::Duration;

/// Frames that are done at a time, at most.
const FRAMES: usize = 64;
/// How long that takes, at most: then what is done yet is the last.
const TIME: Duration = Duration::from_millis(1);
/// Frames between two looks at the clock.
const SLICE: usize = 8;

/// Does some of the frames that wait, by `some`, which does as many as it is told at most and says how many there were.
/// `elapsed` is the time since the beginning. True: there may be more.
pub(crate) fn in_turn<E>(
    elapsed: impl Fn() -> Duration,
    mut some: impl FnMut(usize) -> Result<usize, E>,
) -> Result<bool, E> {
    for _ in 0..FRAMES / SLICE {
        if some(SLICE)? < SLICE {
            return Ok(false);
        }
        if elapsed() >= TIME {
            break;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Frames that are done of so many, each of which takes so many microseconds, and whether there may be more.
    fn done(frames: usize, micros: u64) -> (usize, bool) {
        let left = Cell::new(frames);
        let done = || frames - left.get();
        let elapsed = || Duration::from_micros(micros) * u32::try_from(done()).unwrap();
        let more = in_turn(elapsed, |most| {
            let now = most.min(left.get());
            left.set(left.get() - now);
            Ok::<_, ()>(now)
        });
        (done(), more.unwrap())
    }

    #[test]
    fn a_turn_is_64_frames_or_one_millisecond_long() {
        for (frames, micros, expected) in [
            (0, 1, (0, false)),
            (7, 1, (7, false)),
            (63, 1, (63, false)),
            (1000, 0, (64, true)),
            (1000, 1, (64, true)),
            (1000, 50, (24, true)),
            (1000, 200, (8, true)),
            (7, 10_000, (7, false)),
        ] {
            assert_eq!(done(frames, micros), expected, "{frames} frames of {micros} µs");
        }
        assert_eq!(in_turn(Duration::default, |_| Err(7)), Err(7));
    }
}
