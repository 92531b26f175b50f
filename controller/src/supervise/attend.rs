//! The tasks around a process: they carry its messages and its output, and wait for its end.

use super::event::{Event, Output, Source};
use super::group::Group;
use super::handover::{Attendance, End, Pause, Piece, attended};
use super::last_lines::LastLines;
use super::outbox::Parcel;
use crate::logs::{Hub, Lines, Pipe, Said, says_levels, told};
use jackfield_shared::ipc::{FromWorker, Receiver, Sender, ToWorker};
use jackfield_shared::log::Level;
use rustix::io::Errno;
use rustix::process::{Signal as ProcessSignal, WaitId, WaitIdOptions, WaitOptions, waitid, waitpid};
use std::os::fd::AsFd as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

/// How long to wait, after a process has ended, for the ends of its pipes: something it has started and that
/// left its process group may hold them for ever.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long the reading of what is in them then may take at most: it waits for nothing but for room in the log.
const LAST_READ: Duration = Duration::from_secs(3);

/// A process that has written twice within this time writes much.
const BUSY: Duration = Duration::from_millis(5);
/// One that writes much is read from after a pause, so that a large piece of its lines costs as much as a few did.
const PAUSE: Duration = Duration::from_millis(1);

/// The ends of a process's connections.
#[derive(Debug)]
pub(super) struct Ends {
    /// The way to it, and the messages that wait, or will.
    pub(super) to: Option<(Sender<ToWorker>, mpsc::Receiver<Parcel>)>,
    pub(super) from: Option<Receiver<FromWorker>>,
    pub(super) stdout: Option<Lines<Pipe>>,
    pub(super) stderr: Option<Lines<Pipe>>,
}

/// Starts the tasks around a process of ours. `children` is SIGCHLD, listened to since before the spawn.
pub(super) fn attend(
    ends: Ends,
    (group, children): (&Rc<Group>, Signal),
    source: &Arc<Source>,
    lines: &LastLines,
    (events, hub): (&mpsc::Sender<Event>, &Hub),
) -> Attendance {
    let Ends { to, from, stdout, stderr } = ends;
    let (mut attendance, pause, tasks) = attended();
    if let Some(from) = from {
        attendance.add(receive(from, Arc::clone(source), events.clone(), hub.clone(), pause.clone()));
    }
    for (pipe, output) in [(stdout, Output::Stdout), (stderr, Output::Stderr)] {
        let Some(pipe) = pipe else { continue };
        attendance.add(read(pipe, output, Arc::clone(source), (hub.clone(), lines.clone()), pause.clone()));
    }
    let last_words = tasks.borrow().len();
    if let Some((to, messages)) = to {
        attendance.add(send(to, messages, pause));
    }
    let (group, source, events) = (Rc::clone(group), Arc::clone(source), events.clone());
    let end = attendance.end();
    attendance.wait(async move {
        let status = reap(children, &group).await;
        all_said(tasks.take(), last_words, &end).await;
        let _ = events.send(Event::Exited(source, status)).await;
    });
    attendance
}

/// Waits for the last words of a process that has ended, which the first of the tasks bring; ends them all. What was in
/// its pipes at its end is read, however long nobody had the time for it.
pub(super) async fn all_said(tasks: Vec<JoinHandle<Option<Piece>>>, last_words: usize, end: &End) {
    let handles: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
    let all = async {
        for task in tasks.into_iter().take(last_words) {
            let _ = task.await;
        }
    };
    let mut all = std::pin::pin!(all);
    if timeout(LAST_WORDS, &mut all).await.is_err() {
        end.tell();
        let _ = timeout(LAST_READ, all).await;
    }
    handles.iter().for_each(AbortHandle::abort);
}

async fn send(
    mut to: Sender<ToWorker>,
    mut messages: mpsc::Receiver<Parcel>,
    mut pause: Pause,
) -> Option<Piece> {
    loop {
        let next = tokio::select! {
            biased;
            next = messages.recv() => next,
            () = pause.wanted() => return Some(Piece::To(to, messages)),
        };
        let (message, fds) = next?;
        let borrowed: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        // A process that can't be reached is one that has ended, or will be found to be silent.
        to.send(&message, &borrowed).await.ok()?;
    }
}

async fn receive(
    mut from: Receiver<FromWorker>,
    source: Arc<Source>,
    events: mpsc::Sender<Event>,
    hub: Hub,
    mut pause: Pause,
) -> Option<Piece> {
    let mut over = pause.clone();
    let error = loop {
        let received = tokio::select! {
            biased;
            () = pause.wanted() => return Some(Piece::From(from)),
            received = from.recv() => received,
            () = over.over() => return None,
        };
        match received {
            // Records need no decision, so they go straight to the log.
            Ok(Some((FromWorker::Log(record), _))) => hub.publish(source.claim(record)),
            Ok(Some((message, _))) => events.send(Event::Message(Arc::clone(&source), message)).await.ok()?,
            Ok(None) => break None,
            Err(e) => break Some(e),
        }
    };
    let _ = events.send(Event::Closed(source, error)).await;
    None
}

