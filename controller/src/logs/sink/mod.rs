//! Where records go. Each sink has a thread of its own, so that one that is slow, hindered or stuck holds up
//! nobody: records wait in its queue, as many as have room there, and then are dropped, counted and said to be
//! missing.

mod file;
mod journald;
mod queue;
mod rotation;
mod syslog;
mod terminal;
mod writer;

use jackfield_shared::config::{self, FileSink, LogFormat};
use jackfield_shared::log::{Level, Record};
use jackfield_shared::status::LogSink;
use queue::Queue;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};

/// How long the end of the controller, or of a sink, waits for what is not written.
pub(super) const FLUSH_TIME: Duration = Duration::from_secs(2);

/// What sinks share: how they tell of their troubles, and that there is room again.
#[derive(Clone, Debug)]
pub(super) struct Common {
    /// Records about the sinks themselves.
    pub news: mpsc::UnboundedSender<Record>,
    /// Notified when a sink that was behind has caught up.
    pub room: Arc<Notify>,
}

/// A sink: its queue, and the thread that empties it.
#[derive(Debug)]
pub(super) struct Sink {
    /// What it is.
    pub config: config::Sink,
    kind: &'static str,
    target: String,
    queue: Arc<Queue>,
    finished: Receiver<()>,
}

impl Sink {
    /// Starts the sink that the configuration describes.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(sink: &config::Sink, common: &Common) -> io::Result<Self> {
        let (kind, target, writer): (_, _, Box<dyn writer::Writer>) = match sink {
            config::Sink::Terminal(sink) => {
                ("terminal", String::new(), Box::new(terminal::Terminal::new(sink)))
            }
            config::Sink::File(sink) => {
                ("file", sink.path.display().to_string(), Box::new(file::LogFile::new(sink)))
            }
            config::Sink::Journald(sink) => {
                ("journald", sink.socket.display().to_string(), Box::new(journald::Journald::new(sink)))
            }
            config::Sink::Syslog(sink) => {
                ("syslog", sink.address.to_string(), Box::new(syslog::Syslog::new(sink)))
            }
        };
        let name = if target.is_empty() { kind.to_owned() } else { format!("{kind} {target}") };
        let queue = Arc::new(Queue::new(name, common.clone()));
        let (done, finished) = sync_channel(1);
        let ours = Arc::clone(&queue);
        thread::Builder::new().name(format!("log {kind}")).spawn(move || {
            writer::run(&ours, writer);
            let _ = done.send(());
        })?;
        Ok(Self { config: sink.clone(), kind, target, queue, finished })
    }

    /// Whether it writes to the terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.kind == "terminal"
    }

    /// Puts in those of the records that it is for.
    pub(super) fn log(&self, records: &[Arc<Record>]) {
        let level = self.config.level();
        self.queue.log(records.iter().filter(|record| record.level <= level));
    }

    /// Prints on standard output, in order with the records.
    pub(super) fn results(&self, text: String) {
        self.queue.results(text);
    }

    /// Whether so much waits that those who write should wait as well; never for one that is hindered.
    pub(super) fn is_behind(&self) -> bool {
        self.queue.is_behind()
    }

    /// It was waited for long enough: until it has caught up it is not waited for again.
    pub(super) fn give_up(&self) {
        self.queue.give_up();
    }

    /// How it is.
    pub(super) fn status(&self) -> LogSink {
        self.queue.status(self.kind, &self.target)
    }

    /// Nothing more will come: the thread ends when what was put in is written.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    /// Waits for the end of the thread, but not for ever. Returns how many records could not be written, if there are
    /// any.
    pub(super) fn finish(self, until: Instant) -> Option<u64> {
        self.close();
        let time = until.saturating_duration_since(Instant::now());
        if self.finished.recv_timeout(time) == Err(RecvTimeoutError::Timeout) {
            return Some(self.queue.status(self.kind, &self.target).waiting.max(1));
        }
        Some(self.queue.left()).filter(|count| *count > 0)
    }
}

/// A file sink with its defaults.
pub(super) fn file(path: PathBuf, format: LogFormat, level: Level) -> config::Sink {
    config::Sink::File(FileSink { path, format, level, ..FileSink::default() })
}
