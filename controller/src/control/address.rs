//! Where the control socket is.

use interprocess::local_socket::{GenericFilePath, Name, ToFsName as _};
use jackfield_shared::short_path::ShortPath;
use std::io;
use std::path::Path;

/// Name of the socket in the node's runtime directory.
pub(crate) const SOCKET: &str = "control.sock";

/// A name of the socket that fits into a socket address, however long the directory's path is.
#[derive(Debug)]
pub(crate) struct Address(ShortPath);

impl Address {
    /// The address in this runtime directory.
    ///
    /// # Errors
    /// When the directory has a long path and can't be opened.
    pub(crate) fn new(run_dir: &Path) -> io::Result<Self> {
        ShortPath::new(&run_dir.join(SOCKET)).map(Self)
    }

    pub(super) fn name(&self) -> io::Result<Name<'_>> {
        self.0.as_path().to_fs_name::<GenericFilePath>()
    }
}
