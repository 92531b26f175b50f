use super::*;

const RULES: Rules = Rules {
    max_frame: 0,
    max_message: 0,
    require_mask: true,
    refuse_mask: false,
    validate_utf8: true,
    apply_mask: true,
};

/// A client's frame, masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![first];
    match payload.len() {
        n @ 0..=125 => out.push(0x80 | n as u8),
        n @ 126..=0xFFFF => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(n as u16).to_be_bytes());
        }
        n => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(n as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&mask);
    let at = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[at..], mask, 0);
    out
}

/// Feeds in pieces of `step` bytes and writes down what comes out.
fn run(rules: Rules, bytes: &[u8], step: usize) -> (Vec<String>, Result<(), Violation>) {
    let mut decoder = Decoder::new(rules, None);
    let mut seen = Vec::new();
    for piece in bytes.chunks(step) {
        let result = decoder.feed(&mut piece.to_vec(), &mut |event| {
            seen.push(match event {
                Event::Text(p) => format!("text {}", String::from_utf8_lossy(p)),
                Event::Binary(p) => format!("binary {}", p.len()),
                Event::Ping(p) => format!("ping {}", String::from_utf8_lossy(p)),
                Event::Pong(p) => format!("pong {}", String::from_utf8_lossy(p)),
                Event::Close(c) => format!("close {c:?}"),
            });
            Continue(())
        });
        let result = result.map(|left| assert_eq!(left, 0));
        if result.is_err() || seen.last().is_some_and(|s| s.starts_with("close")) {
            return (seen, result);
        }
    }
    (seen, Ok(()))
}

fn code(rules: Rules, bytes: &[u8]) -> u16 {
    let whole = run(rules, bytes, bytes.len()).1.unwrap_err();
    assert_eq!(run(rules, bytes, 1).1.unwrap_err(), whole);
    whole.code
}

#[test]
fn messages_come_out_however_they_are_cut() {
    let bytes = [
        frame(0x81, b"hello"),
        frame(0x01, "frag ".as_bytes()),
        frame(0x89, b"in between"),
        frame(0x00, &"é".as_bytes()[..1]),
        frame(0x80, &"é".as_bytes()[1..]),
        frame(0x82, &vec![7; 70_000]),
        frame(0x82, &[]),
        frame(0x8A, b""),
        frame(0x88, b"\x03\xe8bye"),
        frame(0x81, b"after the close"),
    ]
    .concat();
    let expected = [
        "text hello",
        "ping in between",
        "text frag é",
        "binary 70000",
        "binary 0",
        "pong ",
        "close Some((1000, \"bye\"))",
    ];
    for step in [1, 2, 3, 7, 1000, bytes.len()] {
        let (seen, result) = run(RULES, &bytes, step);
        assert_eq!(seen, expected, "step {step}");
        assert_eq!(result, Ok(()));
    }
}

#[test]
fn an_idle_decoder_owns_no_buffer() {
    let mut decoder = Decoder::new(RULES, None);
    decoder.feed(&mut frame(0x81, &[b'x'; 5000])[..4000], &mut |_| Continue(())).unwrap();
    assert!(decoder.kept.capacity() > 0);
    let mut decoder = Decoder::new(RULES, None);
    let bytes = frame(0x81, &[b'x'; 5000]);
    decoder.feed(&mut bytes[..4000].to_vec(), &mut |_| Continue(())).unwrap();
    decoder.feed(&mut bytes[4000..].to_vec(), &mut |_| Continue(())).unwrap();
    assert_eq!(decoder.kept.capacity(), 0);
}

#[test]
fn what_the_protocol_forbids_is_a_protocol_error() {
    for bad in [
        frame(0xC1, b"rsv1"),
        frame(0x83, b""),
        frame(0x8B, b""),
        frame(0x80, b"nothing to continue"),
        [frame(0x01, b"a"), frame(0x81, b"b")].concat(),
        frame(0x09, b"fragmented ping"),
        frame(0x89, &[0; 126]),
        frame(0x88, b"\x03"),
        frame(0x88, b"\x03\xec"),
        frame(0x88, b"\x00\x00"),
        frame(0x88, b"\x0b\xb7"),
        b"\x81\x01x".to_vec(),
        b"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
    ] {
        assert_eq!(code(RULES, &bad), 1002, "{bad:x?}");
    }
    assert!(run(Rules { require_mask: false, ..RULES }, b"\x81\x01x", 9).1.is_ok());
}

#[test]
fn a_client_refuses_masked_frames() {
    let of_client = Rules { require_mask: false, refuse_mask: true, ..RULES };
    assert!(run(of_client, b"\x81\x01x", 9).1.is_ok());
    assert_eq!(code(of_client, &frame(0x81, b"x")), 1002);
}

#[test]
fn a_full_sink_gets_no_more_messages_and_none_is_lost() {
    let frames = [frame(0x81, b"one"), frame(0x89, b"p"), frame(0x81, b"two")].concat();
    let mut decoder = Decoder::new(RULES, None);
    let (mut input, mut seen) = (frames, Vec::new());
    for expected in [1, 2, 3] {
        let left = decoder
            .feed(&mut input, &mut |event| {
                seen.push(format!("{event:?}"));
                Break(())
            })
            .unwrap();
        input.drain(..input.len() - left);
        assert_eq!(seen.len(), expected);
    }
    assert!(input.is_empty());
}

#[test]
fn what_has_begun_is_told_by_its_number() {
    let mut decoder = Decoder::new(RULES, None);
    let mut feed = |bytes: &[u8]| {
        decoder.feed(&mut bytes.to_vec(), &mut |_| Continue(())).unwrap();
        decoder.unfinished()
    };
    assert_eq!(feed(b""), None);
    let (first, second) = (frame(0x01, b"a"), frame(0x80, b"b"));
    assert_eq!(feed(&first[..1]), Some(0));
    assert_eq!(feed(&first[1..]), Some(0), "a message in fragments");
    assert_eq!(feed(&frame(0x89, b"ping")), Some(0));
    assert_eq!(feed(&[&second[..], &first].concat()), Some(1), "the next has begun with the same read");
    assert_eq!(feed(&second), None);
    assert_eq!(feed(&frame(0x89, b"ping")[..3]), Some(2));
}

#[test]
fn text_that_is_not_utf8_fails_before_its_end() {
    let bad = frame(0x81, b"bad \xf4\x90\x80\x80 and more");
    let mut decoder = Decoder::new(RULES, None);
    assert_eq!(decoder.feed(&mut bad[..12].to_vec(), &mut |_| Continue(())).unwrap_err().code, 1007);
    assert_eq!(code(RULES, &frame(0x81, b"cut \xe2\x82")), 1007);
    assert_eq!(code(RULES, &frame(0x88, b"\x03\xe8\xff")), 1007);
    assert!(run(Rules { validate_utf8: false, ..RULES }, &frame(0x81, b"\xff"), 99).1.is_ok());
}

#[test]
fn limits_hold_at_the_header() {
    let small = Rules { max_frame: 10, max_message: 15, ..RULES };
    assert!(run(small, &frame(0x82, &[0; 10]), 99).1.is_ok());
    assert_eq!(code(small, &frame(0x82, &[0; 11])), 1009);
    let long = [frame(0x02, &[0; 10]), frame(0x80, &[0; 6])].concat();
    assert_eq!(code(small, &long), 1009);
    let header_only = &frame(0x82, &[0; 200])[..8];
    assert_eq!(code(small, header_only), 1009);
}
