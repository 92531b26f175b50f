//! The path service `cgi`: a program for each request (CGI/1.1, RFC 3875), started by the launcher of the process, its
//! input and output carried on as they come.

mod environment;
mod head;
mod input;
mod output;
mod script;

use super::files::Root;
use super::service::{Answering, Service};
use crate::launcher::{Fate, Order};
use crate::log::Throttle;
use crate::net::idle::Activity;
use crate::web::engine::answer::{Answer, failure, not_found, too_long};
use crate::web::engine::body::Body;
use crate::web::engine::client::Client;
use crate::web::engine::local_redirect::LocalRedirect;
use crate::web::engine::path::Rest;
use crate::web::engine::received::{Asked, Received};
use bytes::BytesMut;
use head::Head;
use hyper::body::Body as _;
use hyper::header::{CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use hyper::{Method, Response, StatusCode};
use input::{Input, Wrong};
use jackfield_shared::config::CgiService;
use jackfield_shared::ipc::FromWorker;
use output::{Event, LAST_MOMENTS, Output, Running, Sender, log_errors};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use script::Script;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_local;
use tokio::time::timeout;
use tracing::{debug, error};

/// How often it is reported that requests wait in vain.
const REPORT: Duration = Duration::from_secs(1);

/// A directory of scripts, ready to run.
#[derive(Debug)]
pub(crate) struct Cgi {
    config: CgiService,
    root: Arc<Root>,
    running: Arc<Semaphore>,
    crowded: Throttle,
    outdated: Throttle,
}

impl Cgi {
    pub(crate) fn new(config: &CgiService) -> Self {
        Self {
            root: Arc::new(Root::new(config.directory.clone())),
            running: Arc::new(Semaphore::new(config.options.max_processes.into())),
            crowded: Throttle::new(REPORT),
            outdated: Throttle::new(REPORT),
            config: config.clone(),
        }
    }

    /// Answers by running the script that `rest` names.
    async fn respond(&self, request: &mut Asked, rest: Rest<'_>, client: &Rc<Client>) -> Answer {
        if request.method() == Method::CONNECT {
            let text = "This address takes no CONNECT.";
            return failure(request.headers(), StatusCode::METHOD_NOT_ALLOWED, text);
        }
        let content = request.body().as_ref().filter(|content| !content.is_end_stream());
        if content.is_some_and(|content| content.size_hint().exact().is_none()) {
            // Scripts read as much as CONTENT_LENGTH says (RFC 3875, section 4.2), and nothing without.
            let text = "A script has to know the length of a request's content before it comes.";
            return failure(request.headers(), StatusCode::LENGTH_REQUIRED, text);
        }
        let script = match self.find(request, rest).await {
            Ok(script) => script,
            Err(answer) => return answer,
        };
        if let Some(reason) = self.root.outdated(&self.outdated) {
            client.context.controller.send(FromWorker::Outdated { reason });
        }
        let Some(permit) = self.permit().await else {
            return self.crowded(request);
        };
        match self.start(request, &script, client, permit) {
            Ok(running) => self.finish(running, request, client).await,
            Err(e) => {
                error!("cgi {}: it can't be started: {e}", script.file.display());
                let text = "The server can't start the script behind this address now.";
                failure(request.headers(), StatusCode::SERVICE_UNAVAILABLE, text)
            }
        }
    }

    async fn find(&self, request: &Asked, rest: Rest<'_>) -> Result<Script, Answer> {
        let asked = request.headers();
        let found = script::find(&self.root, request.uri().path(), rest).await;
        match found.as_ref().map_err(Errno::from_io_error) {
            Ok(Some(_)) => {}
            Ok(None) | Err(Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::NXIO)) => {
                return Err(not_found(asked));
            }
            Err(Some(e @ (Errno::XDEV | Errno::LOOP))) => {
                debug!("cgi {}: {}: not run: {e}", self.root.path().display(), request.uri().path());
                return Err(not_found(asked));
            }
            Err(Some(Errno::ACCESS | Errno::PERM)) => {
                let text = "The server may not read this script.";
                return Err(failure(asked, StatusCode::FORBIDDEN, text));
            }
            Err(_) => {}
        }
        match found {
            Ok(Some(script)) => Ok(script),
            Ok(None) => Err(not_found(asked)),
            Err(e) => {
                error!("cgi {}: can't be read: {e}", self.root.path().display());
                let text = "The server can't read this script now.";
                Err(failure(asked, StatusCode::INTERNAL_SERVER_ERROR, text))
            }
        }
    }

    /// Waits until one more script may run; `None` when that took too long.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.running).acquire_owned();
        match self.config.options.timeout {
            Duration::ZERO => permit.await.ok(),
            limit => timeout(limit, permit).await.ok()?.ok(),
        }
    }

    fn crowded(&self, request: &Asked) -> Answer {
        if let Some(quiet) = self.crowded.pass() {
            let more = if quiet > 0 { format!(" ({quiet} more requests before)") } else { String::new() };
            let most = self.config.options.max_processes;
            let directory = self.root.path().display();
            error!("cgi {directory}: {most} scripts run (`max_processes`) and none ends in time{more}");
        }
        let text = "Too many scripts run at the moment.";
        let mut answer = failure(request.headers(), StatusCode::SERVICE_UNAVAILABLE, text);
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("10"));
        answer
    }

    fn start(
        &self,
        request: &mut Asked,
        script: &Script,
        client: &Client,
        permit: OwnedSemaphorePermit,
    ) -> io::Result<Running> {
        let launcher = client.context.launcher.as_ref();
        let launcher = launcher.ok_or_else(|| io::Error::other("there is no launcher"))?;
        let name = format!("cgi {}", script.file.display());
        let pipe = || pipe_with(PipeFlags::CLOEXEC);
        let ((theirs_in, input), (output, theirs_out), (errors, theirs_errors)) = (pipe()?, pipe()?, pipe()?);
        let (input, output) = (pipe::Sender::from_owned_fd(input)?, pipe::Receiver::from_owned_fd(output)?);
        spawn_local(log_errors(name.clone(), pipe::Receiver::from_owned_fd(errors)?));
        let order = Order {
            program: self.config.processor.as_ref(),
            arguments: &[script.file.as_os_str()],
            directory: script.file.parent().unwrap_or(Path::new("/")).as_os_str(),
            environment: environment::of(request, script, &self.config, client.peer, client.is_secure()),
        };
        let program = launcher.start(order, [theirs_in, theirs_out, theirs_errors]);
        let activity = Rc::new(Activity::new());
        let arrival = request.body().as_ref().map(Received::arrival);
        let limit = client.options.max_body_size;
        Ok(Running {
            name,
            program,
            output,
            input: Input::begin(request, limit, input, &activity),
            activity,
            arrival,
            timeout: self.config.options.timeout,
            _permit: permit,
        })
    }

    /// Waits for what the script has to say.
    async fn finish(&self, mut running: Running, request: &mut Asked, client: &Rc<Client>) -> Answer {
        let mut bytes = BytesMut::new();
        let head = loop {
            match running.read(&mut bytes).await {
                Event::Said(1..) => {}
                Event::Said(0) => return ended_early(running, request).await,
                Event::Failed(e) => return broken(&running, request, &e.to_string()),
                Event::Late => return late(&running, request),
                Event::Wrong(Wrong::TooLong) => {
                    return too_long(request.headers(), client.options.max_body_size);
                }
                Event::Wrong(Wrong::Fault(fault)) => {
                    return fault.answer(request.headers(), request.version());
                }
            }
            if let Some(end) = head::end(&bytes) {
                break bytes.split_to(end);
            }
            if bytes.len() > head::LONGEST {
                let text = format!("its head is longer than {} bytes", head::LONGEST);
                return broken(&running, request, &text);
            }
        };
        match head::parse(&head) {
            Ok(Head::Document(response)) => document(running, request.method(), response, bytes),
            Ok(Head::Redirect(to)) => {
                let name = running.name.clone();
                spawn_local(running.carry(bytes, None, Sender::nowhere()));
                LocalRedirect { to, by: name }.into()
            }
            Err(reason) => broken(&running, request, &reason),
        }
    }
}

