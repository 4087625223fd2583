//! A terminal that is read key by key.

use super::cvt;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// A terminal whose keys come one by one and are not shown. As it was before, when this is dropped.
#[derive(Debug)]
pub struct Keys {
    terminal: OwnedFd,
    before: libc::termios,
}

impl Keys {
    /// Of the terminal that a descriptor is.
    ///
    /// # Errors
    /// What the kernel says; it may be no terminal.
    pub fn of(terminal: BorrowedFd<'_>) -> io::Result<Self> {
        let terminal = terminal.try_clone_to_owned()?;
        // SAFETY: all-zero is a valid termios.
        let mut before: libc::termios = unsafe { mem::zeroed() };
        // SAFETY: `before` is writable.
        cvt(unsafe { libc::tcgetattr(terminal.as_raw_fd(), &raw mut before) })?;
        let mut keys = before;
        keys.c_lflag &= !(libc::ICANON | libc::ECHO | libc::ISIG);
        keys.c_cc[libc::VMIN] = 1;
        keys.c_cc[libc::VTIME] = 0;
        // SAFETY: `keys` is a whole termios.
        cvt(unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSADRAIN, &raw const keys) })?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let fd = self.terminal.as_raw_fd();
        // SAFETY: `before` is what tcgetattr has filled in.
        unsafe { libc::tcsetattr(fd, libc::TCSADRAIN, &raw const self.before) };
    }
}

/// How many columns and lines it has; `None` if it does not say.
#[must_use]
pub fn size(terminal: BorrowedFd<'_>) -> Option<(usize, usize)> {
    // SAFETY: all-zero is a valid winsize.
    let mut size: libc::winsize = unsafe { mem::zeroed() };
    // SAFETY: TIOCGWINSZ writes one winsize, and `size` is one.
    let done = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ as _, &raw mut size) };
    let known = done == 0 && size.ws_col > 0 && size.ws_row > 0;
    known.then(|| (usize::from(size.ws_col), usize::from(size.ws_row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_no_terminal_has_no_keys_and_no_size() {
        let (a, _b) = UnixStream::pair().unwrap();
        assert!(Keys::of(a.as_fd()).is_err());
        assert_eq!(size(a.as_fd()), None);
    }
}
