//! Onion services that a tor daemon publishes: the services of one control port share one connection to it. And the
//! embedded Arti, which publishes without.

mod arti;
mod control;
mod group;
mod service;

use crate::connect::{Connector, Means};
use crate::controller::Controller;
pub(crate) use arti::embed;
pub(crate) use control::fuzz as fuzz_control;
use group::Group;
use jackfield_shared::drain::Drain;
use jackfield_shared::ipc::DaemonService;
use jackfield_shared::tls::Files;
use service::Service;
use std::rc::Rc;
use tokio::task::JoinSet;

/// Begins to publish services, each until draining begins; or says what this release lacks for one.
pub(crate) fn publish(
    services: Vec<DaemonService>,
    controller: &Rc<Controller>,
    drain: &Drain,
    tasks: &mut JoinSet<String>,
) -> Result<(), String> {
    let mut groups: Vec<(DaemonService, Vec<Service>)> = Vec::new();
    for order in services {
        let of_group = |(first, _): &&mut (DaemonService, Vec<Service>)| {
            (&first.control, &first.password) == (&order.control, &order.password)
        };
        let service = Service::new(order.service.clone(), Rc::clone(controller));
        match groups.iter_mut().find(of_group) {
            Some((_, services)) => services.push(service),
            None => groups.push((order, vec![service])),
        }
    }
    for (first, services) in groups {
        let connector = Connector::new(&first.control, Means::of(&Files::default()))?;
        let group = Group::new(connector, first.password, services);
        let drain = drain.clone();
        tasks.spawn_local(async move {
            group.run(drain).await;
            "onion services are not published any longer".into()
        });
    }
    Ok(())
}
