//! A file. It is opened when there is something to write, and again when somebody has moved or removed it.

use super::rotation::Rotation;
use super::text::Text;
use super::writer::Writer;
use crate::entry::Entry;
use crate::logs::batch::Batch;
use jackfield_shared::config::FileSink;
use rustix::fs::OFlags;
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

/// A log file.
pub(super) struct LogFile {
    path: PathBuf,
    mode: u32,
    rotation: Rotation,
    open: Option<Open>,
    text: Text,
    remark: Option<String>,
}

struct Open {
    file: File,
    /// Device and inode.
    identity: (u64, u64),
    size: u64,
    /// When its oldest record may have been written.
    since: SystemTime,
}

impl LogFile {
    /// The file as the configuration wants it.
    pub(super) fn new(sink: &FileSink) -> Self {
        Self {
            path: sink.path.clone(),
            mode: sink.mode,
            rotation: Rotation::new(sink),
            open: None,
            text: Text::new(sink.format.into(), false),
            remark: None,
        }
    }

    /// The file as it is to be written to now.
    fn prepare(&mut self) -> io::Result<()> {
        self.look()?;
        let now = SystemTime::now();
        if let Some(open) = &self.open
            && self.rotation.is_due(open.size, open.since, now)
        {
            match self.rotation.rotate(&self.path, now) {
                Ok(()) => {
                    self.open = None;
                    self.look()?;
                }
                // It grows on: nothing is lost for that.
                Err(e) => self.remark = Some(format!("cannot be rotated: {e}")),
            }
        }
        Ok(())
    }

    /// Opens the file, unless it is open.
    fn look(&mut self) -> io::Result<()> {
        if let Some(open) = &self.open {
            match Entry::at(&self.path) {
                Ok(entry) if entry.is(open.identity) => return Ok(()),
                _ => {
                    // What was written only in part is written again, whole.
                    self.open = None;
                    self.text.begin_again();
                }
            }
        }
        let named = |e: io::Error| io::Error::new(e.kind(), format!("cannot be opened: {e}"));
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory).map_err(named)?;
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND;
        let entry = Entry::at(&self.path).map_err(named)?;
        let file = entry.open(flags, self.mode).map_err(named)?;
        let there = file.metadata()?;
        if is_torn(&entry, there.len()) {
            (&file).write_all(b"\n")?;
        }
        let since = if there.len() > 0 { there.modified()? } else { SystemTime::now() };
        self.open = Some(Open { file, identity: (there.dev(), there.ino()), size: there.len(), since });
        Ok(())
    }

    /// Takes out as many records as are written at once, and still fit into the file.
    fn render(&mut self, records: &mut VecDeque<Arc<Batch>>) {
        let size = self.open.as_ref().map_or(0, |open| open.size);
        self.text.render(records, |length| self.rotation.is_full(size + length));
    }

    fn write_text(&mut self) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        self.text.write(&open.file, |count| open.size += count as u64)
    }
}

/// Whether the last line of a file is not whole: what has written it was killed, or its disk was full.
fn is_torn(entry: &Entry, size: u64) -> bool {
    let Some(at) = size.checked_sub(1) else { return false };
    let mut last = [b'\n'];
    let there = entry.open(OFlags::RDONLY, 0).is_ok_and(|file| file.read_exact_at(&mut last, at).is_ok());
    there && last != [b'\n']
}

impl Writer for LogFile {
    fn write(&mut self, records: &mut VecDeque<Arc<Batch>>) -> io::Result<()> {
        loop {
            if self.text.is_empty() {
                if records.is_empty() {
                    return Ok(());
                }
                self.prepare()?;
                self.render(records);
            } else {
                // The rest of what failed before.
                self.look()?;
            }
            self.write_text()?;
        }
    }

    fn pending(&self) -> usize {
        self.text.pending()
    }

    fn unwritten(&mut self) -> VecDeque<Arc<Batch>> {
        self.text.unwritten()
    }

    fn remark(&mut self) -> Option<String> {
        self.remark.take()
    }
}

#[cfg(test)]
mod tests {
    use super::super::rotation::moved;
    use super::*;
    use jackfield_shared::log::Level;
    use jackfield_shared::log::Record;
    use jackfield_tests::TempDir;
    use std::os::unix::fs::PermissionsExt as _;

    fn sink(path: PathBuf) -> FileSink {
        FileSink {
            path,
            max_size: 0,
            keep: 3,
            format: jackfield_shared::config::LogFormat::Json,
            ..FileSink::default()
        }
    }

