//! The node's one stream of log records: from the controller and all workers, to the sinks of the configuration,
//! to a ring in memory and to everybody who follows. Records of one source keep their order.

mod batch;
mod configure;
mod follower;
mod format;
mod levels;
mod lines;
mod pipe;
mod ring;
mod settings;
mod sink;
mod state;
mod time;
mod told;

pub(crate) use format::{Format, escape};
pub(crate) use jackfield_shared::config::CONTROLLER;
pub(crate) use lines::{Lines, Said};
pub(crate) use pipe::Pipe;
pub(crate) use settings::Settings;
pub(crate) use state::LogState;
pub(crate) use time::parse_rfc3339;
pub(crate) use told::{says_levels, told};

use crate::control::{Filter, Response};
use batch::Batch;
use follower::Follower;
use jackfield_shared::config;
use jackfield_shared::log::{Level, Record};
use jackfield_shared::status::LogSink;
use levels::Levels;
use ring::Ring;
use sink::{Common, FLUSH_TIME, Sink};
use std::borrow::Cow;
use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

/// How long whoever writes much is held up at a time by a sink that is behind.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where all records come together. A handle: its clones are the same hub.
#[derive(Clone, Debug)]
pub(crate) struct Hub(Rc<RefCell<Inner>>);

#[derive(Debug)]
struct Inner {
    settings: Settings,
    levels: Levels,
    ring: Ring,
    sinks: Vec<Sink>,
    common: Common,
    news: Option<mpsc::UnboundedReceiver<Record>>,
    /// Sinks that are no longer wanted and have not written everything.
    ending: Vec<Sink>,
    /// What sinks have left that are to be begun again.
    left: Vec<(config::Sink, Vec<Arc<Batch>>)>,
    /// How long the end of the node waits for sinks that go on writing.
    flush_timeout: Duration,
    followers: Vec<Follower>,
    dropped: u64,
}

impl Hub {
    /// A hub as the node's configuration wants it.
    ///
    /// # Errors
    /// When no thread can be started for a sink.
    pub(crate) fn new(settings: Settings, node: &config::Node) -> io::Result<Self> {
        let (told, news) = mpsc::unbounded_channel();
        let common = Common { news: told, room: Arc::new(Notify::new()) };
        let sinks = settings.sinks(&node.controller.log);
        let sinks = sinks.iter().map(|sink| Sink::start(sink, &common, None)).collect::<io::Result<_>>()?;
        let inner = Inner {
            levels: settings.levels(node),
            settings,
            ring: Ring::default(),
            sinks,
            common,
            news: Some(news),
            ending: Vec::new(),
            left: Vec::new(),
            flush_timeout: node.controller.log.flush_timeout,
            followers: Vec::new(),
            dropped: 0,
        };
        Ok(Self(Rc::new(RefCell::new(inner))))
    }

    /// Logs what happens to the sinks, for ever.
    pub(crate) async fn attend(self) {
        let Some(mut news) = self.0.borrow_mut().news.take() else { return };
        while let Some(record) = news.recv().await {
            self.publish(record);
        }
    }

    /// Least important level of the records of this worker, or of the controller, that are kept.
    pub(crate) fn level(&self, worker: Option<&str>) -> Level {
        self.0.borrow().levels.of(worker)
    }

    /// Keeps records of this worker, or of the controller, from this level up from now on.
    pub(crate) fn set_level(&self, worker: Option<&str>, level: Level) {
        self.0.borrow_mut().levels.set(worker, level);
    }

    /// A record of the controller's own.
    pub(crate) fn log(&self, level: Level, message: impl Into<String>) {
        self.publish(Record::now(level, message));
    }

    /// Takes a record in and passes it on to all who want it.
    pub(crate) fn publish(&self, record: Record) {
        self.0.borrow_mut().publish([record.into()]);
    }

    /// Takes in records of one source, in order.
    pub(crate) fn publish_all(&self, records: impl IntoIterator<Item = Record>) {
        self.0.borrow_mut().publish(records.into_iter().map(Batch::from));
    }

    /// Takes in lines that one source has said at once, each as a record like this one, whose text they become.
    pub(crate) fn publish_lines(&self, record: Record, Said { text, count }: Said) {
        let record = Record { message: text, ..record };
        self.0.borrow_mut().publish([Batch::of_lines(record, count)]);
    }

    /// Whether a sink is behind: whoever writes much should wait for room.
    fn is_behind(&self) -> bool {
        self.0.borrow().sinks.iter().any(Sink::is_behind)
    }

    /// Waits until there is room in every sink, but not for long: one that takes too long is not waited for again
    /// before it has caught up, and drops records meanwhile.
    pub(crate) async fn room(&self) {
        if !self.is_behind() {
            return;
        }
        let room = Arc::clone(&self.0.borrow().common.room);
        let caught_up = async {
            loop {
                let changed = room.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if !self.is_behind() {
                    return;
                }
                changed.await;
            }
        };
        if timeout(PATIENCE, caught_up).await.is_err() {
            self.0.borrow().sinks.iter().filter(|sink| sink.is_behind()).for_each(Sink::give_up);
        }
    }

