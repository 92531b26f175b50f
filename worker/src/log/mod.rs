//! What becomes of `tracing` events in a worker process: each is turned into a record and put into a bounded
//! queue, from which the IPC task sends it to the controller. A full queue drops the record and counts it; it
//! never holds up the process.

mod flood;
mod panics;
mod preview;
mod text;
mod throttle;

pub(crate) use panics::report_panics;
pub(crate) use preview::Preview;
pub(crate) use throttle::{Also, Throttle};

use flood::Flood;
use jackfield_shared::log::{Level, Record};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Instant;
use tokio::sync::mpsc;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber, span};

/// Records that wait for the controller; more are dropped.
const QUEUE: usize = 1024;

/// The target of events of which all are wanted, however many there are: what scripts say.
pub(crate) const SCRIPT: &str = "jackfield::script";

/// The target of an event that stands for no record but for those that are missing, if there are some.
const MISSING: &str = "jackfield::missing";

/// Whose events are records at every level; other crates are heard from [`Level::Warn`] up.
const OWN: &str = "jackfield";

#[derive(Debug)]
struct Shared {
    level: AtomicU8,
    dropped: AtomicU64,
    /// Those of them that nobody was told of.
    missing: AtomicU64,
}

/// A record that waits for the controller.
#[derive(Debug)]
pub(crate) struct Queued {
    /// How many before it had no room.
    missing: u64,
    record: Record,
}

impl Queued {
    /// The record, and one before it that says where records are missing.
    pub(crate) fn records(self) -> impl Iterator<Item = Record> {
        let Self { missing, record } = self;
        let note = (missing > 0).then(|| missing_record(missing, &record));
        note.into_iter().chain([record])
    }

    /// One after which none is missing.
    #[cfg(test)]
    pub(crate) fn alone(record: Record) -> Self {
        Self { missing: 0, record }
    }
}

/// Says where records are missing: before this one.
fn missing_record(count: u64, before: &Record) -> Record {
    let message = format!(
        "{count} records of this process are missing before this one: they came faster than they could be sent"
    );
    Record { level: Level::Warn, message, ..before.clone() }
}

/// Governs the records of this process.
#[derive(Clone, Debug)]
pub(crate) struct Log(Arc<Shared>);

impl Log {
    /// A log, the subscriber that feeds it and the queue it fills.
    pub(crate) fn new(level: Level) -> (Self, Forwarder, mpsc::Receiver<Queued>) {
        let (queue, records) = mpsc::channel(QUEUE);
        let shared = Arc::new(Shared {
            level: AtomicU8::new(level as u8),
            dropped: AtomicU64::new(0),
            missing: AtomicU64::new(0),
        });
        (Self(Arc::clone(&shared)), Forwarder { shared, queue, flood: Flood::default() }, records)
    }

    /// Writes records of this level and above from now on.
    pub(crate) fn set_level(&self, level: Level) {
        self.0.level.store(level as u8, Ordering::Relaxed);
        // Every call site caches whether it is enabled, so that a disabled one costs one load.
        tracing::callsite::rebuild_interest_cache();
    }

    /// Says that records are missing, if there are some and none has come after them.
    pub(crate) fn tell_missing(&self) {
        if self.0.missing.load(Ordering::Relaxed) > 0 {
            tracing::warn!(target: MISSING, "");
        }
    }

