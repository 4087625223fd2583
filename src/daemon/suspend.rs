//! Whether the machine was suspended. CLOCK_MONOTONIC, by which all is timed, stands still then:
//! after hours a MASTER would believe that no time has passed, and go on beside whoever has taken
//! over. CLOCK_BOOTTIME goes on; what it has gained since the last turn is how long we slept.

use super::Daemon;
use crate::sys::clock;
use crate::vrrp::event::Event;
use crate::vrrp::reason::Span;
use std::time::Duration;

/// What is shorter is no suspension: no machine goes to sleep and wakes up in so little time.
const SHORTEST: u64 = 1_000_000;

/// By how much CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC.
#[derive(Clone, Copy, Debug)]
pub struct Sleep {
    ahead: u64,
}

impl Sleep {
    /// From now on.
    pub fn begin() -> Self {
        let mut new = Self { ahead: 0 };
        let _ = new.look(clock::monotonic(), clock::boottime(), clock::monotonic);
        new
    }

    /// How long the machine was suspended since the last look. The moments are those of both clocks,
    /// in this order; between them anything may have taken its time, so a difference is looked at
    /// once more, against a moment that comes `after`.
    fn look(&mut self, monotonic: u64, boot: u64, after: impl FnOnce() -> u64) -> Option<Duration> {
        if boot.saturating_sub(monotonic) < self.ahead + SHORTEST {
            return None;
        }
        let slept = boot.saturating_sub(after()).checked_sub(self.ahead)?;
        self.ahead += slept;
        (slept >= SHORTEST).then(|| Duration::from_nanos(slept))
    }
}

impl Daemon {
    /// If the machine was suspended, everybody hears of that before anything else.
    pub(super) fn wake_up(&mut self) {
        let slept = self.sleep.look(self.now.as_nanos(), clock::boottime(), clock::monotonic);
        let Some(span) = slept else { return };
        log::warn!(
            "the machine was suspended for {}: a MASTER whose peers do not wait so long listens first",
            Span(span)
        );
        for router in 0..self.routers.len() {
            self.feed(router, Event::Suspended { span });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    #[test]
    fn sleep_is_told_once_and_as_long_as_it_was() {
        let mut sleep = Sleep { ahead: 0 };
        // The machine had been suspended before we began.
        let _ = sleep.look(5 * HOUR, 7 * HOUR, || 5 * HOUR);
        assert_eq!(sleep.ahead, 2 * HOUR);
        assert_eq!(sleep.look(6 * HOUR, 8 * HOUR + 20, || 6 * HOUR + 40), None);
        let slept = sleep.look(7 * HOUR, 12 * HOUR, || 7 * HOUR);
        assert_eq!(slept, Some(Duration::from_secs(3 * 3600)));
        assert_eq!(sleep.look(8 * HOUR, 13 * HOUR, || 8 * HOUR), None);
    }

    /// Between two looks at clocks the process may stand still: both go on.
    #[test]
    fn to_stand_still_is_not_to_sleep() {
        let mut sleep = Sleep { ahead: 0 };
        assert_eq!(sleep.look(HOUR, 2 * HOUR, || 2 * HOUR + 50), None);
        assert_eq!(sleep.look(3 * HOUR, 3 * HOUR + 50, || 3 * HOUR + 90), None);
        assert_eq!(sleep.ahead, 0);
    }

    #[test]
    fn this_machine_does_not_sleep_now() {
        let mut sleep = Sleep::begin();
        let at = clock::monotonic();
        assert_eq!(sleep.look(at, clock::boottime(), clock::monotonic), None);
    }
}
