//! What WAMP brings into a configuration: realms, authentication, cookies, components.

mod auth;
mod component;
mod cookie;
mod realm;
mod rlink;
mod uri;

pub use auth::*;
pub use component::*;
pub use cookie::*;
pub use realm::*;
pub use rlink::*;
pub(crate) use uri::*;
