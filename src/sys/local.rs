//! Local stream sockets: who is at the other end, and whether anybody is.

use super::{cvt, retry};
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};

/// A process at the other end of a socket, as it was when it connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its process id; 0 if that is of another name space.
    pub pid: i32,
    /// Its effective user.
    pub uid: u32,
}

/// Who has connected (SO_PEERCRED).
///
/// # Errors
/// What the kernel says.
pub fn peer(stream: BorrowedFd<'_>) -> io::Result<Peer> {
    let mut who = libc::ucred { pid: 0, uid: u32::MAX, gid: u32::MAX };
    let mut length = mem::size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: `who` is writable for `length` octets, and the kernel writes no more.
    cvt(unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut who).cast(),
            &raw mut length,
        )
    })?;
    Ok(Peer { pid: who.pid, uid: who.uid })
}

/// Whether the other end is closed in both directions: nobody will read what is written.
#[must_use]
pub fn is_hung_up(stream: BorrowedFd<'_>) -> bool {
    let mut one = libc::pollfd { fd: stream.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: `one` is one valid pollfd, and lives until the call returns.
    let ready = retry(|| cvt(unsafe { libc::poll(&raw mut one, 1, 0) }));
    ready.is_ok() && one.revents & (libc::POLLHUP | libc::POLLERR) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn who_is_there_and_whether() {
        let (a, b) = UnixStream::pair().unwrap();
        let us = Peer { pid: std::process::id() as i32, uid: crate::sys::user::effective_uid() };
        assert_eq!(peer(a.as_fd()).unwrap(), us);
        assert!(!is_hung_up(a.as_fd()));
        b.shutdown(std::net::Shutdown::Write).unwrap();
        assert!(!is_hung_up(a.as_fd()), "it still reads");
        drop(b);
        assert!(is_hung_up(a.as_fd()));
    }
}
