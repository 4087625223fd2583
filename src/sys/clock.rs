//! Clocks.

/// Nanoseconds of CLOCK_MONOTONIC: never steps, stands still while the machine is suspended.
#[must_use]
pub fn monotonic() -> u64 {
    nanoseconds(&read(libc::CLOCK_MONOTONIC))
}

/// Nanoseconds of CLOCK_BOOTTIME: the same, but it goes on while the machine is suspended.
#[must_use]
pub fn boottime() -> u64 {
    nanoseconds(&read(libc::CLOCK_BOOTTIME))
}

/// A moment in nanoseconds. One before 1970 is nonsense, but no reason to panic.
pub(super) fn nanoseconds(time: &libc::timespec) -> u64 {
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}

/// A `timespec`, which on some machines has padding and so is not to be written out.
pub(super) fn timespec(seconds: i64, nanoseconds: u32) -> libc::timespec {
    // SAFETY: all-zero is a valid timespec.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // Where seconds have 32 bits, what is beyond them is the last one that there is.
    #[allow(clippy::useless_conversion)]
    let seconds = seconds.try_into().unwrap_or(i32::MAX as _);
    time.tv_sec = seconds;
    time.tv_nsec = nanoseconds as _;
    time
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
    let mut time = timespec(0, 0);
    // SAFETY: `time` is writable; these clocks always exist, so the call cannot fail.
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

/// Seconds since 1970 in the time zone of this process; 1970-01-01 00:00:00 if the C library has no
/// answer.
#[must_use]
pub fn local_time(seconds: i64) -> LocalTime {
    // libc's name for the type of the seconds is deprecated on musl.
    let time = timespec(seconds, 0);
    // SAFETY: an all-zero `tm` is valid (its pointer may be null).
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are valid until the call returns.
    if unsafe { libc::localtime_r(&time.tv_sec, &mut tm) }.is_null() {
        return LocalTime { year: 1970, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
    }
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
        // It began when the other did, and never stands still.
        assert!(boottime() >= before);
        assert!(realtime().0 > 1_700_000_000);
        assert!(local_time(realtime().0).year >= 2024);
    }

    #[test]
    fn the_time_of_day_is_that_of_std() {
        let (seconds, nanoseconds) = realtime();
        let std = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        assert!((std.as_secs() as i64 - seconds).abs() <= 1);
        assert!(nanoseconds < 1_000_000_000);
    }

    #[test]
    fn local_time_is_that_of_date() {
        let date = std::process::Command::new("date")
            .args(["-d", "@1750000000", "+%Y %m %d %H %M %S"])
            .output()
            .unwrap();
        let text = String::from_utf8(date.stdout).unwrap();
        let wanted: Vec<i32> = text.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let time = local_time(1_750_000_000);
        let got = [time.year, time.month, time.day, time.hour, time.minute, time.second];
        assert_eq!(got.as_slice(), wanted);
    }

    /// The clock of the day may be set by hours at any moment. What reads it: the time that a line of
    /// the log begins with, the stamps of signed adverts, and how long ago a packet has arrived, which
    /// is only believed within 5 ms.
    #[test]
    fn nothing_is_timed_by_the_clock_of_the_day() {
        let mut readers = Vec::new();
        let mut folders = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap();
                let own = path.ends_with("sys/clock.rs") || path.ends_with("tests.rs");
                let reads =
                    ["realtime()", "SystemTime", "Instant::now", "CLOCK_REALTIME", "time(std"];
                if !own && reads.iter().any(|word| code.contains(word)) {
                    readers.push(path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned());
                }
            }
        }
        readers.sort();
        let known = [
            "src/control/peers.rs",
            "src/daemon/history.rs",
            "src/daemon/hmac.rs",
            "src/daemon/receive.rs",
            "src/log.rs",
        ];
        assert_eq!(readers, known.map(std::path::PathBuf::from));
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_moment_that_the_c_library_cannot_tell_is_1970() {
        assert_eq!(local_time(i64::MAX).year, 1970);
    }
}
