//! The embedded Arti in this process.

use crate::controller::Controller;
use jackfield_shared::drain::Drain;
use jackfield_shared::ipc::ArtiPlan;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use tokio::task::JoinSet;

/// Runs Arti until draining begins, and after that for as long as something is open through it; or says why that can't
/// be.
#[cfg(feature = "arti")]
pub(crate) fn embed(
    plan: ArtiPlan,
    socks: Option<OwnedFd>,
    controller: &Rc<Controller>,
    drain: Drain,
    tasks: &mut JoinSet<String>,
) -> Result<(), String> {
    use jackfield_arti::{Arti, News};
    use jackfield_shared::ipc::FromWorker;

    let (tell, mut news) = tokio::sync::mpsc::unbounded_channel();
    let mut arti = Arti::start(plan, socks, tell).map_err(|e| format!("Arti can't start: {e}"))?;
    let controller = Rc::clone(controller);
    tasks.spawn_local(async move {
        loop {
            tokio::select! {
                () = drain.begun() => break,
                told = news.recv() => match told {
                    Some(News::Publication(publication)) => {
                        controller.send(FromWorker::Publication(publication));
                    }
                    Some(News::Failed(reason)) => return reason,
                    None => return "Arti has ended".into(),
                },
            }
        }
        tokio::select! {
            () = arti.finish() => {}
            () = drain.closing() => {}
        }
        "Arti has ended".into()
    });
    Ok(())
}

/// Says that there is none in this build.
#[cfg(not(feature = "arti"))]
pub(crate) fn embed(
    _: ArtiPlan,
    _: Option<OwnedFd>,
    _: &Rc<Controller>,
    _: Drain,
    _: &mut JoinSet<String>,
) -> Result<(), String> {
    Err("this build has no embedded Arti".into())
}
