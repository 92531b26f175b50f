//! The terminal: a thread of its own writes to it, so that a terminal that doesn't read (a paused pager, a
//! full pipe) never stalls the controller. What doesn't fit into the queue is dropped and counted.

use anstream::AutoStream;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

const MAX_LINES: usize = 1024;
const MAX_OCTETS: usize = 4 << 20;
/// How long the end of the controller waits for a terminal that doesn't read.
const FLUSH_TIME: Duration = Duration::from_secs(2);

#[derive(Debug)]
enum Text {
    Results(String),
    Log(String),
    /// Tell when everything before this is written.
    Flush(SyncSender<()>),
}

/// The queue to the writing thread.
#[derive(Debug)]
pub(crate) struct Sink {
    queue: SyncSender<Text>,
    queued_octets: Arc<AtomicUsize>,
    finished: Receiver<()>,
    /// Lines dropped since the last one that was not.
    gap: u64,
}

impl Sink {
    /// Starts the thread that writes to standard output and standard error, in colour if they are terminals
    /// and stay so (`is_terminal_kept`): a node that detaches writes to a file later.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(is_terminal_kept: bool) -> io::Result<Self> {
        if is_terminal_kept {
            Self::start_with(anstream::stdout(), anstream::stderr())
        } else {
            Self::start_with(AutoStream::never(io::stdout()), AutoStream::never(io::stderr()))
        }
    }

    fn start_with(
        mut results: impl Write + Send + 'static,
        mut log: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, lines) = sync_channel(MAX_LINES);
        let (done, finished) = sync_channel(1);
        let queued_octets = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&queued_octets);
        thread::Builder::new().name("terminal".into()).spawn(move || {
            for text in lines {
                let (stream, text): (&mut dyn Write, _) = match text {
                    Text::Results(text) => (&mut results, text),
                    Text::Log(text) => (&mut log, text),
                    Text::Flush(done) => {
                        let _ = done.try_send(());
                        continue;
                    }
                };
                // A terminal that is gone takes nothing; the node goes on without it.
                let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
                counter.fetch_sub(text.len(), Ordering::Relaxed);
            }
            let _ = done.send(());
        })?;
        Ok(Self { queue, queued_octets, finished, gap: 0 })
    }

    /// Puts log lines into the queue; false if they were dropped.
    pub(crate) fn log(&mut self, lines: String) -> bool {
        if self.gap > 0 {
            let note = format!("… {} log records were not shown here: the terminal is too slow\n", self.gap);
            if self.put(Text::Log(note)) {
                self.gap = 0;
            }
        }
        let fits = self.gap == 0 && self.put(Text::Log(lines));
        if !fits {
            self.gap += 1;
        }
        fits
    }

    /// Puts text for standard output into the queue.
    pub(crate) fn results(&mut self, text: String) {
        self.put(Text::Results(text));
    }

    fn put(&self, text: Text) -> bool {
        let octets = match &text {
            Text::Results(text) | Text::Log(text) => text.len(),
            Text::Flush(_) => 0,
        };
        if self.queued_octets.load(Ordering::Relaxed) + octets > MAX_OCTETS {
            return false;
        }
        self.queued_octets.fetch_add(octets, Ordering::Relaxed);
        match self.queue.try_send(text) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.queued_octets.fetch_sub(octets, Ordering::Relaxed);
                false
            }
        }
    }

    /// Waits until everything is written, but not for ever.
    pub(crate) fn flush(&self) {
        let (done, flushed) = sync_channel(1);
        if self.put(Text::Flush(done)) {
            let _ = flushed.recv_timeout(FLUSH_TIME);
        }
    }

    /// The same, and ends the thread.
    pub(crate) fn finish(self) {
        drop(self.queue);
        let _ = self.finished.recv_timeout(FLUSH_TIME);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Memory {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Memory {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Tells that a write has begun, and ends it when it is told to.
    struct Blocked(Sender<()>, Receiver<()>, Memory);

    impl Write for Blocked {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(());
            let _ = self.1.recv();
            self.2.write(octets)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_is_written_before_the_end() {
        let (results, log) = (Memory::default(), Memory::default());
        let mut sink = Sink::start_with(results.clone(), log.clone()).unwrap();
        sink.results("ready\n".into());
        assert!(sink.log("one\n".into()) && sink.log("two\n".into()));
        sink.finish();
        assert_eq!((results.text().as_str(), log.text().as_str()), ("ready\n", "one\ntwo\n"));
    }

    #[test]
    fn a_blocked_terminal_costs_records_and_no_time() {
        let ((begin, begun), (release, wait)) = (channel(), channel());
        let log = Memory::default();
        let mut sink = Sink::start_with(io::sink(), Blocked(begin, wait, log.clone())).unwrap();
        assert!(sink.log("line 0\n".into()));
        begun.recv().unwrap();
        let mut kept = 1;
        while sink.log(format!("line {kept}\n")) {
            kept += 1;
        }
        assert!(kept >= MAX_LINES && !sink.log("lost\n".into()));
        drop(release);
        while sink.queued_octets.load(Ordering::Relaxed) > 0 {
            thread::yield_now();
        }
        assert!(sink.log("again\n".into()));
        sink.finish();
        let text = log.text();
        assert!(text.contains("2 log records were not shown here"), "{}", text.len());
        assert!(text.ends_with("again\n"));
        assert_eq!(text.lines().count(), kept + 2);
    }

    #[test]
    fn the_queue_is_bounded_in_octets_too() {
        let ((begin, _begun), (_release, wait)) = (channel(), channel());
        let mut sink = Sink::start_with(io::sink(), Blocked(begin, wait, Memory::default())).unwrap();
        let big = "x".repeat(MAX_OCTETS / 4);
        assert_eq!((0..10).filter(|_| sink.log(big.clone())).count(), 4);
    }
}
