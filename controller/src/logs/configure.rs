//! How the sinks of the log come and go: with the configuration, with an upgrade, and with the node.

use super::*;

impl Hub {
    /// What the next image of the executable goes on with.
    pub(crate) fn save(&self) -> LogState {
        let inner = self.0.borrow();
        let Settings { level, format, file } = inner.settings.clone();
        LogState {
            level,
            is_json: format.map(|format| format == Format::Json),
            file,
            levels: inner.levels.save(),
            records: {
                let mut records: Vec<_> = inner.ring.newest().map(Cow::into_owned).collect();
                records.reverse();
                records
            },
            left: inner
                .left
                .iter()
                .map(|(sink, batches)| {
                    (
                        sink.clone(),
                        batches.iter().flat_map(|batch| batch.records()).map(Cow::into_owned).collect(),
                    )
                })
                .collect(),
            dropped: inner.dropped,
        }
    }

    /// A hub that goes on with what another image has left.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn restore(state: &LogState, node: &config::Node) -> io::Result<Self> {
        let format = state.is_json.map(|is_json| if is_json { Format::Json } else { Format::Pretty });
        let hub = Self::new(Settings { level: state.level, format, file: state.file.clone() }, node)?;
        {
            let mut inner = hub.0.borrow_mut();
            state.levels.iter().for_each(|(worker, level)| inner.levels.set(worker.as_deref(), *level));
            state.records.iter().for_each(|record| inner.ring.push(Arc::new(record.clone().into())));
            let left = state.left.iter().map(|(sink, records)| {
                (sink.clone(), records.iter().map(|record| Arc::new(record.clone().into())).collect())
            });
            inner.left = left.collect();
            inner.dropped = state.dropped;
            inner.give_back();
        }
        Ok(hub)
    }

    /// Ends all sinks, until they are begun again: with what they could not write.
    pub(crate) fn rest(&self) {
        let inner = &mut *self.0.borrow_mut();
        let sinks: Vec<_> = std::mem::take(&mut inner.sinks);
        sinks.iter().for_each(Sink::close);
        let until = Instant::now() + FLUSH_TIME;
        for sink in sinks {
            let (left, on_their_way) = sink.finish(until);
            inner.dropped += sink.status().dropped + on_their_way;
            inner.left.push((sink.config, left));
        }
        for sink in std::mem::take(&mut inner.ending) {
            let (left, on_their_way) = sink.finish(until);
            inner.dropped += sink.status().dropped + on_their_way + count(&left);
        }
    }

    /// Begins all sinks again.
    ///
    /// # Errors
    /// As [`Self::configure`].
    pub(crate) fn resume(&self, node: &config::Node) -> io::Result<()> {
        let levels = self.0.borrow().levels.clone();
        let result = self.configure(node, false);
        self.0.borrow_mut().levels = levels;
        result
    }

    /// Goes on as this configuration wants it. Sinks that are in it as before go on as they are; one that is new
    /// gets what `jackfield logs` would show, too, if `with_past` is set.
    ///
    /// # Errors
    /// When no thread can be started for a sink; the others are there.
    pub(crate) fn configure(&self, node: &config::Node, with_past: bool) -> io::Result<()> {
        let inner = &mut *self.0.borrow_mut();
        inner.levels = inner.settings.levels(node);
        inner.flush_timeout = node.controller.log.flush_timeout;
        let wanted = inner.settings.sinks(&node.controller.log);
        let (mut before, former): (Vec<_>, Vec<_>) =
            std::mem::take(&mut inner.sinks).into_iter().partition(|sink| wanted.contains(&sink.config));
        former.iter().for_each(Sink::close);
        let mut result = Ok(());
        for wanted in &wanted {
            if let Some(same) = before.iter().position(|sink| sink.config == *wanted) {
                inner.sinks.push(before.remove(same));
                continue;
            }
            let former = former.iter().find(|former| former.is_succeeded_by(wanted));
            match Sink::start(wanted, &inner.common, former) {
                Ok(sink) => {
                    if with_past {
                        sink.log(inner.ring.batches());
                    }
                    inner.sinks.push(sink);
                }
                Err(e) => result = Err(e),
            }
        }
        // Nobody waits for those that go: they end when they have written what they have.
        inner.ending.extend(before.into_iter().chain(former));
        inner.ending.iter().for_each(Sink::close);
        inner.give_back();
        result
    }

    /// Goes on with a file in place of the terminal, if that is a sink; what was logged so far goes there, too.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn leave_terminal(&self, file: PathBuf, node: &config::Node) -> io::Result<()> {
        self.0.borrow_mut().settings.file.get_or_insert(file);
        let result = self.configure(node, true);
        // Before the terminal is closed.
        let until = Instant::now() + FLUSH_TIME;
        self.0.borrow().ending.iter().filter(|sink| sink.is_terminal()).for_each(|sink| {
            sink.await_end(until);
        });
        result
    }

    /// Ends all sinks when everything is written; says what could not be.
    pub(crate) fn finish(&self) {
        let inner = &mut *self.0.borrow_mut();
        let sinks: Vec<_> = inner.ending.drain(..).chain(inner.sinks.drain(..)).collect();
        let until = Instant::now() + inner.flush_timeout;
        sinks.iter().for_each(Sink::close);
        for sink in sinks {
            let (left, on_their_way) = sink.finish(until);
            let count = count(&left) + on_their_way;
            if count > 0 {
                let status = sink.status();
                let _ = io::Write::write_fmt(
                    &mut anstream::stderr(),
                    format_args!(
                        "jackfield: {count} log records could not be written to {} {}\n",
                        status.kind, status.target
                    ),
                );
            }
        }
    }
}
