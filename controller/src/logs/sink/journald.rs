//! systemd's journal by its native protocol: a datagram of fields for each record, or, if that is too long, a
//! sealed memory file that holds them (systemd.io/JOURNAL_NATIVE_PROTOCOL).

use super::severity::severity;
use super::writer::{Writer, one_by_one};
use crate::logs::batch::Batch;
use crate::logs::time::rfc3339;
use jackfield_shared::config::JournaldSink;
use jackfield_shared::log::Record;
use jackfield_shared::short_path::ShortPath;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long a journal that doesn't read is waited for at a time.
const PATIENCE: Duration = Duration::from_secs(1);

/// The journal.
pub(super) struct Journald {
    path: PathBuf,
    identifier: String,
    socket: Option<UnixDatagram>,
}

impl Journald {
    /// The journal as the configuration wants it.
    pub(super) fn new(sink: &JournaldSink) -> Self {
        Self { path: sink.socket.clone(), identifier: sink.identifier.clone(), socket: None }
    }

    fn send(&mut self, record: &Record) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(ShortPath::new(&self.path)?.as_path())?;
                socket.set_write_timeout(Some(PATIENCE))?;
                socket
            }
        };
        let fields = fields(record, &self.identifier);
        match socket.send(&fields) {
            Ok(_) => {}
            Err(e) if Errno::from_io_error(&e) == Some(Errno::MSGSIZE) => send_file(&socket, &fields)?,
            Err(e) => return Err(e),
        }
        self.socket = Some(socket);
        Ok(())
    }
}

impl Writer for Journald {
    fn write(&mut self, records: &mut VecDeque<Arc<Batch>>) -> io::Result<()> {
        one_by_one(records, false, |record| self.send(record))
    }
}

fn send_file(socket: &UnixDatagram, fields: &[u8]) -> io::Result<()> {
    let mut file =
        File::from(memfd_create("jackfield-record", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(fields)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = [file.as_fd()];
    ancillary.push(SendAncillaryMessage::ScmRights(&fds));
    sendmsg(socket, &[], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The fields of a record.
fn fields(record: &Record, identifier: &str) -> Vec<u8> {
    let mut fields = Vec::with_capacity(record.message.len() + 256);
    let mut put = |name: &str, value: &str| {
        fields.extend_from_slice(name.as_bytes());
        if value.contains('\n') {
            fields.push(b'\n');
            fields.extend_from_slice(&(value.len() as u64).to_le_bytes());
        } else {
            fields.push(b'=');
        }
        fields.extend_from_slice(value.as_bytes());
        fields.push(b'\n');
    };
    put("MESSAGE", &record.message);
    put("PRIORITY", &severity(record.level).to_string());
    put("SYSLOG_IDENTIFIER", identifier);
    if let Some(worker) = &record.worker {
        put("JACKFIELD_WORKER", worker);
    }
    if let Some(process) = record.process {
        put("JACKFIELD_PROCESS", &process.to_string());
    }
    put("JACKFIELD_PID", &record.pid.to_string());
    put("JACKFIELD_LEVEL", record.level.name());
    put("JACKFIELD_TIME", &rfc3339(record.time_us));
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_shared::log::Level;

    #[test]
    fn a_value_of_several_lines_has_its_length() {
        let record = Record {
            time_us: 0,
            worker: Some("w".into()),
            process: Some(1),
            pid: 7,
            ..Record::now(Level::Warn, "a\nb")
        };
        let mut expected = b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n".to_vec();
        expected.extend_from_slice(
            b"PRIORITY=4\nSYSLOG_IDENTIFIER=jf\nJACKFIELD_WORKER=w\nJACKFIELD_PROCESS=1\nJACKFIELD_PID=7\n\
              JACKFIELD_LEVEL=warn\nJACKFIELD_TIME=1970-01-01T00:00:00.000Z\n",
        );
        assert_eq!(fields(&record, "jf"), expected);
    }
}
