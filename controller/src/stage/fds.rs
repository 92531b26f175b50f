//! Descriptors over a socket pair (SCM_RIGHTS, unix(7)), without a runtime: what is sent before the receiver
//! exists waits for it in the socket.

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The kernel passes no more at a time (SCM_MAX_FD).
pub(crate) const MAX: usize = 253;

/// Most bytes that come with descriptors.
const LONGEST: usize = 128 << 10;

/// Sends some bytes, and duplicates of these descriptors, at most [`MAX`], with them.
///
/// # Errors
/// As sendmsg(2), and when there is too much of either.
pub(crate) fn send(to: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fits = fds.is_empty() || ancillary.push(SendAncillaryMessage::ScmRights(fds));
    if !fits || bytes.len() > LONGEST {
        let (count, length) = (fds.len(), bytes.len());
        return Err(io::Error::other(format!(
            "{count} descriptors with {length} bytes; {MAX} with {LONGEST} is the most"
        )));
    }
    let length = u32::try_from(bytes.len()).unwrap_or_default().to_ne_bytes();
    // A socket pair's buffer holds more than this: nothing waits for the receiver.
    let sent =
        sendmsg(to, &[IoSlice::new(&length), IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    if sent < length.len() + bytes.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    Ok(())
}

/// Receives what [`send`] has sent; the descriptors are close-on-exec. Waits for it.
///
/// # Errors
/// As recvmsg(2); when the sender is gone; when descriptors were lost because none are left in this process.
pub(crate) fn receive(from: impl AsFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let (mut bytes, mut fds) = (Vec::new(), Vec::new());
    loop {
        if let Some((length, body)) = bytes.split_first_chunk::<4>()
            && body.len() >= u32::from_ne_bytes(*length) as usize
        {
            return Ok((body.to_vec(), fds));
        }
        let mut chunk = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let into = &mut [IoSliceMut::new(&mut chunk)];
        let received = recvmsg(&from, into, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(some) = message {
                fds.extend(some);
            }
        }
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return Err(io::Error::other(
                "descriptors were lost on the way: none are left (see `ulimit -n`)",
            ));
        }
        bytes.extend_from_slice(&chunk[..received.bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_sent_first_waits_and_arrives_in_order() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let pairs: Vec<_> = (0..3).map(|_| UnixStream::pair().unwrap()).collect();
        let fds: Vec<_> = pairs.iter().map(|(one, _)| one.as_fd()).collect();
        let long = vec![b'x'; 100_000];
        send(&ours, &long, &fds).unwrap();
        assert!(send(&ours, &vec![0; LONGEST + 1], &[]).is_err());
        drop(ours);
        let (bytes, fds) = receive(&theirs).unwrap();
        assert_eq!(bytes, long);
        for (n, fd) in (0u8..).zip(fds) {
            UnixStream::from(fd).write_all(&[n]).unwrap();
            let mut byte = [9];
            (&pairs[usize::from(n)].1).read_exact(&mut byte).unwrap();
            assert_eq!(byte, [n]);
        }
        assert_eq!(receive(&theirs).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
