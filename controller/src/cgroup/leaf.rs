//! The group of one process and of all that it starts.

use super::Limits;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The period that shares of CPU time are counted over, in microseconds: the kernel's default.
const PERIOD: u32 = 100_000;

/// A group, removed when it is dropped; it must be empty then.
#[derive(Debug)]
pub(crate) struct Leaf(PathBuf);

impl Leaf {
    /// Makes a group of this name with these limits.
    ///
    /// # Errors
    /// When the kernel refuses, with the file that it refused.
    pub(crate) fn make(base: &Path, name: &str, limits: Limits) -> io::Result<Self> {
        let leaf = Self(base.join(name));
        let at = |path: &Path, e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        fs::create_dir(&leaf.0).map_err(|e| at(&leaf.0, e))?;
        let set = |file: &str, value: &str| {
            let path = leaf.0.join(file);
            fs::write(&path, value).map_err(|e| at(&path, e))
        };
        if let Some(memory) = limits.memory {
            set("memory.max", &memory.to_string())?;
            // A process that lost one of those it has started is not left half alive.
            set("memory.oom.group", "1")?;
        }
        if let Some(cpu) = limits.cpu {
            let quota = (cpu * f64::from(PERIOD)).max(1000.0).round();
            set("cpu.max", &format!("{quota} {PERIOD}"))?;
        }
        Ok(leaf)
    }

    /// One that was made before this image.
    pub(crate) fn restore(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The file that a process writes 0 into to join.
    pub(crate) fn procs(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for Leaf {
    fn drop(&mut self) {
        // If something is still in it, it stays until the node's group goes.
        let _ = fs::remove_dir(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_tests::TempDir;

    #[test]
    fn limits_are_written_as_the_kernel_wants_them() {
        let temp = TempDir::new();
        let limits = Limits { memory: Some(64 << 20), cpu: Some(1.5) };
        let leaf = Leaf::make(temp.path(), "w-0", limits).unwrap();
        let read = |file: &str| fs::read_to_string(temp.path().join("w-0").join(file)).unwrap();
        assert_eq!((read("memory.max").as_str(), read("memory.oom.group").as_str()), ("67108864", "1"));
        assert_eq!(read("cpu.max"), "150000 100000");
        assert_eq!(leaf.procs(), temp.path().join("w-0/cgroup.procs"));
        let taken = Leaf::make(temp.path(), "w-0", limits).unwrap_err();
        assert!(taken.to_string().contains("w-0"), "{taken}");
    }
}
