//! Components: application code in Python that a router or a container hosts.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::decode::*;
use super::super::transport::ConnectingTransport;
use super::realm_name_loose;

tagged! {
    /// Application code beside a router.
    pub enum RouterComponent as "a component" by "type" {
        /// A Python class.
        Class(RouterClass) = "class",
        /// Python functions.
        Function(RouterFunction) = "function",
    }
}

tagged! {
    /// Application code in a container.
    pub enum ContainerComponent as "a component" by "type" {
        /// A Python class.
        Class(ContainerClass) = "class",
        /// Python functions.
        Function(ContainerFunction) = "function",
    }
}

impl ContainerComponent {
    /// How it reaches its router.
    pub fn transport(&self) -> &ConnectingTransport {
        match self {
            Self::Class(component) => &component.transport,
            Self::Function(component) => &component.transport,
        }
    }
}

object! {
    /// A Python class beside a router.
    pub struct RouterClass as "a component" {
        /// A name.
        pub id as "id": Option<String> = text(), optional;
        /// The class.
        pub classname as "classname": String = text(), required;
        /// The realm it joins.
        pub realm as "realm": String = realm_name_loose(), required;
        /// The role it has.
        pub role as "role": Option<String> = text(), optional;
        /// Handed to it.
        pub extra as "extra": Option<Json> = any(), optional;
    }
    ignored {
        /// Connections of its worker: Crossbar.io hands them to nobody.
        "references" = list(text());
    }
}

/// Which functions are called when.
fn callbacks() -> impl Rule<Out = BTreeMap<String, Json>> {
    keyed(
        "\"join\", \"leave\", \"connect\" or \"disconnect\"",
        Some("^(join|leave|connect|disconnect)$"),
        is_callback,
        any(),
    )
}

fn is_callback(name: &str) -> bool {
    matches!(name, "join" | "leave" | "connect" | "disconnect")
}

object! {
    /// Python functions beside a router.
    pub struct RouterFunction as "a component" {
        /// A name.
        pub id as "id": Option<String> = text(), optional;
        /// The realm it joins.
        pub realm as "realm": String = realm_name_loose(), required;
        /// The role it has.
        pub role as "role": Option<String> = text(), optional;
        /// Which function is called when.
        pub callbacks as "callbacks": BTreeMap<String, Json> = callbacks(), default(json!({}), BTreeMap::new());
        /// Handed to them.
        pub extra as "extra": Option<Json> = any(), optional;
    }
}

object! {
    /// A Python class in a container.
    pub struct ContainerClass as "a component" {
        /// A name.
        pub id as "id": Option<String> = text(), optional;
        /// The class.
        pub classname as "classname": String = text(), required;
        /// The realm it joins.
        pub realm as "realm": String = realm_name_loose(), required;
        /// How it reaches the router.
        pub transport as "transport": ConnectingTransport = nested(), required;
        /// Handed to it.
        pub extra as "extra": Option<Json> = any(), optional;
    }
}

object! {
    /// Python functions in a container.
    pub struct ContainerFunction as "a component" {
        /// A name.
        pub id as "id": Option<String> = text(), optional;
        /// The realm it joins.
        pub realm as "realm": String = realm_name_loose(), required;
        /// How it reaches the router.
        pub transport as "transport": ConnectingTransport = nested(), required;
        /// How it authenticates.
        pub auth as "auth": BTreeMap<String, Json> = map(any()), required;
        /// Which function is called when.
        pub callbacks as "callbacks": BTreeMap<String, Json> = callbacks(), default(json!({}), BTreeMap::new());
        /// Handed to them.
        pub extra as "extra": Option<Json> = any(), optional;
    }
}
