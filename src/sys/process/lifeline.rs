//! The end of a whole process group with ours, without anybody who watches over it.
//!
//! PR_SET_PDEATHSIG ends a child, and not what that has started. For the rest there is a pipe which
//! nobody but us can write to. Each child has a reading end of its own, whose owner (F_SETOWN) is the
//! process group of the child, and whose signal (F_SETSIG) is the one that ends it. When we are gone,
//! however that came about, the kernel closes the last writing end and sends the signal to the
//! group. All that it takes is that somebody of the group, or whom it has started, still has the
//! descriptor.

use crate::sys::{cvt, pipe};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::OnceLock;

/// Where a child has it: shells take lower numbers for themselves.
pub(super) const DESCRIPTOR: libc::c_int = 63;

/// The writing end: of the first child it is made for, or of whom we have taken over from.
static WRITER: OnceLock<Option<OwnedFd>> = OnceLock::new();

/// The writing end, if there is one. Whoever takes our place must have it: with the last copy all
/// children end.
#[must_use]
pub fn lifeline() -> Option<RawFd> {
    WRITER.get()?.as_ref().map(AsRawFd::as_raw_fd)
}

/// The writing end of whom we have taken over from is ours now. To be called before the first child.
///
/// # Errors
/// If there is no such descriptor.
pub fn adopt_lifeline(fd: RawFd) -> io::Result<()> {
    let _ = WRITER.set(Some(crate::sys::exec::copy(fd)?));
    Ok(())
}

/// A child's reading end.
pub(super) fn reader() -> io::Result<OwnedFd> {
    let writer = WRITER.get_or_init(|| writer().ok());
    let Some(writer) = writer else { return Err(io::Error::other("there is no lifeline")) };
    // Opened anew, so that it can have an owner of its own.
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map(OwnedFd::from)
}

fn writer() -> io::Result<OwnedFd> {
    let (_, writer) = pipe()?;
    Ok(writer)
}

/// From now on the end of us is the end of the calling process's group.
///
/// # Safety
/// In the child only, which leads its group.
pub(super) unsafe fn tie(reader: libc::c_int, signal: libc::c_int) -> bool {
    const F_SETSIG: libc::c_int = 10;
    // SAFETY: the calls have no pointers.
    unsafe {
        libc::fcntl(reader, libc::F_SETOWN, -libc::getpid()) == 0
            && libc::fcntl(reader, F_SETSIG, signal) == 0
            && libc::fcntl(reader, libc::F_SETFL, libc::O_NONBLOCK | libc::O_ASYNC) == 0
    }
}

/// The group goes on without us: what a script has left behind when it ended is not ours.
pub(super) fn untie(reader: &OwnedFd) {
    // SAFETY: the call has no pointers. It can only fail for a descriptor that is not open.
    let _ = cvt(unsafe { libc::fcntl(reader.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) });
}
