//! Links between routers.

use std::time::Duration;

use serde_json::json;

use super::super::decode::*;
use super::super::transport::ConnectingTransport;
use super::realm_name;

object! {
    /// A link from a realm to one of another router: what clients of one have subscribed to or registered is to be had at the
    /// other, with patterns.
    pub struct Rlink as "a link to another router" {
        /// A name, unique in the worker; absent: `rlink000` and so on.
        pub id as "id": String = text(), default(json!("rlink000"), String::new());
        /// The realm of the other router.
        pub realm as "realm": String = realm_name(), required;
        /// How the other router is reached. Over TCP `keepalive` is 30 s and `user_timeout` 60 s, if nothing else is said.
        pub transport as "transport": ConnectingTransport = nested(), required;
        /// Who the link says that it is; absent: the key of the node, in the file `key.priv` of the node directory, says it.
        /// It authenticates by that key (`cryptosign`), or as `anonymous` where the other router has nothing else.
        pub authid as "authid": Option<String> = text(), optional;
        /// Who gets none of the events that are brought to the other router.
        pub exclude_authid as "exclude_authid": Vec<String> = list(text()), default(json!([]), Vec::new());
        /// Brings events of the other router to subscribers of this one.
        pub forward_local_events as "forward_local_events": bool = boolean(), default(true);
        /// Brings events of this router to subscribers of the other one.
        pub forward_remote_events as "forward_remote_events": bool = boolean(), default(true);
        /// Brings calls at the other router to callees of this one.
        pub forward_local_invocations as "forward_local_invocations": bool = boolean(), default(true);
        /// Brings calls at this router to callees of the other one.
        pub forward_remote_invocations as "forward_remote_invocations": bool = boolean(), default(true);
        /// Seconds until the session with the other router must be there.
        pub timeout as "timeout": Duration = seconds(0.1..=600.0), default(json!(10), Duration::from_secs(10));
        /// Seconds between two attempts to connect, at most; the first ones come sooner.
        pub retry_max as "retry_max": Duration = seconds(0.1..=3600.0), default(json!(10), Duration::from_secs(10));
    }
}