    /// Prints on standard output, in order with the records on the terminal.
    pub(crate) fn print(&self, text: String) {
        if let Some(terminal) = self.0.borrow().sinks.iter().find(|sink| sink.is_terminal()) {
            terminal.results(text);
        } else {
            let _ = io::Write::write_all(&mut anstream::stdout(), text.as_bytes());
        }
    }

    /// Sends the newest `last` matching records (all, if absent) and, if `follow` is set, those to come.
    pub(crate) fn serve(
        &self,
        filter: Filter,
        last: Option<usize>,
        follow: bool,
        to: mpsc::Sender<Response>,
    ) {
        let inner = &mut *self.0.borrow_mut();
        let newest = inner.ring.newest().filter(|record| filter.matches(record));
        let mut records: Vec<_> = newest.take(last.unwrap_or(usize::MAX)).map(Cow::into_owned).collect();
        records.reverse();
        let mut follower = Follower::new(filter, to);
        if records.iter().all(|record| follower.offer(record, &mut inner.dropped)) && follow {
            inner.followers.push(follower);
        }
    }

    /// Records that did not reach somebody, because they were too slow or hindered for too long.
    pub(crate) fn dropped(&self) -> u64 {
        let inner = self.0.borrow();
        let sinks = inner.sinks.iter().chain(&inner.ending);
        inner.dropped + sinks.map(|sink| sink.status().dropped).sum::<u64>()
    }

    /// How the sinks are.
    pub(crate) fn sinks(&self) -> Vec<LogSink> {
        self.0.borrow().sinks.iter().map(Sink::status).collect()
    }
}

impl Inner {
    /// Gives what sinks have left to those that were begun in their places.
    fn give_back(&mut self) {
        for (config, records) in std::mem::take(&mut self.left) {
            match self.sinks.iter().find(|sink| sink.config == config || sink.is_succeeded_by(&config)) {
                Some(sink) => sink.put_first(records),
                None => self.dropped += count(&records),
            }
        }
    }

    /// Forgets sinks that have ended; what they could not write is lost, and said to be.
    fn reap(&mut self) {
        for sink in self.ending.extract_if(.., |sink| sink.has_ended()).collect::<Vec<_>>() {
            let (left, _) = sink.finish(Instant::now());
            let LogSink { kind, target, dropped, .. } = sink.status();
            let count = count(&left);
            self.dropped += dropped + count;
            if count > 0 {
                let text = format!(
                    "{count} log records could not be written to {kind} {target}, which is no sink any more"
                );
                let _ = self.common.news.send(Record::now(Level::Warn, text));
            }
        }
    }

    fn publish(&mut self, batches: impl IntoIterator<Item = Batch>) {
        if !self.ending.is_empty() {
            self.reap();
        }
        let levels = &self.levels;
        let wanted = |batch: &Batch| batch.level() <= levels.of(batch.worker());
        let batches: Vec<_> = batches.into_iter().filter(wanted).map(Arc::new).collect();
        if batches.is_empty() {
            return;
        }
        self.sinks.iter().for_each(|sink| sink.log(&batches));
        let dropped = &mut self.dropped;
        self.followers.retain_mut(|follower| {
            batches.iter().flat_map(|batch| batch.records()).all(|record| follower.offer(&record, dropped))
        });
        batches.into_iter().for_each(|batch| self.ring.push(batch));
    }
}

/// How many records these are.
fn count(batches: &[Arc<Batch>]) -> u64 {
    batches.iter().map(|batch| batch.count() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> Hub {
        let text = r#"{"controller": {"log": {"sinks": []}}}"#;
        let loaded = config::parse(text, config::Format::Json, "", "/".as_ref(), &|_| None);
        Hub::new(Settings::default(), &loaded.node.unwrap()).unwrap()
    }

    fn filter() -> Filter {
        Filter { workers: vec![], level: Level::Trace, since_us: 0 }
    }

    fn received(rx: &mut mpsc::Receiver<Response>) -> Vec<String> {
        let mut texts = Vec::new();
        while let Ok(item) = rx.try_recv() {
            texts.push(match item {
                Response::Record(record) => record.message,
                other => format!("{other:?}"),
            });
        }
        texts
    }

    #[test]
    fn the_newest_are_served_oldest_first() {
        let hub = hub();
        for text in ["a", "b", "c"] {
            hub.log(Level::Info, text);
        }
        hub.log(Level::Debug, "below the level");
        let (tx, mut rx) = mpsc::channel(10);
        hub.serve(filter(), Some(2), false, tx);
        hub.log(Level::Info, "later");
        assert_eq!(received(&mut rx), ["b", "c"]);
        assert!(rx.is_closed());
    }

    #[test]
    fn a_slow_follower_is_told_what_it_missed() {
        let hub = hub();
        let (tx, mut rx) = mpsc::channel(2);
        hub.serve(filter(), None, true, tx);
        for text in ["a", "b", "c", "d"] {
            hub.log(Level::Info, text);
        }
        assert_eq!(hub.dropped(), 2);
        assert_eq!(received(&mut rx), ["a", "b"]);
        hub.log(Level::Info, "e");
        assert_eq!(received(&mut rx), ["Dropped(2)", "e"]);
        drop(rx);
        hub.log(Level::Info, "f");
        assert!(hub.0.borrow().followers.is_empty());
    }
}