impl Service for Cgi {
    fn answer<'a>(&'a self, request: &'a mut Asked, rest: Rest<'a>, client: &'a Rc<Client>) -> Answering<'a> {
        Answering::later(self.respond(request, rest, client))
    }
}

/// The script's answer, with what it says on as its content.
fn document(running: Running, method: &Method, response: Response<()>, bytes: BytesMut) -> Answer {
    let mut response = response.map(|()| Body::Empty);
    let said = response.headers_mut().remove(CONTENT_LENGTH);
    let length = said.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    let without = matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if *method == Method::HEAD || without {
        // It is let say what it has to say, for the sake of what it does.
        spawn_local(running.carry(bytes, None, Sender::nowhere()));
        if !without {
            *response.body_mut() = Body::Foreign(Box::pin(Output::none()));
        }
        return response;
    }
    let (sender, output) = Output::new(length);
    spawn_local(running.carry(bytes, length, sender));
    *response.body_mut() = Body::Foreign(Box::pin(output));
    response
}

async fn ended_early(mut running: Running, request: &Asked) -> Answer {
    let fate = timeout(LAST_MOMENTS, running.program.ended()).await;
    let how = match fate {
        Ok(fate @ Fate::NotStarted(_)) => fate.to_string(),
        Ok(fate) => format!("{fate}, before its head was complete"),
        Err(_) => "it closed its output before its head was complete".into(),
    };
    broken(&running, request, &how)
}

fn broken(running: &Running, request: &Asked, reason: &str) -> Answer {
    error!("{}: no answer: {reason}", running.name);
    let text = "The script behind this address gave no proper answer.";
    failure(request.headers(), StatusCode::BAD_GATEWAY, text)
}

fn late(running: &Running, request: &Asked) -> Answer {
    let limit = running.timeout.as_secs_f64();
    error!("{}: no answer within {limit} s (`timeout`); it is ended", running.name);
    let text = "The script behind this address did not answer in time.";
    failure(request.headers(), StatusCode::GATEWAY_TIMEOUT, text)
}