/// Reads an output to its end; the lines become records.
pub(super) async fn read(
    mut pipe: Lines<Pipe>,
    output: Output,
    source: Arc<Source>,
    (hub, last): (Hub, LastLines),
    mut pause: Pause,
) -> Option<Piece> {
    let level = match output {
        Output::Stdout => Level::Info,
        Output::Stderr => Level::Warn,
    };
    let mut over = pause.clone();
    let (mut is_over, mut is_busy, mut has_grown) = (false, false, false);
    let mut last_read = None::<Instant>;
    while !is_over {
        let next = async {
            if is_busy {
                pipe.unwatch();
                sleep(PAUSE).await;
            }
            // What is not read yet waits in the pipe, and then its writer does: not for long.
            hub.room().await;
            tokio::select! {
                biased;
                lines = pipe.next() => lines,
                () = over.over() => {
                    is_over = true;
                    pipe.rest()
                }
            }
        };
        let lines = tokio::select! {
            biased;
            () = pause.wanted() => return Some(match output {
                Output::Stdout => Piece::Stdout(pipe),
                Output::Stderr => Piece::Stderr(pipe),
            }),
            lines = next => lines?,
        };
        let since = last_read.replace(Instant::now()).map(|time| time.elapsed());
        is_busy = !pipe.is_more() && since.is_some_and(|since| since < BUSY);
        if pipe.is_more() && !std::mem::replace(&mut has_grown, true) {
            pipe.grow();
        }
        publish(lines, level, &source, (&hub, &last));
        // Others have something to say, too.
        yield_now().await;
    }
    None
}

/// Lines of an output become records; on standard error, the last ones are kept, too.
fn publish(said: Said, level: Level, source: &Source, (hub, last): (&Hub, &LastLines)) {
    let keeps = level == Level::Warn;
    if !says_levels(&said.text) {
        if keeps {
            last.keep(said.text.split('\n'));
        }
        hub.publish_lines(source.record(level, String::new()), said);
        return;
    }
    let texts: Vec<_> = said.text.split('\n').map(|line| told(level, line.to_owned())).collect();
    if keeps {
        let grave = texts.iter().filter(|(level, _)| *level <= Level::Warn);
        last.keep(grave.flat_map(|(_, text)| text.split('\n')));
    }
    hub.publish_all(source.records(texts.into_iter()));
}

/// Waits for the end of the process that leads the group, ends what it has started, reaps it.
pub(super) async fn reap(mut children: Signal, group: &Group) -> Option<ExitStatus> {
    // Looked at and not reaped: until the group is killed its id must stay in use.
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while let Ok(None) | Err(Errno::INTR) = waitid(WaitId::Pid(group.leader()), look) {
        children.recv().await;
    }
    group.signal(ProcessSignal::KILL);
    let status = waitpid(Some(group.leader()), WaitOptions::NOHANG);
    group.set_reaped();
    status.ok().flatten().map(|(_, status)| ExitStatus::from_raw(status.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Filter;
    use crate::logs::Settings;
    use jackfield_fleet::ProcessId;
    use jackfield_shared::config;
    use jackfield_tests::TempDir;
    use std::io::Write as _;
    use tokio::net::unix::pipe::Receiver;
    use tokio::task::LocalSet;

    /// A hub with one sink, which takes nothing and for which more waits than should.
    fn behind(dir: &TempDir) -> Hub {
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let text =
            format!(r#"{{"controller": {{"log": {{"sinks": [{{"type": "file", "path": {fifo:?}}}]}}}}}}"#);
        let loaded = config::parse(&text, config::Format::Json, "", "/".as_ref(), &|_| None);
        let hub = Hub::new(Settings::default(), &loaded.node.unwrap()).unwrap();
        (0..9).for_each(|_| hub.log(Level::Info, "x".repeat(1 << 20)));
        hub
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_lines_of_a_process_are_read_though_the_log_is_behind_and_somebody_holds_its_pipe() {
        let dir = TempDir::new();
        let hub = behind(&dir);
        let (reader, mut writer) = std::io::pipe().unwrap();
        let lines = Lines::new(Pipe::from(Receiver::from_owned_fd(reader.into()).unwrap()));
        let written: Vec<_> = (0..2000).map(|n| format!("line {n}")).collect();
        write!(writer, "{}\nlast", written.join("\n")).unwrap();
        let source = Arc::new(Source::new(ProcessId(1), "app", 0, 1));
        let said = LocalSet::new()
            .run_until(async {
                let (attendance, pause, tasks) = attended();
                attendance.add(read(
                    lines,
                    Output::Stdout,
                    source,
                    (hub.clone(), LastLines::default()),
                    pause,
                ));
                let end = attendance.end();
                all_said(tasks.take(), 1, &end).await;
                let (to, mut records) = mpsc::channel(4096);
                let filter = Filter { workers: vec!["app".into()], level: Level::Trace, since_us: 0 };
                hub.serve(filter, None, false, to);
                let mut said = Vec::new();
                while let Some(crate::control::Response::Record(record)) = records.recv().await {
                    said.push(record.message);
                }
                said
            })
            .await;
        assert_eq!(said.last().map(String::as_str), Some("last"));
        assert_eq!(said[..said.len() - 1], written);
    }
}
