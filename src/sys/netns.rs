//! Network namespaces: to look where a daemon is, and for tests that make their own.

use super::cvt;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// The calling thread goes to another network namespace; its file is in /run/netns or /proc.
///
/// # Errors
/// What the kernel says.
pub fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: the call has no pointers.
    cvt(unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) }).map(drop)
}

/// The calling thread goes to a new network namespace, which is gone when nobody is in it.
///
/// # Errors
/// What the kernel says.
pub fn unshare_thread() -> io::Result<()> {
    // SAFETY: the call has no pointers.
    cvt(unsafe { libc::unshare(libc::CLONE_NEWNET) }).map(drop)
}

/// The index of an interface in the calling thread's namespace.
///
/// # Errors
/// If there is none of that name.
pub fn interface_index(name: &str) -> io::Result<u32> {
    let name = std::ffi::CString::new(name)?;
    // SAFETY: `name` ends with a NUL.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(io::Error::last_os_error()),
        index => Ok(index),
    }
}

/// Whether an interface has this name and this index still. What is refused while it is renamed or
/// goes away is no fault: news of that are on their way.
#[must_use]
pub fn is_still(name: &str, index: u32) -> bool {
    match interface_index(name) {
        Ok(is) => is == index,
        // What else is wrong says nothing of it.
        Err(error) => error.raw_os_error() != Some(libc::ENODEV),
    }
}
