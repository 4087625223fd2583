//! System calls: the only `unsafe`, and nothing of VRRP.
//!
//! A function here is one system call, or a few that belong together, with safe types in and out.
//! All descriptors are close-on-exec and none blocks.

#![allow(unsafe_code)]

pub mod clock;
pub mod host;
pub mod netlink;
pub mod netns;
pub mod packet;
pub mod process;
pub mod raw;
pub mod signalfd;
mod socket;
pub mod timerfd;
pub mod user;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

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

/// Waits until a descriptor is readable, or for so many milliseconds; true if it is.
///
/// # Errors
/// What the kernel says; an interruption counts as "not yet".
pub fn poll_readable(fd: BorrowedFd<'_>, timeout_ms: i32) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: `poll` is one pollfd, writable until the call returns.
    match cvt(unsafe { libc::poll(&mut poll, 1, timeout_ms) }) {
        Ok(ready) => Ok(ready > 0),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        Err(error) => Err(error),
    }
}
