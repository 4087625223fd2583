//! Signals as a descriptor.

use super::{cvt, cvt_len};
use std::io;
use std::mem::{self, MaybeUninit};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

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
    /// What the kernel says.
    pub fn new(signals: &[i32]) -> io::Result<Self> {
        let set = set(signals);
        // SAFETY: `set` is initialised; a null old set is allowed.
        cvt(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) })?;
        // SAFETY: `set` is initialised.
        let fd = cvt(unsafe { libc::signalfd(-1, &set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) })?;
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// The next signal; `None` if there is none.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn read(&self) -> io::Result<Option<Signal>> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = mem::size_of::<libc::signalfd_siginfo>();
        // SAFETY: `info` is writable for `size` bytes until the call returns.
        let read = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        match cvt_len(read) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
            Ok(_) => {
                // SAFETY: all-zero is a valid value, and the kernel writes whole structures.
                let info = unsafe { info.assume_init() };
                let signo = info.ssi_signo as i32;
                Ok(Some(Signal { signo, pid: info.ssi_pid, uid: info.ssi_uid }))
            }
        }
    }
}

impl AsRawFd for SignalFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Ignores a signal.
///
/// # Errors
/// If there is no such signal.
pub fn ignore(signal: i32) -> io::Result<()> {
    // SAFETY: SIG_IGN runs no code of ours.
    let old = unsafe { libc::signal(signal, libc::SIG_IGN) };
    if old == libc::SIG_ERR {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn set(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: `set` is writable; sigemptyset initialises it, sigaddset changes it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocked_signal_is_read() {
        let signals = SignalFd::new(&[libc::SIGURG]).unwrap();
        assert_eq!(signals.read().unwrap(), None);
        // SAFETY: sends a signal, blocked in this thread, to this thread.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGURG) };
        let signal = signals.read().unwrap().unwrap();
        assert_eq!((signal.signo, signal.pid), (libc::SIGURG, std::process::id()));
    }
}
