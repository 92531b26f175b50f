//! The life of a worker process: a plan, READY, serving, draining, the end.

use crate::controller::Controller;
use crate::launcher::Started;
use crate::log::{Log, Queued};
use crate::net::pressure::raise_file_limit;
use crate::sandbox::{Needs, confine};
use crate::serving::Serving;
use jackfield_shared::config::Sandbox;
use jackfield_shared::ipc::{self, Counters, FromWorker, Part, Publications, Slot, ToWorker};
use jackfield_shared::log::Level;
use std::future::pending;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};
use tracing::{debug, error, info, warn};

/// What sessions of realms that stayed until the deadline get to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
/// What connections get to close after they have been told to.
const CLOSING: Duration = Duration::from_secs(1);

/// Runs the process to its end. Must be called within a local runtime.
pub(crate) async fn live(ipc: OwnedFd, log: Log, records: mpsc::Receiver<Queued>) -> ExitCode {
    let (sender, mut receiver) = match ipc::split::<FromWorker, ToWorker>(ipc) {
        Ok(halves) => halves,
        Err(e) => {
            eprintln!("jackfield: a worker process can't talk to its controller: {e}");
            return ExitCode::FAILURE;
        }
    };
    let (controller, outbox) = Controller::new(records);
    let mut sending = spawn_local(outbox.run(sender));
    raise_file_limit();
    let mut life = Life { log, controller: Rc::clone(&controller), serving: None, draining: None };
    let end = loop {
        let event = tokio::select! {
            message = receiver.recv() => life.receive(message),
            sent = &mut sending => Err(match sent {
                Ok(Err(e)) => End::Orphaned(e.to_string()),
                _ => End::Orphaned("the IPC connection is closed".into()),
            }),
            end = life.end() => Err(end),
        };
        if let Err(end) = event {
            break end;
        }
    };
    match &end {
        End::Drained => {
            debug!("drained");
            // What was counted since the last question would be lost with the process.
            controller.send(FromWorker::Pong { seq: 0, counters: life.counters() });
        }
        End::Orphaned(why) => error!("the controller is gone: {why}"),
        End::Failed(reason) => controller.send(FromWorker::Failed { reason: reason.clone() }),
    }
    controller.flush().await;
    if matches!(end, End::Drained) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Why a process ends.
enum End {
    /// As it was told to.
    Drained,
    /// There is no controller any longer, and nobody would look after this process.
    Orphaned(String),
    /// It can't do what it is for.
    Failed(String),
}

struct Life {
    log: Log,
    controller: Rc<Controller>,
    serving: Option<Serving>,
    /// Until when open connections may end by themselves, and whether sessions may stay until then.
    draining: Option<(Instant, bool)>,
}

impl Life {
    fn receive(&mut self, message: Result<Option<(ToWorker, Vec<OwnedFd>)>, ipc::Error>) -> Result<(), End> {
        match message {
            Ok(Some((ToWorker::Start(plan), sockets))) => {
                let hold = plan.hold;
                self.controller.set_node_state(plan.node_state);
                let needs = match plan.part {
                    Part::Realm { .. } => Needs::of_realms(),
                    Part::Both | Part::Edge { .. } => Needs::of(&plan.worker),
                };
                let confined = (plan.worker.common.sandbox, needs);
                let launcher = confined.1.launcher.then(|| Started::new(&plan.worker.id, confined.0));
                let launcher = launcher
                    .transpose()
                    .map_err(|e| End::Failed(format!("can't start the launcher of programs: {e}")))?;
                self.begin(plan.log_level, &confined, |controller| {
                    Serving::prepare(*plan, sockets, controller, launcher)
                })?;
                if hold {
                    self.controller.send(FromWorker::Prepared);
                } else {
                    self.accept()?;
                }
            }
            Ok(Some((ToWorker::Accept, _))) => self.accept()?,
            Ok(Some((ToWorker::Listen(slots), sockets))) => {
                self.listen(slots, sockets);
            }
            Ok(Some((ToWorker::Unlisten(inodes), _))) => {
                if let Some(serving) = &mut self.serving {
                    serving.unlisten(&inodes);
                }
            }
            Ok(Some((ToWorker::Publish(publications), _))) => {
                let Publications { log_level, services } = *publications;
                let confined = (Sandbox::Auto, Needs::of_publishing(&services));
                self.begin(log_level, &confined, |controller| Serving::publish(services, controller))?;
                self.controller.send(FromWorker::Ready);
            }
            Ok(Some((ToWorker::Arti(plan), sockets))) => {
                let confined = (Sandbox::Auto, Needs::of_arti(&plan.settings));
                self.begin(plan.log_level, &confined, |controller| {
                    Serving::embed(*plan, sockets, controller)
                })?;
                self.controller.send(FromWorker::Ready);
            }
            Ok(Some((ToWorker::Drain { timeout_ms, retired, sessions_stay }, _))) => {
                self.drain(Duration::from_millis(timeout_ms), &retired, sessions_stay);
            }
            Ok(Some((ToWorker::Ping { seq }, _))) => {
                self.controller.send(FromWorker::Pong { seq, counters: self.counters() });
            }
            Ok(Some((ToWorker::Status { status, .. }, _))) => self.controller.answered(*status),
            Ok(Some((ToWorker::Sibling { process }, socket))) => {
                self.controller.sibling_answered(process, socket.into_iter().next());
            }
            Ok(Some((ToWorker::ServeSibling, socket))) => {
                if let (Some(serving), Some(socket)) = (&self.serving, socket.into_iter().next()) {
                    serving.serve_sibling(socket);
                }
            }
            Ok(Some((ToWorker::LogLevel(level), _))) => self.log.set_level(level),
            Ok(Some((ToWorker::TlsFiles(files), _))) => {
                if let Some(serving) = &self.serving {
                    serving.renew_tls(&files);
                }
            }
            Ok(Some((ToWorker::TicketKeys(keys), _))) => {
                if let Some(serving) = &self.serving {
                    serving.renew_ticket_keys(keys);
                }
            }
            Ok(Some((ToWorker::Challenges(open), _))) => {
                if let Some(serving) = &self.serving {
                    serving.set_challenges(&open);
                }
            }
            Ok(Some((ToWorker::Drained(addresses), _))) => {
                if let Some(serving) = &self.serving {
                    serving.set_drained(addresses);
                }
            }
            Ok(Some((ToWorker::NodeState(state), _))) => self.controller.set_node_state(state),
            Ok(Some((ToWorker::Edges(edges), _))) => {
                if let Some(serving) = &self.serving {
                    serving.set_edges(edges);
                }
            }
            Ok(None) => return Err(End::Orphaned("it closed the IPC connection".into())),
            Err(e) => return Err(End::Orphaned(e.to_string())),
        }
        Ok(())
    }

    fn begin(
        &mut self,
        log_level: Level,
        (sandbox, needs): &(Sandbox, Needs),
        begin: impl FnOnce(&Rc<Controller>) -> Result<Serving, String>,
    ) -> Result<(), End> {
        if self.serving.is_some() {
            return Err(End::Failed("a process was given a second plan".into()));
        }
        self.log.set_level(log_level);
        confine(*sandbox, needs).map_err(End::Failed)?;
        self.serving = Some(begin(&self.controller).map_err(End::Failed)?);
        Ok(())
    }

    fn accept(&mut self) -> Result<(), End> {
        if let Some(serving) = &mut self.serving {
            serving.accept().map_err(End::Failed)?;
            self.controller.send(FromWorker::Ready);
        }
        Ok(())
    }

    /// Accepts from more sockets, or says that it can't: what it serves already is worth more.
    fn listen(&mut self, slots: Vec<Slot>, sockets: Vec<OwnedFd>) {
        let Some(serving) = &mut self.serving else { return };
        let inodes: Vec<_> = slots.iter().map(|slot| slot.inode).collect();
        if let Err(e) = serving.listen(slots, sockets) {
            serving.unlisten(&inodes);
            warn!("can't accept from more sockets: {e}");
            self.controller.send(FromWorker::Declined(inodes));
        }
    }

    fn drain(&mut self, time: Duration, retired: &[u64], sessions_stay: bool) {
        let deadline = Instant::now() + time;
        // Told again, it may only become earlier.
        let (before, stay) = self.draining.unwrap_or((deadline, true));
        self.draining = Some((before.min(deadline), stay && sessions_stay));
        if let Some(serving) = &self.serving {
            info!("draining; connections open: {}", serving.open());
            serving.drain(retired);
            if !sessions_stay {
                serving.end_sessions();
            }
        }
    }

    fn counters(&self) -> Counters {
        self.log.tell_missing();
        let mut counters = self.serving.as_ref().map(Serving::count).unwrap_or_default();
        counters.logs_dropped = self.log.dropped();
        counters
    }

    /// Completes when the process has done its work, or can't do it any longer. May be dropped and called again.
    async fn end(&mut self) -> End {
        match (self.draining, &mut self.serving) {
            (None, None) => pending().await,
            (Some(_), None) => End::Drained,
            (None, Some(serving)) => End::Failed(serving.broken().await),
            (Some((deadline, sessions_stay)), Some(serving)) => {
                finish(serving, deadline).await;
                if sessions_stay {
                    serving.settled().await;
                }
                End::Drained
            }
        }
    }
}

/// Waits for the last connection to end; those that are open at the deadline are closed.
async fn finish(serving: &Serving, mut deadline: Instant) {
    let drainer = &serving.drainer;
    if timeout_at(deadline, drainer.finished()).await.is_ok() {
        return;
    }
    if serving.end_sessions() {
        deadline += GOODBYE;
        if timeout_at(deadline, drainer.finished()).await.is_ok() {
            return;
        }
    }
    drainer.close();
    let _ = timeout_at(deadline + CLOSING, drainer.finished()).await;
}
