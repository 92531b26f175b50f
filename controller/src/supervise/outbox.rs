//! Messages on their way to a process.

use jackfield_shared::ipc::ToWorker;
use std::os::fd::OwnedFd;
use tokio::sync::mpsc;

/// Messages that wait for a process to read them. One that doesn't read is stuck, and is soon found to be.
const OUTBOX: usize = 64;

/// A message to a process, with the descriptors that go with it.
pub(super) type Parcel = (ToWorker, Vec<OwnedFd>);

/// A queue for messages to a process.
pub(super) fn outbox() -> (mpsc::Sender<Parcel>, mpsc::Receiver<Parcel>) {
    mpsc::channel(OUTBOX)
}
