//! Onion services that a tor daemon publishes: the services of one control port share one connection to it.

mod backoff;
mod control;
mod group;
mod service;

use crate::connect::Connector;
use crate::controller::Controller;
use crate::drain::Drain;
use group::Group;
use jackfield_shared::ipc::OnionService;
use jackfield_shared::tls::Files;
use service::Service;
use std::rc::Rc;
use tokio::task::JoinSet;

/// Begins to publish services, each until draining begins; or says what this release lacks for one.
pub(crate) fn publish(
    services: Vec<OnionService>,
    controller: &Rc<Controller>,
    drain: &Drain,
    tasks: &mut JoinSet<()>,
) -> Result<(), String> {
    let mut groups: Vec<(OnionService, Vec<Service>)> = Vec::new();
    for order in services {
        let of_group = |(first, _): &&mut (OnionService, Vec<Service>)| {
            (&first.control, &first.password) == (&order.control, &order.password)
        };
        let service = Service::new(order.clone(), Rc::clone(controller));
        match groups.iter_mut().find(of_group) {
            Some((_, services)) => services.push(service),
            None => groups.push((order, vec![service])),
        }
    }
    for (first, services) in groups {
        let connector = Connector::new(&first.control, &Files::default())?;
        let group = Group::new(connector, first.password, services);
        let drain = drain.clone();
        tasks.spawn_local(async move { group.run(drain).await });
    }
    Ok(())
}
