//! The manhole: a Python shell over SSH in Crossbar.io.

use super::super::decode::*;
use super::super::endpoint::ListeningEndpoint;

object! {
    /// A Python shell over SSH.
    pub struct Manhole as "a manhole" {
        /// Where it listens.
        pub endpoint as "endpoint": ListeningEndpoint = nested(), required;
        /// Who may use it.
        pub users as "users": Vec<ManholeUser> = list(nested()), required;
    }
}

object! {
    /// Who may use a manhole.
    pub struct ManholeUser as "a user and a password" {
        /// The user.
        pub user as "user": String = text(), required;
        /// The password.
        pub password as "password": Secret = secret(), required;
    }
}
