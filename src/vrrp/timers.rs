//! Skew_Time and Master_Down_Interval, exact to the nanosecond: rounding a skew away makes all
//! BACKUPs fire together (V3-066).

use crate::wire::{Interval, Priority, Version};
use core::time::Duration;

/// `((256 - Priority) * Active_Adver_Interval) / 256` (RFC 9568 §6.1); in VRRPv2
/// `(256 - Priority) / 256` seconds whatever the interval (RFC 3768 §6.1, V2-012).
#[must_use]
pub fn skew_time(version: Version, priority: Priority, interval: Interval) -> Duration {
    let unit = match version {
        Version::V2 => Duration::from_secs(1),
        Version::V3 => interval.duration(),
    };
    unit * (256 - u32::from(priority.0)) / 256
}

/// `3 * Active_Adver_Interval + Skew_Time`: Active_Down_Interval in RFC 9568's words. Others than
/// 3 are keepalived's `down_timer_adverts`, 1 to 100.
#[must_use]
pub fn master_down_interval(
    version: Version,
    adverts: u8,
    priority: Priority,
    interval: Interval,
) -> Duration {
    interval.duration() * u32::from(adverts) + skew_time(version, priority, interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of rfc-checklist.md §1, in nanoseconds.
    #[test]
    fn v3_063_v3_066_v2_012_the_table() {
        for (version, priority, centis, skew, down) in [
            (Version::V3, 254, 100, 7_812_500, 3_007_812_500),
            (Version::V3, 200, 100, 218_750_000, 3_218_750_000),
            (Version::V3, 150, 100, 414_062_500, 3_414_062_500),
            (Version::V3, 100, 100, 609_375_000, 3_609_375_000),
            (Version::V3, 1, 100, 996_093_750, 3_996_093_750),
            (Version::V3, 100, 10, 60_937_500, 360_937_500),
            (Version::V3, 254, 1, 78_125, 30_078_125),
            (Version::V3, 100, 1, 6_093_750, 36_093_750),
            (Version::V3, 100, 4095, 24_953_906_250, 147_803_906_250),
            (Version::V3, 254, 4095, 319_921_875, 123_169_921_875),
            (Version::V3, 1, 4095, 40_790_039_062, 163_640_039_062),
            (Version::V2, 254, 100, 7_812_500, 3_007_812_500),
            (Version::V2, 100, 100, 609_375_000, 3_609_375_000),
            (Version::V2, 100, 500, 609_375_000, 15_609_375_000),
        ] {
            let (priority, interval) =
                (Priority(priority), Interval::from_centiseconds(centis).unwrap());
            let nanos = |span: Duration| span.as_nanos();
            assert_eq!(nanos(skew_time(version, priority, interval)), skew);
            assert_eq!(nanos(master_down_interval(version, 3, priority, interval)), down);
        }
    }

    #[test]
    fn v3_066_a_higher_priority_always_waits_less() {
        for centis in [1, 2, 10, 100, 4095] {
            let interval = Interval::from_centiseconds(centis).unwrap();
            for version in [Version::V2, Version::V3] {
                for priority in 1..255 {
                    let wait = |p| skew_time(version, Priority(p), interval);
                    assert!(wait(priority) > wait(priority + 1));
                }
            }
        }
    }
}
