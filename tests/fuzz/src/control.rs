//! The control socket. The controller is an executable, which nothing can be built on: its protocol is read from where it is.

#![allow(dead_code, unreachable_pub, missing_docs)] // Of these files only the reading side is used here.

#[path = "../../../controller/src/control/filter.rs"]
mod filter;
#[path = "../../../controller/src/control/frame.rs"]
mod frame;
#[path = "../../../controller/src/control/protocol.rs"]
mod protocol;

use filter::Filter;
use protocol::{Envelope, Request};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// What a client sends: lines of a limited length, and requests in them that are written as they were read.
pub fn control(bytes: &[u8]) {
    let mut from = bytes;
    while let Some(line) = next(&mut from) {
        assert!(line.len() <= frame::MAX_REQUEST);
        let Ok(envelope) = serde_json::from_slice::<Envelope>(&line) else { continue };
        let Ok(request) = serde_json::from_value::<Request>(envelope.request) else { continue };
        let written = serde_json::to_value(&request).expect("a request is written");
        let again: Request = serde_json::from_value(written.clone()).expect("what was written is read");
        assert_eq!(serde_json::to_value(&again).ok(), Some(written));
        assert_eq!(again.changes_nothing(), request.changes_nothing());
    }
}

fn next(from: &mut &[u8]) -> Option<Vec<u8>> {
    let reading = pin!(frame::read_line(from, frame::MAX_REQUEST));
    match reading.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(line) => line.ok().flatten(),
        Poll::Pending => panic!("what is there is waited for"),
    }
}