    fn records(numbers: std::ops::Range<u32>) -> VecDeque<Arc<Batch>> {
        numbers.map(|n| Arc::new(Record::now(Level::Info, format!("line {n}")).into())).collect()
    }

    /// The numbers in the file, and in those it was rotated to, the oldest first.
    fn written(path: &std::path::Path) -> Vec<u32> {
        let mut files: Vec<_> = (1..).map(|n| moved(path, n)).take_while(|path| path.exists()).collect();
        files.reverse();
        files.push(path.to_owned());
        let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
        let number = |line: &str| {
            let record: Record = serde_json::from_str(line).unwrap();
            record.message.strip_prefix("line ")?.parse().ok()
        };
        text.lines().filter_map(number).collect()
    }

    #[test]
    fn a_removed_directory_is_made_again() {
        let temp = TempDir::new();
        let path = temp.path().join("logs/node.log");
        let mut file = LogFile::new(&sink(path.clone()));
        file.write(&mut records(0..3)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        fs::remove_dir_all(temp.path().join("logs")).unwrap();
        file.write(&mut records(3..5)).unwrap();
        assert_eq!(written(&path), [3, 4]);
        fs::rename(&path, temp.path().join("elsewhere")).unwrap();
        file.write(&mut records(5..6)).unwrap();
        assert_eq!(written(&path), [5]);
    }

    #[test]
    fn a_link_in_place_of_the_file_leads_nowhere() {
        let temp = TempDir::new();
        let (path, victim) = (temp.path().join("node.log"), temp.path().join("victim"));
        fs::write(&victim, "").unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        let mut file = LogFile::new(&sink(path.clone()));
        let error = file.write(&mut records(0..3)).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert_eq!(fs::read_to_string(&victim).unwrap(), "");
        fs::remove_file(&path).unwrap();
        file.write(&mut records(0..3)).unwrap();
        assert_eq!(written(&path), [0, 1, 2]);
    }

    #[test]
    fn a_file_that_was_there_is_continued_and_rotated_when_it_is_full() {
        let temp = TempDir::new();
        let path = temp.path().join("node.log");
        let mut file = LogFile::new(&FileSink { max_size: 4096, keep: 100, ..sink(path.clone()) });
        file.write(&mut records(0..20)).unwrap();
        drop(file);
        let mut file = LogFile::new(&FileSink { max_size: 4096, keep: 100, ..sink(path.clone()) });
        file.write(&mut records(20..1000)).unwrap();
        assert_eq!(written(&path), (0..1000).collect::<Vec<_>>());
        for n in 1..10 {
            let size = fs::metadata(moved(&path, n)).unwrap().len();
            assert!((4096..4096 + 200).contains(&size), "{n}: {size}");
        }
    }

    #[test]
    fn a_line_that_another_has_not_ended_does_not_spoil_the_next() {
        let temp = TempDir::new();
        let path = temp.path().join("node.log");
        fs::write(&path, "whole\ntorn in the mid").unwrap();
        LogFile::new(&sink(path.clone())).write(&mut records(0..2)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let (torn, rest) = text.split_once("torn in the mid\n").expect("a line of its own");
        assert_eq!((torn, rest.lines().count()), ("whole\n", 2));
        assert!(rest.lines().all(|line| serde_json::from_str::<Record>(line).is_ok()), "{rest}");
    }

    #[test]
    fn what_can_not_be_written_is_given_back() {
        let full = PathBuf::from("/dev/full");
        let mut file = LogFile::new(&sink(full));
        let mut waiting = records(0..3);
        file.write(&mut waiting).unwrap_err();
        assert_eq!((waiting.len(), file.pending()), (0, 3));
        let messages: Vec<_> = file.unwritten().iter().map(|batch| batch.shared().message.clone()).collect();
        assert_eq!(messages, ["line 0", "line 1", "line 2"]);
        assert_eq!(file.pending(), 0);
    }

    #[test]
    fn what_can_not_be_written_waits_and_is_not_torn() {
        let temp = TempDir::new();
        let path = temp.path().join("in the way/node.log");
        fs::write(temp.path().join("in the way"), "").unwrap();
        let mut file = LogFile::new(&sink(path.clone()));
        let mut waiting = records(0..3);
        let error = file.write(&mut waiting).unwrap_err();
        assert!(error.to_string().contains("cannot be opened"), "{error}");
        fs::remove_file(temp.path().join("in the way")).unwrap();
        waiting.extend(records(3..4));
        file.write(&mut waiting).unwrap();
        assert_eq!(written(&path), [0, 1, 2, 3]);
    }
}
