//! This image goes on with a node that another one has run in this process.

use super::launch::{CALLS, runtime};
use super::run_dir::RunDir;
use crate::control::Server;
use crate::stage::{close_inherited, name_thread};
use crate::supervise::{Held, Supervisor, Takeover};
use crate::upgrade::{Arrived, CoreLimit, Errand, Image, State, TakeoverError, receive, send};
use jackfield_shared::secrecy::hold_secrets;
use std::any::Any;
use std::convert::Infallible;
use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use tokio::sync::mpsc;
use tokio::task::spawn_local;

/// Takes over, and runs the node to its end; or goes back to the image before.
pub(crate) fn take_over() -> ExitCode {
    // The kernel has named it after the number of a descriptor.
    name_thread();
    let core_limit =
        match close_inherited(0).map_err(|e| format!("/proc/self/fd: {e}")).and_then(|()| hold_secrets()) {
            Ok(limit) => limit,
            Err(reason) => return failed(&reason),
        };
    let (mut state, fds) = match receive(io::stdin()) {
        Ok(received) => received,
        // Nothing is left that could be handed back.
        Err(e) => return failed(&e.to_string()),
    };
    state.node.core_limit.get_or_insert(CoreLimit { soft: core_limit });
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(reason) => return go_back(state, &fds, reason),
    };
    runtime.block_on(async {
        let build = AssertUnwindSafe(|| build(&state, &fds));
        let built = catch_unwind(build)
            .unwrap_or_else(|panic| Err(TakeoverError::Panicked(message(&*panic).to_owned())));
        let (mut supervisor, server, _run_dir) = match built {
            Ok(built) => built,
            Err(e) => return go_back(state, &fds, format!("the new release can't take over: {e}")),
        };
        supervisor.took_over(&state, &fds);
        drop((state, fds));
        let (calls, called) = mpsc::channel(CALLS);
        spawn_local(server.serve(calls));
        match supervisor.run(called).await {
            Ok(ended) => {
                ended.hub.finish();
                if ended.well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(e) => failed(&format!("signals can't be handled: {e}")),
        }
    })
}

fn build(state: &State, fds: &Arrived) -> Result<(Supervisor, Server, RunDir), TakeoverError> {
    let system = TakeoverError::system;
    rustix::stdio::dup2_stdin(fds.copy(state.stdin)?).map_err(|e| system("standard input")(e.into()))?;
    let run_dir = &state.node.run_dir;
    let held =
        Held { run_dir: run_dir.clone(), lock: fds.copy(state.lock)?, control: fds.copy(state.control)? };
    let listener = Server::listener(fds.copy(state.control)?).map_err(system("the control socket"))?;
    let lock = fds.copy(state.lock)?;
    let supervisor = Takeover { state, fds }.supervisor(held)?;
    // These remove their files when they are dropped.
    let server = Server::restore(run_dir, listener).map_err(system("the control socket"))?;
    Ok((supervisor, server, RunDir::restore(run_dir, lock)))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("for no reason it has told")
}

/// Hands everything back as it came.
fn go_back(mut state: State, fds: &Arrived, reason: String) -> ExitCode {
    let Some(place) = state.image else { return failed(&reason) };
    state.image = None;
    state.errand = Errand::GoBack(reason.clone());
    match exec_former(&state, fds, place) {
        Ok(never) => match never {},
        Err(e) => failed(&format!("{reason}; and the former release can't be gone back to: {e}")),
    }
}

fn exec_former(state: &State, fds: &Arrived, place: usize) -> Result<Infallible, TakeoverError> {
    let system = TakeoverError::system;
    let image = Image::new(fds.copy(place)?).map_err(system("its image"))?;
    let theirs = send(state, &fds.all()).map_err(system("the state"))?;
    rustix::stdio::dup2_stdin(theirs).map_err(|e| system("standard input")(e.into()))?;
    image.exec().map_err(system("its image"))
}

fn failed(reason: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "jackfield: the node ends: {reason}");
    ExitCode::FAILURE
}
