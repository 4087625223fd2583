//! Signals as a descriptor.

use super::{cvt, cvt_len, if_ready, owned};
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

/// Signals of this process, blocked and read from a descriptor.
#[derive(Debug)]
pub struct SignalFd(OwnedFd);

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its number.
    pub signo: i32,
    /// The process that sent it.
    pub pid: u32,
    /// The user of that process.
    pub uid: u32,
}

impl SignalFd {
    /// Blocks these signals; from now on they are read here.
    ///
    /// # Errors
    /// If one of them is no signal, and what the kernel says.
    pub fn new(signals: &[i32]) -> io::Result<Self> {
        let set = set(signals)?;
        // SAFETY: `set` is initialised; a null old set is allowed.
        cvt(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) })?;
        // SAFETY: `set` is initialised.
        owned(unsafe { libc::signalfd(-1, &set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) }).map(Self)
    }

    /// The next signal; `None` if there is none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let (fd, size) = (self.0.as_raw_fd(), mem::size_of::<libc::signalfd_siginfo>());
        // SAFETY: `info` is writable for `size` bytes until the call returns.
        let read = if_ready(|| cvt_len(unsafe { libc::read(fd, info.as_mut_ptr().cast(), size) }))?;
        // SAFETY: all-zero is a valid value, and the kernel writes whole structures.
        let info = unsafe { info.assume_init() };
        let signo = info.ssi_signo as i32;
        Ok(read.map(|_| Signal { signo, pid: info.ssi_pid, uid: info.ssi_uid }))
    }
}

impl AsRawFd for SignalFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Ignores a signal.
///
/// # Errors
/// If there is no such signal, or it cannot be ignored.
pub fn ignore(signal: i32) -> io::Result<()> {
    dispose(signal, libc::SIG_IGN)
}

/// Gives a signal its usual effect back. For SIGCHLD: whoever started us may have left it ignored,
/// and then children leave no exit status.
///
/// # Errors
/// As [`ignore`].
pub fn restore(signal: i32) -> io::Result<()> {
    dispose(signal, libc::SIG_DFL)
}

fn dispose(signal: i32, action: libc::sighandler_t) -> io::Result<()> {
    // SAFETY: neither of the two actions runs code of ours.
    if unsafe { libc::signal(signal, action) } == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn set(signals: &[i32]) -> io::Result<libc::sigset_t> {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: `set` is writable; sigemptyset initialises it, sigaddset changes it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            cvt(libc::sigaddset(set.as_mut_ptr(), *signal))?;
        }
        Ok(set.assume_init())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To this thread alone: the other tests must not die of it.
    fn raise(signal: i32) {
        // SAFETY: the call has no pointers; the thread is our own.
        assert_eq!(unsafe { libc::pthread_kill(libc::pthread_self(), signal) }, 0);
    }

    #[test]
    fn blocked_signals_are_read_with_their_sender() {
        let signals = SignalFd::new(&[libc::SIGURG, libc::SIGHUP]).unwrap();
        assert_eq!(signals.read().unwrap(), None);
        raise(libc::SIGURG);
        raise(libc::SIGHUP);
        let mut seen = [signals.read().unwrap().unwrap(), signals.read().unwrap().unwrap()];
        seen.sort_by_key(|signal| signal.signo);
        let uid = crate::sys::user::effective_uid();
        let from_us = |signo| Signal { signo, pid: std::process::id(), uid };
        assert_eq!(seen, [from_us(libc::SIGHUP), from_us(libc::SIGURG)]);
        assert_eq!(signals.read().unwrap(), None);
    }

    #[test]
    fn what_is_no_signal_is_an_error() {
        assert!(SignalFd::new(&[4711]).is_err());
        assert!(ignore(libc::SIGKILL).is_err());
        assert!(ignore(-1).is_err());
    }

    #[test]
    fn an_ignored_signal_does_nothing_until_it_is_restored() {
        ignore(libc::SIGUSR2).unwrap();
        raise(libc::SIGUSR2);
        restore(libc::SIGUSR2).unwrap();
        // SAFETY: asks for the action and sets none of ours.
        assert_eq!(unsafe { libc::signal(libc::SIGUSR2, libc::SIG_DFL) }, libc::SIG_DFL);
    }
}
