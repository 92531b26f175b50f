//! Services that run programs or Python inside of the router.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::super::decode::*;
use super::super::diagnostic::{Path, Remark, Severity};
use super::super::source::{Kind, Value};
use super::super::transport::Within;
use super::super::wamp::realm_name_loose;
use super::serves::{Files, Serves};

object! {
    /// A Python WSGI application.
    pub struct WsgiService as "a WSGI service" {
        /// The Python module.
        pub module as "module": String = text(), required;
        /// The application in it.
        pub object as "object": String = text(), required;
        /// Threads kept.
        pub minthreads as "minthreads": i64 = int(i128::from(i64::MIN)..=i128::from(i64::MAX)), default(0);
        /// Threads at most.
        pub maxthreads as "maxthreads": i64 = int(i128::from(i64::MIN)..=i128::from(i64::MAX)), default(20);
    }
}

object! {
    /// A Python Twisted Web resource.
    pub struct ResourceService as "a Twisted Web resource" {
        /// The Python class.
        pub classname as "classname": String = text(), required;
        /// Handed to it.
        pub extra as "extra": Option<Json> = any(), optional;
    }
}

/// Where page templates are.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub enum Templates {
    /// A directory.
    Directory(PathBuf),
    /// A resource of a Python package.
    Package(PackageResource),
}

object! {
    /// A resource of a Python package.
    pub struct PackageResource as "a package and a resource" {
        /// The Python package.
        pub package as "package": String = text(), required;
        /// The resource in it.
        pub resource as "resource": String = text(), required;
    }
}

object! {
    /// A route of `wap`.
    pub struct WapRoute as "a route" {
        /// The path.
        pub path as "path": String = text(), required;
        /// The HTTP method.
        pub method as "method": String = text(), required;
        /// The template.
        pub render as "render": String = text(), required;
        /// The procedure called for its values; null or absent: none.
        pub call as "call": Option<String> = nullable(text()), default(json!(null), None);
    }
}

object! {
    /// Whom the calls of `wap` are made as.
    pub struct WapWamp as "a realm and a role" {
        /// The realm.
        pub realm as "realm": String = realm_name_loose(), required;
        /// The role.
        pub authrole as "authrole": String = text(), required;
    }
}

object! {
    /// Pages rendered from WAMP calls.
    pub struct WapService as "a wap service" {
        /// The templates: a directory, or a Python package's resource.
        pub templates as "templates": Templates = templates(), required;
        /// Which page is which.
        pub routes as "routes": Vec<WapRoute> = list(nested()), required;
        /// Whom calls are made as.
        pub wamp as "wamp": WapWamp = nested(), required;
    }
    ignored {
        /// The path the service is at: the key that it is configured under says it.
        "path" = text();
        /// Renders templates in a sandbox: there is nothing here that they could leave it for.
        "sandbox" = boolean();
    }
}

fn templates() -> impl Rule<Out = Templates> {
    either(
        |value: &Value| matches!(value.kind, Kind::Map(_)),
        then(nested::<PackageResource>(), |package, _, _| Some(Templates::Package(package))),
        then(directory(), |directory, _, _| Some(Templates::Directory(directory))),
    )
}

object! {
    /// An API catalog.
    pub struct CatalogService as "a catalog service" {
        /// The catalog, a file.
        pub filename as "filename": PathBuf = file(), required;
        /// The path the service is at, for links.
        pub path as "path": Option<String> = text(), optional;
    }
}

impl Serves for WsgiService {
    fn unbuilt(&self, at: &Path, within: Within) -> Vec<Remark> {
        within.python(at.key("type")).into_iter().collect()
    }
}

impl Serves for ResourceService {
    fn unbuilt(&self, at: &Path, within: Within) -> Vec<Remark> {
        within.python(at.key("type")).into_iter().collect()
    }
}

impl Serves for WapService {
    fn speaks_wamp(&self) -> bool {
        true
    }

    fn files(&self) -> Files<'_> {
        let read = match &self.templates {
            Templates::Directory(directory) => Some(directory),
            Templates::Package(_) => None,
        };
        Files { read, ..Files::default() }
    }
}

impl Serves for CatalogService {
    fn unbuilt(&self, at: &Path, _: Within) -> Vec<Remark> {
        let message =
            "pages of a catalog of WAMP APIs are not built: they need a reader of FlatBuffers' schemas";
        vec![(Severity::NotBuilt, at.key("type"), message.into())]
    }
}
