//! How one executable is several programs: a process that is started by another of the node finds in its environment
//! what it is to be.

/// Environment variable that names the stage.
pub const VARIABLE: &str = "JACKFIELD_STAGE";

/// The running executable itself, also after its file was replaced by another release.
pub const EXECUTABLE: &str = "/proc/self/exe";

/// The value of [`VARIABLE`] that makes a child of the process `parent` what `stage` names.
///
/// The process id keeps the variable from having any influence on a program that such a child starts.
#[must_use]
pub fn value(stage: &str, parent: u32) -> String {
    format!("{stage}:{parent}")
}
