//! The terminal: a thread of its own writes to it, so that a terminal that doesn't read (a paused pager, a
//! full pipe) never stalls the controller. What doesn't fit into the queue is dropped and counted.

use super::format::Format;
use anstream::AutoStream;
use jackfield_shared::log::{Level, Record};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
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
    format: Format,
    queued_octets: Arc<AtomicUsize>,
    finished: Receiver<()>,
    failed: Arc<AtomicU64>,
    /// Lines dropped since the last one that was not.
    gap: u64,
}

impl Sink {
    /// Starts the thread that writes to standard output and standard error, in colour if they are terminals
    /// and stay so (`is_terminal_kept`): a node that detaches writes to a file later.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(is_terminal_kept: bool, format: Format) -> io::Result<Self> {
        if is_terminal_kept {
            Self::start_with(format, anstream::stdout(), anstream::stderr())
        } else {
            Self::start_with(format, AutoStream::never(io::stdout()), AutoStream::never(io::stderr()))
        }
    }

    fn start_with(
        format: Format,
        mut results: impl Write + Send + 'static,
        mut log: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, lines) = sync_channel(MAX_LINES);
        let (done, finished) = sync_channel(1);
        let queued_octets = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&queued_octets);
        let failed = Arc::new(AtomicU64::new(0));
        let total = Arc::clone(&failed);
        thread::Builder::new().name("terminal".into()).spawn(move || {
            let mut log = Failing { to: &mut log, format, missing: 0, total: &failed };
            for text in lines {
                let written = match text {
                    // A terminal that is gone takes nothing; the node goes on without it.
                    Text::Results(text) => {
                        let _ = results.write_all(text.as_bytes()).and_then(|()| results.flush());
                        text.len()
                    }
                    Text::Log(text) => {
                        log.write(&text);
                        text.len()
                    }
                    Text::Flush(done) => {
                        let _ = done.try_send(());
                        0
                    }
                };
                counter.fetch_sub(written, Ordering::Relaxed);
            }
            let _ = done.send(());
        })?;
        Ok(Self { queue, format, queued_octets, finished, failed: total, gap: 0 })
    }

    /// Records that were accepted but could not be written, as on a full disk.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Puts log lines into the queue; false if they were dropped.
    pub(crate) fn log(&mut self, lines: String) -> bool {
        if self.gap > 0 {
            let text = format!("{} log records are missing here: the reader was too slow", self.gap);
            let note = self.format.render(&Record::now(Level::Warn, text));
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

/// A stream that may fail for a while, as a file on a full disk does: what is missing is counted, and said as
/// soon as it can be.
struct Failing<'a> {
    to: &'a mut dyn Write,
    format: Format,
    missing: u64,
    total: &'a AtomicU64,
}

impl Failing<'_> {
    fn write(&mut self, text: &str) {
        let written = self.fill_gap().and_then(|()| self.put(text));
        if written.is_err() {
            self.missing += 1;
            self.total.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn fill_gap(&mut self) -> io::Result<()> {
        if self.missing > 0 {
            // What was written last may have been cut off within a line.
            let text = format!("{} log records are missing here: they could not be written", self.missing);
            self.put("\n")?;
            self.put(&self.format.render(&Record::now(Level::Warn, text)))?;
            self.missing = 0;
        }
        Ok(())
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush())
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
        let mut sink = Sink::start_with(Format::Pretty, results.clone(), log.clone()).unwrap();
        sink.results("ready\n".into());
        assert!(sink.log("one\n".into()) && sink.log("two\n".into()));
        sink.finish();
        assert_eq!((results.text().as_str(), log.text().as_str()), ("ready\n", "one\ntwo\n"));
    }

    #[test]
    fn a_blocked_terminal_costs_records_and_no_time() {
        let ((begin, begun), (release, wait)) = (channel(), channel());
        let log = Memory::default();
        let mut sink =
            Sink::start_with(Format::Pretty, io::sink(), Blocked(begin, wait, log.clone())).unwrap();
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
        assert!(text.contains("2 log records are missing here"), "{}", text.len());
        assert!(text.ends_with("again\n"));
        assert_eq!(text.lines().count(), kept + 2);
    }

    #[test]
    fn the_queue_is_bounded_in_octets_too() {
        let ((begin, _begun), (_release, wait)) = (channel(), channel());
        let mut sink =
            Sink::start_with(Format::Pretty, io::sink(), Blocked(begin, wait, Memory::default())).unwrap();
        let big = "x".repeat(MAX_OCTETS / 4);
        assert_eq!((0..10).filter(|_| sink.log(big.clone())).count(), 4);
    }

    /// A disk that is full until it isn't.
    struct Full(Memory, Arc<std::sync::atomic::AtomicBool>);

    impl Write for Full {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            if self.1.load(Ordering::Relaxed) {
                Err(io::ErrorKind::StorageFull.into())
            } else {
                self.0.write(octets)
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_full_disk_swallows_is_counted_and_said() {
        let (memory, full) = (Memory::default(), Arc::new(std::sync::atomic::AtomicBool::new(true)));
        let mut sink =
            Sink::start_with(Format::Pretty, io::sink(), Full(memory.clone(), Arc::clone(&full))).unwrap();
        assert!(sink.log("one\n".into()) && sink.log("two\n".into()));
        sink.flush();
        assert_eq!(sink.failed(), 2);
        full.store(false, Ordering::Relaxed);
        sink.log("three\n".into());
        sink.flush();
        assert!(
            memory.text().ends_with(" 2 log records are missing here: they could not be written\nthree\n")
        );
        assert_eq!(sink.failed(), 2);
    }
}
