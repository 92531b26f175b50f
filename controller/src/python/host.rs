//! The guest that a host is.

use super::Wrong;
use super::around::Around;
use super::interpreter;
use super::order::{Authenticators, Order, component};
use jackfield_shared::config::{
    Container, GuestOptions, GuestSocket, NativeOptions, Output, ProcessEnv, Ready, Stdin, StdinFormat,
    StdinValue, Worker, WorkerCommon,
};
use jackfield_shared::{config, log::Level};
use serde_json::{Map, Value as Json, json};
use std::ffi::OsStr;
use std::path::Path;

/// The first words: the rest comes by standard input, where no command line shows what a configuration hides.
const BOOTSTRAP: &str = include_str!("host/bootstrap.py");

/// The host's modules.
const MODULES: [(&str, &str); 15] = [
    ("jackfield_host", include_str!("host/__init__.py")),
    ("jackfield_host.authenticators", include_str!("host/authenticators.py")),
    ("jackfield_host.component", include_str!("host/component.py")),
    ("jackfield_host.controller", include_str!("host/controller.py")),
    ("jackfield_host.incoming", include_str!("host/incoming.py")),
    ("jackfield_host.load", include_str!("host/load.py")),
    ("jackfield_host.main", include_str!("host/main.py")),
    ("jackfield_host.notify", include_str!("host/notify.py")),
    ("jackfield_host.on_asyncio", include_str!("host/on_asyncio.py")),
    ("jackfield_host.on_twisted", include_str!("host/on_twisted.py")),
    ("jackfield_host.records", include_str!("host/records.py")),
    ("jackfield_host.resource", include_str!("host/resource.py")),
    ("jackfield_host.transport", include_str!("host/transport.py")),
    ("jackfield_host.watch", include_str!("host/watch.py")),
    ("jackfield_host.wsgi", include_str!("host/wsgi.py")),
];

/// The guest that a container is.
///
/// # Errors
/// When there is no interpreter for it.
pub(crate) fn of_container(
    worker: &Worker,
    container: &Container,
    around: &Around,
    base: &Path,
) -> Result<config::Guest, Wrong> {
    let components = container.components.iter().enumerate();
    let order = Order {
        components: components.map(|(index, one)| component(one, index)).collect(),
        authenticators: None,
        services: Vec::new(),
        authorizers: around.authorizers.clone(),
        shutdown: container.options.shutdown.map(|word| word.name()),
        restart: container.options.restart.map(|word| word.name()),
    };
    guest(&worker.id, (&worker.common, &container.options.native), order, Vec::new(), base)
}

/// A guest that runs these things, with these sockets.
pub(super) fn guest(
    id: &str,
    (common, options): (&WorkerCommon, &NativeOptions),
    order: Order,
    listen: Vec<GuestSocket>,
    base: &Path,
) -> Result<config::Guest, Wrong> {
    let python = interpreter::find(options.python.as_deref(), base).map_err(|reason| ("options", reason))?;
    let title = options.title.clone().unwrap_or_else(|| format!("jackfield components of {id}"));
    let modules: Map<_, _> =
        MODULES.iter().map(|(name, source)| ((*name).to_owned(), json!(source))).collect();
    let Order { components, authenticators, services, authorizers, shutdown, restart } = order;
    let (authenticators, session) = match authenticators {
        Some(Authenticators { list, session }) => (list, session),
        None => (Vec::new(), Json::Null),
    };
    let value = json!({
        "modules": modules,
        "node": {"directory": base, "worker": id, "controller": std::process::id()},
        "title": title,
        "reactor": options.reactor.get("linux"),
        "expose_controller": options.expose_controller,
        "expose_shared": options.expose_shared,
        "connect_timeout": options.connect_timeout.as_secs_f64(),
        "drain_timeout": common.stop.drain_timeout.as_secs_f64(),
        "watchdog": common.watchdog.as_secs_f64(),
        "log_level": level(common.log_level),
        "components": components,
        "authenticators": authenticators,
        "authenticator_session": session,
        "services": services,
        "authorizers": authorizers,
        "shutdown": shutdown,
        "restart": restart,
    });
    Ok(config::Guest {
        executable: python,
        arguments: vec!["-c".into(), BOOTSTRAP.into(), title],
        options: GuestOptions {
            env: with_python_path(&options.env, &options.pythonpath),
            workdir: base.into(),
            stdin: Stdin::Value(StdinValue { format: StdinFormat::Json, value, close: true }),
            stdout: Output::Log,
            stderr: Output::Log,
            watch: None,
        },
        listen,
        ready: Ready::Notify,
    })
}

/// What Python can say; more than `debug` is not asked of it.
fn level(wanted: Option<Level>) -> &'static str {
    match wanted.unwrap_or(Level::Info) {
        Level::Trace => Level::Debug.name(),
        level => level.name(),
    }
}

/// The environment, with the directories of modules before those that there are: what Python starts inherits them, too.
fn with_python_path(env: &ProcessEnv, directories: &[std::path::PathBuf]) -> ProcessEnv {
    const NAME: &str = "PYTHONPATH";
    let mut env = env.clone();
    let inherited = match &env.inherit {
        config::Inherit::All => true,
        config::Inherit::None => false,
        config::Inherit::Only(names) => names.iter().any(|name| name == NAME),
    };
    let before = env.vars.get(NAME).map(Into::into).or_else(|| std::env::var_os(NAME).filter(|_| inherited));
    let before = before.as_deref().map(OsStr::to_string_lossy).filter(|before| !before.is_empty());
    let all: Vec<_> = directories.iter().map(|directory| directory.to_string_lossy()).chain(before).collect();
    if !all.is_empty() {
        env.vars.insert(NAME.into(), all.join(":"));
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn every_module_of_the_host_is_in_the_executable() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/python/host");
        let mut there: Vec<_> =
            fs::read_dir(directory)
                .unwrap()
                .filter_map(|entry| {
                    entry.unwrap().file_name().into_string().unwrap().strip_suffix(".py").map(str::to_owned)
                })
                .filter(|name| name != "bootstrap")
                .map(|name| {
                    if name == "__init__" {
                        "jackfield_host".into()
                    } else {
                        format!("jackfield_host.{name}")
                    }
                })
                .collect();
        there.sort();
        assert_eq!(there, MODULES.map(|(name, _)| name.to_owned()));
    }

    #[test]
    fn directories_of_modules_stand_before_what_the_environment_says() {
        let mut env = ProcessEnv { inherit: config::Inherit::None, ..ProcessEnv::default() };
        assert_eq!(with_python_path(&env, &[]).vars.get("PYTHONPATH"), None);
        env.vars.insert("PYTHONPATH".into(), "/there".into());
        let directories = [PathBuf::from("/a"), PathBuf::from("/b")];
        assert_eq!(with_python_path(&env, &directories).vars["PYTHONPATH"], "/a:/b:/there");
    }
}
