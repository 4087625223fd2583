//! Clocks.

/// Nanoseconds of CLOCK_MONOTONIC: never steps, stands still while the machine is suspended.
#[must_use]
pub fn monotonic() -> u64 {
    let time = read(libc::CLOCK_MONOTONIC);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Seconds and nanoseconds since 1970.
#[must_use]
pub fn realtime() -> (i64, u32) {
    let time = read(libc::CLOCK_REALTIME);
    // Of another width on other machines.
    #[allow(clippy::unnecessary_cast)]
    (time.tv_sec as i64, time.tv_nsec as u32)
}

fn read(clock: libc::clockid_t) -> libc::timespec {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is writable; both clocks always exist, so the call cannot fail.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time
}

/// A moment as the clock on the wall shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// 2026
    pub year: i32,
    /// 1 to 12
    pub month: i32,
    /// 1 to 31
    pub day: i32,
    /// 0 to 23
    pub hour: i32,
    /// 0 to 59
    pub minute: i32,
    /// 0 to 60
    pub second: i32,
}

/// Seconds since 1970 in the time zone of this process.
#[must_use]
pub fn local_time(seconds: i64) -> LocalTime {
    let seconds = seconds as libc::time_t;
    // SAFETY: an all-zero `tm` is valid (its pointer may be null).
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid until the call returns; `tm` is left as it is on failure.
    unsafe { libc::localtime_r(&seconds, &mut tm) };
    LocalTime {
        year: tm.tm_year + 1900,
        month: tm.tm_mon + 1,
        day: tm.tm_mday,
        hour: tm.tm_hour,
        minute: tm.tm_min,
        second: tm.tm_sec,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes() {
        let before = monotonic();
        assert!(before > 0 && monotonic() >= before);
        assert!(realtime().0 > 1_700_000_000);
        assert!(local_time(realtime().0).year >= 2024);
    }
}
