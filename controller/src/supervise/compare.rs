//! Whether the processes of a worker can go on with the next configuration.

use super::worker::{Work, Worker};
use jackfield_shared::config::{self, ListeningEndpoint, ReadByProcesses as _};

/// Whether processes that run can go on: what only the controller looks at may be different.
pub(super) fn goes_on(runs: &Worker, wanted: &Worker) -> bool {
    let same_work = match (&runs.work, &wanted.work) {
        (Work::Serve(runs), Work::Serve(wanted)) => of_process(runs) == of_process(wanted),
        (Work::Guest(runs), Work::Guest(wanted)) => {
            of_process(&runs.worker) == of_process(&wanted.worker)
                && program(&runs.program) == program(&wanted.program)
                && runs.executable == wanted.executable
        }
        (Work::Publish(runs), Work::Publish(wanted)) => runs.services == wanted.services,
        (Work::Arti(runs_now), Work::Arti(to_run)) => {
            let same = runs_now.settings == to_run.settings && runs_now.services == to_run.services;
            same && runs.arti.is_some() == wanted.arti.is_some()
        }
        (Work::Serve(_) | Work::Guest(_) | Work::Publish(_) | Work::Arti(_) | Work::Gone(_), _) => false,
    };
    // The realms of one process can't be taken apart from its clients, or from each other.
    let same_parts = runs.realm_processes == wanted.realm_processes;
    same_work && same_parts && runs.launch.is_like(&wanted.launch)
}

/// The configuration without what only the kernel or the controller look at, as each option's declaration says.
fn of_process(worker: &config::Worker) -> config::Worker {
    let mut worker = worker.clone();
    worker.common.forget_the_rest();
    worker.kind.kind_mut().forget_the_rest();
    worker.listening_mut().into_iter().for_each(forget_the_rest);
    worker
}

/// The same of what runs, which of a host of Python is not what the configuration says of its worker.
fn program(guest: &config::Guest) -> config::Guest {
    let mut guest = guest.clone();
    guest.listen.iter_mut().for_each(|socket| forget_the_rest(&mut socket.endpoint));
    guest
}

fn forget_the_rest(endpoint: &mut ListeningEndpoint) {
    match endpoint {
        ListeningEndpoint::Tcp(tcp) => tcp.forget_the_rest(),
        ListeningEndpoint::Unix(unix) => unix.forget_the_rest(),
        ListeningEndpoint::Onion(_) | ListeningEndpoint::Twisted(_) => {}
    }
}
