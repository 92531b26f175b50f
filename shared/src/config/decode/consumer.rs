//! What of a configuration the processes of a worker look at.

/// An object of the configuration whose declaration says who looks at each attribute.
pub trait ReadByProcesses {
    /// Forgets what the kernel or the controller alone look at, so that what is left of two configurations can be compared:
    /// where it is the same, processes that run can go on.
    fn forget_the_rest(&mut self);
}
