//! Moments and spans for people.

use crate::sys::clock;
use std::time::Duration;

/// `2026-11-23 09:12:01`, in the time zone of whoever reads it; from seconds since 1970.
#[must_use]
pub fn date(seconds: f64) -> String {
    let t = clock::local_time(seconds.floor() as i64);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

/// The same with milliseconds.
#[must_use]
pub fn date_exactly(seconds: f64) -> String {
    let millis = ((seconds - seconds.floor()) * 1000.0) as u32;
    format!("{}.{:03}", date(seconds), millis.min(999))
}

/// In two units at most: `3 d 4 h`, `2 min 5 s`, `3.61 s`, `41 ms`, `87 µs`.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let two = |big: u64, big_name: &str, small: u64, small_name: &str| match small {
        0 => format!("{big} {big_name}"),
        _ => format!("{big} {big_name} {small} {small_name}"),
    };
    match seconds {
        0 if span.as_micros() < 1000 => format!("{} us", span.as_micros()),
        0 => format!("{} ms", span.as_millis()),
        1..10 => {
            let hundredths = span.subsec_millis() / 10;
            match hundredths {
                0 => format!("{seconds} s"),
                _ => format!("{seconds}.{hundredths:02} s"),
            }
        }
        10..60 => format!("{seconds} s"),
        60..3600 => two(seconds / 60, "min", seconds % 60, "s"),
        3600..86_400 => two(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3600, "h"),
    }
}

/// How long ago a moment was, by the time of the answer. A clock may have been set meanwhile.
#[must_use]
pub fn ago(now: f64, at: f64) -> String {
    span(Duration::try_from_secs_f64(now - at).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        for (millis, text) in [
            (0, "0 us"),
            (41, "41 ms"),
            (1000, "1 s"),
            (3609, "3.60 s"),
            (59_999, "59 s"),
            (120_000, "2 min"),
            (125_000, "2 min 5 s"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ] {
            assert_eq!(span(Duration::from_millis(millis)), text);
        }
        assert_eq!(ago(1.0, 5.0), "0 us", "a clock was set");
    }
}
