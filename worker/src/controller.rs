//! The process's words to its controller. Control messages are never dropped and go before log records.

use crate::log::Queued;
use jackfield_shared::ipc::{self, FromWorker};
use jackfield_shared::status::{NodeState, Status};
use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How long an answer of the controller is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

enum Outgoing {
    Message(FromWorker),
    /// Tell when everything before this, and every record queued by then, is sent.
    Flush(oneshot::Sender<()>),
}

/// Sends to the controller and asks it questions.
pub(crate) struct Controller {
    outbox: mpsc::UnboundedSender<Outgoing>,
    question: RefCell<Question>,
    /// Who waits for a connection with another process.
    sibling: RefCell<Option<(u32, oneshot::Sender<Option<OwnedFd>>)>>,
    node_state: Cell<NodeState>,
    seq: Cell<u64>,
}

/// The question about the node's state that is open, and who waits for its answer.
#[derive(Default)]
struct Question {
    asked: Option<Instant>,
    waiting: Vec<oneshot::Sender<Rc<Status>>>,
}

impl Controller {
    /// The handle, and the queue that [`Outbox::run`] empties.
    pub(crate) fn new(records: mpsc::Receiver<Queued>) -> (Rc<Self>, Outbox) {
        let (outbox, messages) = mpsc::unbounded_channel();
        let controller = Self {
            outbox,
            question: RefCell::default(),
            sibling: RefCell::default(),
            node_state: Cell::default(),
            seq: Cell::new(0),
        };
        (Rc::new(controller), Outbox { messages, records })
    }

    /// Queues a control message.
    pub(crate) fn send(&self, message: FromWorker) {
        // Fails only when the controller is gone; then the process is about to end.
        let _ = self.outbox.send(Outgoing::Message(message));
    }

    /// Whether the node serves, as the controller has told.
    pub(crate) fn node_state(&self) -> NodeState {
        self.node_state.get()
    }

    /// The controller tells whether the node serves.
    pub(crate) fn set_node_state(&self, state: NodeState) {
        self.node_state.set(state);
    }

    /// The state of the node, or `None` if the controller gives no answer in time. Questions that are asked
    /// while one is open share its answer.
    pub(crate) async fn status(&self) -> Option<Rc<Status>> {
        let (waiter, answer) = oneshot::channel();
        {
            let mut question = self.question.borrow_mut();
            question.waiting.retain(|waiter| !waiter.is_closed());
            question.waiting.push(waiter);
            if question.asked.is_none_or(|asked| asked.elapsed() >= PATIENCE) {
                question.asked = Some(Instant::now());
                let seq = self.seq.get() + 1;
                self.seq.set(seq);
                self.send(FromWorker::AskStatus { seq });
            }
        }
        tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()
    }

    /// Hands an answer to all who wait for one: a late answer is as true as the one expected.
    pub(crate) fn answered(&self, status: Status) {
        let Question { waiting, .. } = self.question.take();
        let status = Rc::new(status);
        for waiter in waiting {
            let _ = waiter.send(Rc::clone(&status)); // it may have lost patience
        }
    }

    /// A connection with another process of the worker; nothing: there is none with sessions that others may go on with. One
    /// question is open at a time, and may wait for ever.
    pub(crate) async fn sibling(&self, process: u32) -> Option<OwnedFd> {
        let (waiter, answer) = oneshot::channel();
        *self.sibling.borrow_mut() = Some((process, waiter));
        self.send(FromWorker::AskSibling { process });
        answer.await.ok().flatten()
    }

    /// Hands on the connection; nobody may wait for it any longer.
    pub(crate) fn sibling_answered(&self, process: u32, socket: Option<OwnedFd>) {
        let waiter = self.sibling.borrow_mut().take_if(|(asked, _)| *asked == process);
        if let Some((_, waiter)) = waiter {
            let _ = waiter.send(socket);
        }
    }

    /// Waits until what has been queued is sent, but not for ever.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.outbox.send(Outgoing::Flush(done)).is_ok() {
            let _ = tokio::time::timeout(PATIENCE, flushed).await;
        }
    }
}

/// What waits to be sent.
pub(crate) struct Outbox {
    messages: mpsc::UnboundedReceiver<Outgoing>,
    records: mpsc::Receiver<Queued>,
}

impl Outbox {
    /// Sends until the controller is gone.
    pub(crate) async fn run(mut self, mut sender: ipc::Sender<FromWorker>) -> Result<(), ipc::Error> {
        loop {
            tokio::select! {
                biased;
                message = self.messages.recv() => match message {
                    Some(Outgoing::Message(message)) => sender.send(&message, &[]).await?,
                    Some(Outgoing::Flush(done)) => {
                        while let Ok(queued) = self.records.try_recv() {
                            for record in queued.records() {
                                sender.send(&FromWorker::Log(record), &[]).await?;
                            }
                        }
                        let _ = done.send(());
                    }
                    None => return Ok(()),
                },
                Some(queued) = self.records.recv() => {
                    for record in queued.records() {
                        sender.send(&FromWorker::Log(record), &[]).await?;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::ipc::ToWorker;
    use jackfield_shared::log::{Level, Record};
    use jackfield_shared::status::Node;

    fn status() -> Status {
        let node = Node {
            id: "n".into(),
            pid: 1,
            version: "0".into(),
            dir: "/".into(),
            config: "built-in".into(),
            uptime_s: 1.0,
            generation: 1,
            state: NodeState::Ready,
        };
        Status::of(node)
    }

    fn start() -> (Rc<Controller>, mpsc::Sender<Queued>, Outbox) {
        let (log, records) = mpsc::channel(8);
        let (controller, outbox) = Controller::new(records);
        (controller, log, outbox)
    }

    #[tokio::test]
    async fn control_messages_overtake_records_and_flush_waits_for_both() {
        let (controller, log, outbox) = start();
        let (ours, theirs) = ipc::pair().unwrap();
        let (sender, _) = ipc::split::<FromWorker, ToWorker>(ours).unwrap();
        let (_, mut receiver) = ipc::split::<ToWorker, FromWorker>(theirs).unwrap();
        log.try_send(Queued::alone(Record::now(Level::Info, "one"))).unwrap();
        controller.send(FromWorker::Ready);
        tokio::select! {
            _ = outbox.run(sender) => unreachable!("the controller is there"),
            () = controller.flush() => {}
        }
        assert!(matches!(receiver.recv().await.unwrap().unwrap().0, FromWorker::Ready));
        assert!(matches!(receiver.recv().await.unwrap().unwrap().0, FromWorker::Log(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn simultaneous_questions_share_one_answer() {
        let (controller, _log, mut outbox) = start();
        let answer = async {
            let Some(Outgoing::Message(FromWorker::AskStatus { seq: 1 })) = outbox.messages.recv().await
            else {
                panic!("no question")
            };
            controller.answered(status());
        };
        let (a, b, ()) = tokio::join!(controller.status(), controller.status(), answer);
        assert!(Rc::ptr_eq(&a.unwrap(), &b.unwrap()));
        assert!(outbox.messages.try_recv().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_controller_is_asked_again_later() {
        let (controller, _log, mut outbox) = start();
        assert!(controller.status().await.is_none());
        assert!(controller.status().await.is_none());
        for n in 1..=2 {
            let message = outbox.messages.try_recv();
            assert!(matches!(message, Ok(Outgoing::Message(FromWorker::AskStatus { seq })) if seq == n));
        }
    }
}
