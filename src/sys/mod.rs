//! System calls: the only `unsafe`, and nothing of VRRP.
//!
//! A function here is one system call, or a few that belong together, with safe types in and out.
//! All descriptors are close-on-exec and none blocks.

#![allow(unsafe_code)]

pub mod clock;
pub mod connect;
pub mod exec;
pub mod fifo;
pub mod file;
pub mod host;
pub mod icmp;
pub mod ifaddrs;
pub mod inotify;
pub mod limits;
pub mod local;
pub mod netlink;
pub mod netns;
pub mod packet;
pub mod proc_events;
pub mod process;
pub mod random;
pub mod raw;
pub mod shortage;
pub mod signalfd;
pub mod sniffer;
mod socket;
pub mod stderr;
pub mod sysctl;
pub mod terminal;
#[cfg(test)]
mod testnet;
pub mod timerfd;
pub mod user;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// -1 is an error, and errno says which.
fn cvt(result: libc::c_int) -> io::Result<libc::c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// The same for the calls that return a length.
fn cvt_len(result: libc::ssize_t) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// Takes over a descriptor that a system call has just made for us.
fn owned(result: libc::c_int) -> io::Result<OwnedFd> {
    let fd = cvt(result)?;
    // SAFETY: the caller passes on what such a call returned: it is new and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Once more if a signal interrupted it.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Once more if a signal interrupted it; `None` if there is nothing now.
fn if_ready<T>(call: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    match retry(call) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Waits until a descriptor is readable, or for so many milliseconds; true if it is. An
/// interruption lets the time begin anew.
///
/// # Errors
/// What the kernel says.
pub fn poll_readable(fd: BorrowedFd<'_>, timeout_ms: i32) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `poll` is one pollfd, writable until the call returns.
    retry(|| cvt(unsafe { libc::poll(&mut poll, 1, timeout_ms) })).map(|ready| ready > 0)
}

/// Waits until one of several descriptors is readable, or at its end, but no longer than this: which
/// of them are. An interruption lets the time begin anew.
///
/// # Errors
/// What the kernel says.
pub fn wait_readable<const N: usize>(
    fds: [BorrowedFd<'_>; N],
    timeout: Option<Duration>,
) -> io::Result<[bool; N]> {
    let events = libc::POLLIN;
    let mut polls = fds.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 });
    let millis = |time: Duration| libc::c_int::try_from(time.as_millis());
    let millis = timeout.map_or(-1, |time| millis(time).unwrap_or(libc::c_int::MAX));
    // SAFETY: `polls` are N pollfds, writable until the call returns.
    retry(|| cvt(unsafe { libc::poll(polls.as_mut_ptr(), N as libc::nfds_t, millis) }))?;
    Ok(polls.map(|poll| poll.revents != 0))
}

/// A pipe, its reading end first; both ends block.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds = [-1; 2];
    // SAFETY: `fds` has room for two descriptors.
    cvt(unsafe { libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC) })?;
    Ok((owned(fds[0])?, owned(fds[1])?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn whoever_can_be_read_is_told() {
        let (a, mut b) = UnixStream::pair().unwrap();
        let (c, d) = UnixStream::pair().unwrap();
        let look = || wait_readable([a.as_fd(), c.as_fd()], Some(Duration::ZERO)).unwrap();
        assert_eq!(look(), [false, false]);
        b.write_all(b"x").unwrap();
        assert_eq!(wait_readable([a.as_fd(), c.as_fd()], None).unwrap(), [true, false]);
        drop(d);
        assert_eq!(look(), [true, true], "an end");
    }

    #[test]
    fn a_socket_is_readable_once_something_is_in_it() {
        use std::io::Write;
        let (reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(!poll_readable(reader.as_fd(), 0).unwrap());
        writer.write_all(b"x").unwrap();
        assert!(poll_readable(reader.as_fd(), 1000).unwrap());
    }

    #[test]
    fn an_interruption_is_no_answer() {
        let errors = [libc::EINTR, libc::EINTR, libc::EAGAIN];
        let mut left = errors.iter();
        let mut call = || left.next().map_or(Ok(7), |e| Err(io::Error::from_raw_os_error(*e)));
        assert_eq!(if_ready(&mut call).unwrap(), None);
        assert_eq!(if_ready(&mut call).unwrap(), Some(7));
        let broken = || -> io::Result<()> { Err(io::Error::from_raw_os_error(libc::EBADF)) };
        assert_eq!(if_ready(broken).unwrap_err().raw_os_error(), Some(libc::EBADF));
    }
}
