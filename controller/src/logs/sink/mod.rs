//! Where records go. Each sink has a thread of its own, so that one that is slow, hindered or stuck holds up
//! nobody: records wait in its queue, as many as have room there, and then are dropped, counted and said to be
//! missing.

mod common;
mod file;
mod journald;
mod queue;
mod rotation;
mod severity;
mod syslog;
mod terminal;
mod text;
mod writer;

pub(super) use common::Common;

use super::batch::Batch;
use jackfield_shared::config::{self, FileSink, LogFormat};
use jackfield_shared::log::Level;
use jackfield_shared::status::LogSink;
use queue::Queue;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long a sink that follows another on the same file, and the next image of the executable, wait for what is not
/// written: the end of the node waits as long as it is configured to.
pub(super) const FLUSH_TIME: Duration = Duration::from_secs(2);

/// A sink: its queue, and the thread that empties it.
#[derive(Debug)]
pub(super) struct Sink {
    /// What it is.
    pub config: config::Sink,
    kind: &'static str,
    target: String,
    queue: Arc<Queue>,
}

impl Sink {
    /// Starts the sink that the configuration describes. One that takes the place of another on the same target begins
    /// when that one has ended, with what that one could not write.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(super) fn start(sink: &config::Sink, common: &Common, former: Option<&Self>) -> io::Result<Self> {
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
        let ours = Arc::clone(&queue);
        let former = former.map(|former| Arc::clone(&former.queue));
        thread::Builder::new().name(format!("log {kind}")).spawn(move || {
            if let Some(former) = former {
                former.await_end(Instant::now() + FLUSH_TIME);
                ours.put_first(former.take_left().into_iter());
            }
            writer::run(&ours, writer);
            ours.ends();
        })?;
        Ok(Self { config: sink.clone(), kind, target, queue })
    }

    /// Whether this one of the configuration writes to the same target.
    pub(super) fn is_succeeded_by(&self, sink: &config::Sink) -> bool {
        use config::Sink::{File, Journald, Syslog, Terminal};
        match (&self.config, sink) {
            (Terminal(_), Terminal(_)) => true,
            (File(ours), File(theirs)) => ours.path == theirs.path,
            (Journald(ours), Journald(theirs)) => ours.socket == theirs.socket,
            (Syslog(ours), Syslog(theirs)) => ours.address == theirs.address,
            (Terminal(_) | File(_) | Journald(_) | Syslog(_), _) => false,
        }
    }

    /// Whether it writes to the terminal.
    pub(super) fn is_terminal(&self) -> bool {
        self.kind == "terminal"
    }

    /// Puts in those of the records that it is for.
    pub(super) fn log<'a>(&self, batches: impl IntoIterator<Item = &'a Arc<Batch>>) {
        let (level, workers) = (self.config.level(), self.config.workers());
        let is_for = |batch: &Batch| {
            let source = batch.worker().unwrap_or(config::CONTROLLER);
            batch.level() <= level && (workers.is_empty() || workers.iter().any(|worker| worker == source))
        };
        self.queue.log(batches.into_iter().filter(|batch| is_for(batch)));
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

    /// Puts in records before all others.
    pub(super) fn put_first(&self, records: Vec<Arc<Batch>>) {
        self.queue.put_first(records.into_iter());
    }

    /// Waits for the end of its thread, for as long as that goes on writing.
    pub(super) fn await_end(&self, until: Instant) {
        self.queue.await_end(until);
    }

    /// Whether its thread has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.queue.has_ended()
    }

    /// Waits for the end of the thread: for as long as it goes on writing, and not longer than until then. Returns what
    /// could not be written, and how many records more were on their way when that took too long.
    pub(super) fn finish(&self, until: Instant) -> (Vec<Arc<Batch>>, u64) {
        self.close();
        let has_ended = self.queue.await_end(until);
        let left = self.queue.take_left();
        let on_their_way = if has_ended { 0 } else { self.status().waiting };
        (left, on_their_way)
    }
}

/// A file sink with its defaults.
pub(super) fn file(path: PathBuf, format: LogFormat, level: Level) -> config::Sink {
    config::Sink::File(FileSink { path, format, level, ..FileSink::default() })
}