    /// How many records were dropped because the queue was full.
    pub(crate) fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

/// The subscriber that turns events into records.
#[derive(Debug)]
pub(crate) struct Forwarder {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Queued>,
    flood: Flood,
}

impl Forwarder {
    fn send(&self, level: Level, text: String) {
        let Shared { dropped, missing, .. } = &*self.shared;
        match self.queue.try_reserve() {
            Ok(room) => {
                let missing = missing.swap(0, Ordering::Relaxed);
                room.send(Queued { missing, record: Record::now(level, text) });
            }
            Err(_) => {
                dropped.fetch_add(1, Ordering::Relaxed);
                missing.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn tell_missing(&self) {
        if let Ok(room) = self.queue.try_reserve() {
            let count = self.shared.missing.swap(0, Ordering::Relaxed);
            room.send(Queued { missing: 0, record: missing_record(count, &Record::now(Level::Warn, "")) });
        }
    }
}

/// What an event weighs as a record. Arti warns of much that is of no use to people who run something else: what
/// matters of it is told as the state of services.
fn level_of(metadata: &Metadata<'_>) -> Level {
    let is_arti = ["tor_", "arti_"].iter().any(|prefix| metadata.target().starts_with(prefix));
    match *metadata.level() {
        tracing::Level::ERROR if is_arti => Level::Warn,
        tracing::Level::WARN if is_arti => Level::Debug,
        tracing::Level::ERROR => Level::Error,
        tracing::Level::WARN => Level::Warn,
        tracing::Level::INFO => Level::Info,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::TRACE => Level::Trace,
    }
}

impl Subscriber for Forwarder {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.enabled(metadata) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let level = level_of(metadata) as u8;
        metadata.is_event()
            && level <= self.shared.level.load(Ordering::Relaxed)
            && (metadata.target().starts_with(OWN) || *metadata.level() <= tracing::Level::WARN)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let level = self.shared.level.load(Ordering::Relaxed);
        Some(match Level::ALL.get(usize::from(level)) {
            Some(Level::Error) => LevelFilter::ERROR,
            Some(Level::Warn) => LevelFilter::WARN,
            Some(Level::Info) => LevelFilter::INFO,
            Some(Level::Debug) => LevelFilter::DEBUG,
            Some(Level::Trace) | None => LevelFilter::TRACE,
        })
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        if metadata.target() == MISSING {
            return self.tell_missing();
        }
        let held_back = if *metadata.level() <= tracing::Level::WARN && metadata.target() != SCRIPT {
            match self.flood.pass(metadata, metadata.target().starts_with(OWN), Instant::now()) {
                Some(held_back) => held_back,
                None => return,
            }
        } else {
            0
        };
        let mut text = text::of(event);
        if held_back > 0 {
            text.push_str(&format!(" ({held_back} more like this were left out)"));
        }
        self.send(level_of(metadata), text);
    }

    // Records have no spans; what an event is about stands in its text.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::{debug, error, info, trace, warn};

    fn all(records: &mut mpsc::Receiver<Queued>) -> Vec<Record> {
        std::iter::from_fn(|| records.try_recv().ok()).flat_map(Queued::records).collect()
    }

    #[test]
    fn events_become_records_of_their_level() {
        let (_log, forwarder, mut records) = Log::new(Level::Info);
        tracing::subscriber::with_default(forwarder, || {
            info!(port = 80, name = "a b", "listening on {}", "x");
            debug!("not this one");
            error!(target: "hyper::proto", "of another crate");
            info!(target: "hyper::proto", "chatter of another crate");
            warn!(target: "tor_guardmgr::sample", "chatter of Arti");
        });
        let got: Vec<_> = all(&mut records);
        let seen: Vec<_> = got.iter().map(|r| (r.level, r.message.as_str())).collect();
        assert_eq!(
            seen,
            [(Level::Info, "listening on x port=80 name=\"a b\""), (Level::Error, "of another crate"),]
        );
        assert_eq!(got[0].pid, std::process::id());
    }

    #[test]
    fn the_level_can_be_changed_while_running() {
        let (log, forwarder, mut records) = Log::new(Level::Error);
        tracing::subscriber::with_default(forwarder, || {
            let write = || trace!("step");
            write();
            log.set_level(Level::Trace);
            write();
            log.set_level(Level::Warn);
            write();
        });
        assert_eq!(records.try_recv().unwrap().record.message, "step");
        assert!(records.try_recv().is_err());
    }

    #[test]
    fn a_full_queue_drops_and_counts() {
        let (log, forwarder, mut records) = Log::new(Level::Info);
        tracing::subscriber::with_default(forwarder, || {
            for i in 0..QUEUE + 3 {
                info!("{i}");
            }
        });
        assert_eq!(log.dropped(), 3);
        assert_eq!(records.try_recv().unwrap().record.message, "0");
    }

    #[test]
    fn where_records_are_missing_a_line_says_how_many() {
        let (log, forwarder, mut records) = Log::new(Level::Info);
        tracing::subscriber::with_default(forwarder, || {
            for i in 0..QUEUE + 3 {
                info!("{i}");
            }
            let first = records.try_recv().unwrap();
            assert_eq!((first.missing, &*first.record.message), (0, "0"));
            info!("next");
            info!("lost, too");
            let rest = all(&mut records);
            let [.., notice, last] = &rest[..] else { panic!("{rest:?}") };
            assert!(notice.message.starts_with("3 records of this process are missing"), "{notice:?}");
            assert_eq!(last.message, "next");
            // Nothing comes after it: it is said when somebody asks how the process is.
            log.tell_missing();
            log.tell_missing();
            let rest = all(&mut records);
            assert_eq!(rest.len(), 1);
            assert!(rest[0].message.starts_with("1 records of this process"), "{rest:?}");
        });
        assert_eq!(log.dropped(), 4);
    }

    #[test]
    fn what_peers_cause_again_and_again_is_held_back_and_counted() {
        let (log, forwarder, mut records) = Log::new(Level::Info);
        tracing::subscriber::with_default(forwarder, || {
            for i in 0..500 {
                warn!("of ours {i}");
                warn!(target: "h2::proto", "of another crate {i}");
                warn!(target: SCRIPT, "of a script {i}");
            }
        });
        let got: Vec<_> = all(&mut records);
        let count = |text: &str| got.iter().filter(|record| record.message.starts_with(text)).count();
        assert_eq!((count("of ours"), count("of another"), count("of a script")), (20, 1, 500));
        assert_eq!(log.dropped(), 0, "they are no losses");
    }
}
