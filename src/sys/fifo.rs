//! FIFOs (named pipes).

use super::{cvt, owned};
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What is no longer than this is written as a whole or not at all.
pub const ATOMIC: usize = libc::PIPE_BUF;

fn c_path(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

/// Makes a FIFO with these permissions, less what the umask takes away.
///
/// # Errors
/// What the kernel says; `AlreadyExists` if there is something of that name.
pub fn make(path: &Path, mode: u32) -> io::Result<()> {
    let path = c_path(path)?;
    // SAFETY: `path` ends with a NUL and is valid until the call returns.
    cvt(unsafe { libc::mkfifo(path.as_ptr(), mode as libc::mode_t) }).map(drop)
}

/// Opens a FIFO for reading and writing, so that it is open whether anybody reads it or not. Does not
/// follow a link.
///
/// # Errors
/// What the kernel says.
pub fn open(path: &Path) -> io::Result<File> {
    let path = c_path(path)?;
    let flags = libc::O_RDWR | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOFOLLOW;
    // SAFETY: `path` ends with a NUL and is valid until the call returns.
    owned(unsafe { libc::open(path.as_ptr(), flags) }).map(File::from)
}

/// How many bytes in it nobody has read.
///
/// # Errors
/// What the kernel says.
pub fn unread(fifo: BorrowedFd<'_>) -> io::Result<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, and `bytes` is one.
    cvt(unsafe { libc::ioctl(fifo.as_raw_fd(), libc::FIONREAD as _, &raw mut bytes) })?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    #[test]
    fn what_is_written_can_be_read_and_is_counted() {
        let path = std::env::temp_dir().join(format!("vipd-fifo-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        make(&path, 0o600).unwrap();
        assert_eq!(make(&path, 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let mut fifo = open(&path).unwrap();
        assert_eq!(unread(fifo.as_fd()).unwrap(), 0);
        fifo.write_all(b"line\n").unwrap();
        assert_eq!(unread(fifo.as_fd()).unwrap(), 5);
        let mut line = [0; 5];
        fifo.read_exact(&mut line).unwrap();
        assert_eq!((&line, unread(fifo.as_fd()).unwrap()), (b"line\n", 0));
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        assert!(open(&path).is_err(), "a link is not followed");
        std::fs::remove_file(&path).unwrap();
    }
}
