//! `interface_up_down_delays`: an interface counts as down, or as up, only after it has been so for
//! a while.

use super::time::Instant;
use core::time::Duration;

/// What happens to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The kernel says that it runs, or not.
    Running(bool),
    /// The kernel says that there is no such interface. That is no flap, and needs no delay.
    Gone,
    /// `deadline()` may have come.
    Timer,
    /// Nobody can wait any longer.
    Hurry,
}

/// An interface whose changes count after a delay.
#[derive(Clone, Copy, Debug)]
pub struct Debounce {
    down_delay: Duration,
    up_delay: Duration,
    running: bool,
    up: bool,
    /// It has counted as up since it came.
    seen_up: bool,
    /// When it counts as what it is now.
    settles_at: Option<Instant>,
}

impl Debounce {
    /// One that is not there.
    #[must_use]
    pub const fn new(down_delay: Duration, up_delay: Duration) -> Self {
        Self { down_delay, up_delay, running: false, up: false, seen_up: false, settles_at: None }
    }

    /// Goes on where another was, with its own delays: what waits, waits as long as was said before.
    pub const fn inherit(&mut self, before: &Self) {
        *self = Self { down_delay: self.down_delay, up_delay: self.up_delay, ..*before };
    }

    /// Whether it counts as up.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.up
    }

    /// When `handle` wants to be called with [`Event::Timer`] at the latest.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.settles_at
    }

    /// Takes an event; true if it counts as something else now.
    pub fn handle(&mut self, now: Instant, event: Event) -> bool {
        let before = self.up;
        match event {
            Event::Running(running) => self.runs(now, running),
            Event::Gone => *self = Self::new(self.down_delay, self.up_delay),
            Event::Timer if self.settles_at.is_some_and(|at| now >= at) => self.settle(),
            Event::Timer => {}
            Event::Hurry => self.settle(),
        }
        self.up != before
    }

    fn runs(&mut self, now: Instant, running: bool) {
        self.running = running;
        let delay = if running { self.up_delay } else { self.down_delay };
        if running == self.up || !self.seen_up || delay.is_zero() {
            self.settle();
        } else if self.settles_at.is_none() {
            self.settles_at = Some(now + delay);
        }
    }

    fn settle(&mut self) {
        self.up = self.running;
        self.seen_up |= self.up;
        self.settles_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::Event::{Gone, Hurry, Running, Timer};
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    /// Down after 1 s, up after 3 s.
    fn seen_up() -> Debounce {
        let mut it = Debounce::new(Duration::from_secs(1), Duration::from_secs(3));
        assert!(!it.handle(at(0), Running(false)));
        // Until it has been up once nothing is delayed.
        assert!(it.handle(at(1), Running(true)));
        assert_eq!(it.deadline(), None);
        it
    }

    #[test]
    fn a_flap_shorter_than_the_delay_does_nothing() {
        let mut it = seen_up();
        for flap in [100, 2000, 4000] {
            assert!(!it.handle(at(flap), Running(false)));
            assert_eq!(it.deadline(), Some(at(flap + 1000)));
            assert!(!it.handle(at(flap + 500), Running(false)));
            assert_eq!(it.deadline(), Some(at(flap + 1000)), "it is down since then");
            assert!(!it.handle(at(flap + 999), Running(true)));
            assert_eq!(it.deadline(), None);
            assert!(it.is_up());
        }
    }

    #[test]
    fn what_lasts_counts_after_its_delay() {
        let mut it = seen_up();
        assert!(!it.handle(at(100), Running(false)));
        assert!(!it.handle(at(1099), Timer));
        assert!(it.handle(at(1100), Timer));
        assert!(!it.is_up());
        assert!(!it.handle(at(2000), Running(true)));
        assert_eq!(it.deadline(), Some(at(5000)));
        assert!(it.handle(at(5000), Timer));
        assert!(it.is_up());
    }

    #[test]
    fn who_cannot_wait_does_not() {
        let mut it = seen_up();
        assert!(!it.handle(at(100), Hurry));
        assert!(!it.handle(at(100), Running(false)));
        assert!(it.handle(at(200), Hurry));
        assert!(!it.is_up());
        assert_eq!(it.deadline(), None);
    }

    #[test]
    fn what_is_gone_is_down_at_once_and_new_when_it_comes_back() {
        let mut it = seen_up();
        assert!(it.handle(at(100), Gone));
        assert!(!it.handle(at(200), Running(false)));
        assert!(it.handle(at(300), Running(true)));
    }

    #[test]
    fn a_delay_of_nothing_is_none() {
        let mut it = Debounce::new(Duration::ZERO, Duration::ZERO);
        for running in [true, false, true] {
            assert!(it.handle(at(0), Running(running)));
        }
    }
}
