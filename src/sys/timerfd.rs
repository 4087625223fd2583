//! A timer as a descriptor.

use super::clock::timespec;
use super::{cvt, cvt_len, if_ready, owned};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// A timer on CLOCK_MONOTONIC, set to absolute times.
#[derive(Debug)]
pub struct TimerFd(OwnedFd);

impl TimerFd {
    /// A timer that is not set.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn new() -> io::Result<Self> {
        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: the call has no pointers.
        owned(unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) }).map(Self)
    }

    /// Fires at this moment, at once if it is past. Forgets an expiry that was not read.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn arm(&self, at_ns: u64) -> io::Result<()> {
        // 0 would disarm the timer.
        let at_ns = at_ns.max(1);
        self.set(timespec((at_ns / 1_000_000_000) as i64, (at_ns % 1_000_000_000) as u32))
    }

    /// Does not fire any more.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn disarm(&self) -> io::Result<()> {
        self.set(timespec(0, 0))
    }

    fn set(&self, it_value: libc::timespec) -> io::Result<()> {
        let spec = libc::itimerspec { it_interval: timespec(0, 0), it_value };
        // SAFETY: `spec` is valid until the call returns; a null old value is allowed.
        let result = unsafe {
            libc::timerfd_settime(
                self.0.as_raw_fd(),
                libc::TFD_TIMER_ABSTIME,
                &spec,
                std::ptr::null_mut(),
            )
        };
        cvt(result).map(drop)
    }

    /// How often it has fired since it was last read or set; 0 if it has not.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn read(&self) -> io::Result<u64> {
        let mut count = [0u8; 8];
        let (fd, length) = (self.0.as_raw_fd(), count.len());
        // SAFETY: `count` is writable for its length until the call returns.
        let read =
            if_ready(|| cvt_len(unsafe { libc::read(fd, count.as_mut_ptr().cast(), length) }));
        // Nothing read leaves it zero.
        read.map(|_| u64::from_ne_bytes(count))
    }
}

impl AsRawFd for TimerFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{clock, poll_readable};
    use std::os::fd::AsFd;

    #[test]
    fn it_fires_at_its_time_and_not_before() {
        let timer = TimerFd::new().unwrap();
        assert_eq!(timer.read().unwrap(), 0);
        let at = clock::monotonic() + 5_000_000;
        timer.arm(at).unwrap();
        assert!(poll_readable(timer.0.as_fd(), 10_000).unwrap());
        assert!(clock::monotonic() >= at);
        assert_eq!(timer.read().unwrap(), 1);
    }

    #[test]
    fn a_moment_that_is_past_fires_at_once_and_setting_it_anew_forgets_that() {
        let timer = TimerFd::new().unwrap();
        for past in [0, 1] {
            timer.arm(past).unwrap();
            assert!(poll_readable(timer.0.as_fd(), 10_000).unwrap());
        }
        for far in [u64::MAX / 4, u64::MAX] {
            timer.arm(far).unwrap();
            assert_eq!(timer.read().unwrap(), 0);
        }
        timer.arm(1).unwrap();
        timer.disarm().unwrap();
        assert_eq!(timer.read().unwrap(), 0);
    }
}
