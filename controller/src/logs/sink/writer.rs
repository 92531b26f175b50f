//! The thread of a sink.

use super::queue::{Queue, Taken};
use crate::logs::batch::Batch;
use jackfield_shared::log::{Level, Record};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::Arc;

/// Something that records are written to.
pub(super) trait Writer: Send {
    /// Writes the records and takes out those that are written, or are sure to be when this is called again.
    ///
    /// # Errors
    /// When the others can't be written now. It will be tried again.
    fn write(&mut self, records: &mut VecDeque<Arc<Batch>>) -> io::Result<()>;

    /// Records that were taken out and are not written yet.
    fn pending(&self) -> usize {
        0
    }

    /// Takes those out again.
    fn unwritten(&mut self) -> VecDeque<Arc<Batch>> {
        VecDeque::new()
    }

    /// Prints on standard output, if the sink is the terminal.
    fn results(&mut self, _text: &str) {}

    /// Something that an operator should know, though records are written.
    fn remark(&mut self) -> Option<String> {
        None
    }
}

/// Sends each record by itself, in order, and takes out those that are sent; also the one that fails, if `keeps_it` says
/// that the writer goes on with it by itself.
///
/// # Errors
/// As `send`: the others are left.
pub(super) fn one_by_one(
    batches: &mut VecDeque<Arc<Batch>>,
    keeps_it: bool,
    mut send: impl FnMut(&Record) -> io::Result<()>,
) -> io::Result<()> {
    while let Some(batch) = batches.pop_front() {
        for (sent, record) in batch.records().enumerate() {
            if let Err(e) = send(&record) {
                if let Some(left) = batch.after(sent + usize::from(keeps_it)) {
                    batches.push_front(Arc::new(left));
                }
                return Err(e);
            }
        }
    }
    Ok(())
}

/// Writes what comes, until the queue is closed and empty, or closed and nothing can be written.
pub(super) fn run(queue: &Queue, mut writer: Box<dyn Writer>) {
    while let Some(taken) = queue.take() {
        match taken {
            Taken::Records(mut records) => {
                while let Err(e) = writer.write(&mut records) {
                    let waiting: usize = records.iter().map(|batch| batch.count()).sum();
                    queue.left_over(waiting + writer.pending());
                    let reason = match e.kind() {
                        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                            "it takes nothing at the moment".into()
                        }
                        _ => e.to_string(),
                    };
                    if queue.fails(&reason) {
                        let mut left = writer.unwritten();
                        left.append(&mut records);
                        queue.put_back(left.into_iter());
                        return;
                    }
                }
                queue.works();
                if let Some(remark) = writer.remark() {
                    queue.tell(Level::Warn, &remark);
                }
            }
            Taken::Results(text) => writer.results(&text),
        }
    }
}
