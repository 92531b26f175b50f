//! Messages of a router that nobody has taken yet.

use jackfield_wamp::Message;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Once so many bytes wait, no more are read: a router is slowed down by who does not take what it sends.
const HIGH_WATER: usize = 256 << 10;

/// Messages of a router that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    waiting: RefCell<VecDeque<Message>>,
    bytes: Cell<usize>,
    ended: Cell<bool>,
    /// Who takes them.
    taker: RefCell<Option<Waker>>,
    /// Who puts them in, and waits for room.
    giver: RefCell<Option<Waker>>,
}

impl Inbox {
    /// Puts a message in.
    pub(super) fn push(&self, message: Message) {
        self.bytes.set(self.bytes.get() + message.size());
        self.waiting.borrow_mut().push_back(message);
        wake(&self.taker);
    }

    /// Nothing more will come.
    pub(super) fn end(&self) {
        self.ended.set(true);
        wake(&self.taker);
    }

    /// Whether there is room for more; if not, `cx` is woken when there is.
    pub(super) fn has_room(&self, cx: &Context<'_>) -> bool {
        let has_room = self.bytes.get() < HIGH_WATER;
        if !has_room {
            *self.giver.borrow_mut() = Some(cx.waker().clone());
        }
        has_room
    }

    /// Bytes that wait, about.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// The next message; none: there is none any longer.
    pub(super) async fn next(&self) -> Option<Message> {
        poll_fn(|cx| {
            let next = self.waiting.borrow_mut().pop_front();
            match next {
                Some(message) => {
                    self.bytes.set(self.bytes.get().saturating_sub(message.size()));
                    if self.bytes.get() <= HIGH_WATER / 2 {
                        wake(&self.giver);
                    }
                    Poll::Ready(Some(message))
                }
                None if self.ended.get() => Poll::Ready(None),
                None => {
                    *self.taker.borrow_mut() = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

fn wake(waker: &RefCell<Option<Waker>>) {
    let waker = waker.borrow_mut().take();
    waker.into_iter().for_each(Waker::wake);
}

/// The end of an inbox at which messages come in; nothing more comes when it is dropped.
#[derive(Debug)]
pub(super) struct Slot(pub(super) Rc<Inbox>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use jackfield_wamp::{Serializer, codec};

    #[tokio::test]
    async fn who_takes_nothing_slows_the_router_down_until_half_is_taken() {
        let inbox = Rc::new(Inbox::default());
        let text = Bytes::from(format!("[36,1,2,{{}},[\"{}\"]]", "x".repeat(HIGH_WATER / 4)));
        let message = || codec::decode(Serializer::Json, &text).unwrap();
        let context = Context::from_waker(Waker::noop());
        let mut sent = 0;
        while inbox.has_room(&context) {
            inbox.push(message());
            sent += 1;
        }
        assert!((2..=4).contains(&sent), "{sent}");
        let (giver, other) = (Rc::clone(&inbox), Rc::clone(&inbox));
        let given = async move {
            poll_fn(|cx| if giver.has_room(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
            giver.push(message());
            drop(Slot(giver));
        };
        let taken = async move {
            let mut taken = 0;
            while other.next().await.is_some() {
                taken += 1;
            }
            taken
        };
        let ((), taken) = tokio::join!(given, taken);
        assert_eq!(taken, sent + 1);
        assert_eq!(inbox.bytes(), 0);
        assert!(inbox.has_room(&context));
    }
}
