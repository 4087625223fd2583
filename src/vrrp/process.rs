//! Whether the right number of processes runs, and for long enough.

use super::time::Instant;
use super::tracker::Verdict;
use core::time::Duration;

/// What was asked of a tracked process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `quorum`: at least so many.
    pub quorum: u32,
    /// `quorum_max`: at most so many.
    pub quorum_max: u32,
    /// `fork_delay`: a change lasts so long before it counts, if a process has come.
    pub fork_delay: Duration,
    /// `terminate_delay`: a change lasts so long before it counts, if a process has gone.
    pub terminate_delay: Duration,
}

impl Settings {
    /// What so many processes are worth.
    #[must_use]
    pub const fn judge(&self, count: u32) -> Verdict {
        if count >= self.quorum && count <= self.quorum_max {
            Verdict::Up
        } else {
            Verdict::Down
        }
    }
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many run now.
    Count(u32),
    /// `deadline()` may have come.
    Timer,
}

/// A tracked process.
#[derive(Clone, Debug)]
pub struct Quorum {
    settings: Settings,
    count: u32,
    verdict: Verdict,
    /// When the other verdict counts, if the number stays what it is.
    due: Option<Instant>,
}

impl Quorum {
    /// Nobody has counted yet.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings, count: 0, verdict: Verdict::Unknown, due: None }
    }

    /// What was asked for.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many run.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// What is held to be true now.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// When `handle` wants to be called with [`Event::Timer`] at the latest.
    #[must_use]
    pub const fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Takes an event; true if the verdict has changed. The first count decides at once.
    pub fn handle(&mut self, now: Instant, event: Event) -> bool {
        match event {
            Event::Count(count) => self.counted(now, count),
            Event::Timer => match self.due {
                Some(due) if due <= now => self.decide(),
                Some(_) | None => false,
            },
        }
    }

    fn counted(&mut self, now: Instant, count: u32) -> bool {
        let before = core::mem::replace(&mut self.count, count);
        let judged = self.settings.judge(count);
        if judged == self.verdict {
            self.due = None;
            return false;
        }
        let delay = match self.verdict {
            Verdict::Unknown => Duration::ZERO,
            Verdict::Up | Verdict::Down if count > before => self.settings.fork_delay,
            Verdict::Up | Verdict::Down => self.settings.terminate_delay,
        };
        if delay.is_zero() {
            return self.decide();
        }
        // What waits already does not begin anew with every process.
        self.due.get_or_insert(now + delay);
        false
    }

    fn decide(&mut self) -> bool {
        self.due = None;
        let judged = self.settings.judge(self.count);
        core::mem::replace(&mut self.verdict, judged) != judged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn quorum(quorum: u32, quorum_max: u32, fork: u64, terminate: u64) -> Quorum {
        let (fork_delay, terminate_delay) =
            (Duration::from_secs(fork), Duration::from_secs(terminate));
        Quorum::new(Settings { quorum, quorum_max, fork_delay, terminate_delay })
    }

    fn at(seconds: u64) -> Instant {
        Instant::ZERO + SECOND * seconds as u32
    }

    #[test]
    fn so_many_and_no_more() {
        for (least, most, up) in [(1, u32::MAX, 1..=9), (2, 3, 2..=3), (0, 0, 0..=0)] {
            for count in 0..10 {
                let mut quorum = quorum(least, most, 0, 0);
                assert!(quorum.handle(at(0), Event::Count(count)));
                let expected = if up.contains(&count) { Verdict::Up } else { Verdict::Down };
                assert_eq!(quorum.verdict(), expected, "{least} {most} {count}");
                assert!(!quorum.handle(at(0), Event::Count(count)));
            }
        }
    }

    #[test]
    fn the_first_count_decides_at_once() {
        let mut quorum = quorum(1, 1, 5, 5);
        assert!(quorum.handle(at(0), Event::Count(0)));
        assert_eq!((quorum.verdict(), quorum.deadline()), (Verdict::Down, None));
    }

    #[test]
    fn a_change_has_to_last() {
        let mut quorum = quorum(1, u32::MAX, 2, 3);
        quorum.handle(at(0), Event::Count(1));
        // Gone for less than terminate_delay.
        assert!(!quorum.handle(at(10), Event::Count(0)));
        assert_eq!(quorum.deadline(), Some(at(13)));
        assert!(!quorum.handle(at(12), Event::Timer));
        assert!(!quorum.handle(at(12), Event::Count(1)));
        assert_eq!((quorum.verdict(), quorum.deadline()), (Verdict::Up, None));
        // Gone for longer.
        assert!(!quorum.handle(at(20), Event::Count(0)));
        assert!(quorum.handle(at(23), Event::Timer));
        assert_eq!((quorum.verdict(), quorum.deadline()), (Verdict::Down, None));
        // Back: fork_delay.
        assert!(!quorum.handle(at(30), Event::Count(1)));
        assert_eq!(quorum.deadline(), Some(at(32)));
        // More of them do not put it off.
        assert!(!quorum.handle(at(31), Event::Count(2)));
        assert_eq!(quorum.deadline(), Some(at(32)));
        assert!(quorum.handle(at(32), Event::Timer));
        assert_eq!(quorum.verdict(), Verdict::Up);
    }

    /// One too many for a moment, as when a process forks and executes another program.
    #[test]
    fn too_many_is_a_matter_of_fork_delay() {
        let mut quorum = quorum(1, 1, 2, 3);
        quorum.handle(at(0), Event::Count(1));
        assert!(!quorum.handle(at(1), Event::Count(2)));
        assert_eq!(quorum.deadline(), Some(at(3)));
        assert!(!quorum.handle(at(2), Event::Count(1)));
        assert_eq!(quorum.deadline(), None);
    }

    /// From too few to too many: still the same verdict.
    #[test]
    fn either_way_of_being_wrong_is_wrong() {
        let mut quorum = quorum(1, 2, 0, 0);
        assert!(quorum.handle(at(0), Event::Count(0)));
        assert!(!quorum.handle(at(0), Event::Count(9)));
        assert_eq!(quorum.verdict(), Verdict::Down);
    }
}
