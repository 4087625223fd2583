//! When a check script runs, when it is killed, and what its results say.

use super::time::Instant;
use super::tracker::{Tracker, Verdict};
use alloc::vec::Vec;
use core::time::Duration;

/// From SIGTERM to SIGKILL.
pub const KILL_DELAY: Duration = Duration::from_secs(1);
/// Who comes later than this for a timeout does not know whether the run was stuck, or had no more
/// time than we had.
const LATE: Duration = Duration::from_millis(100);

/// What was asked of a check (`vrrp_script`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From one start to the next.
    pub interval: Duration,
    /// A run that takes longer has failed.
    pub timeout: Duration,
    /// Successes in a row that end a failure.
    pub rise: u32,
    /// Failures in a row that are a failure.
    pub fall: u32,
    /// Failed until the first success.
    pub init_fail: bool,
    /// `only_while`: run only while the gate is open, and count as OK while it is closed.
    pub gated: bool,
    /// From the gate's opening to the first run.
    pub start_delay: Duration,
    /// How long a failure lasts after the gate has closed.
    pub fault_hold: Duration,
    /// A run that has timed out is over at once: nothing has to die.
    pub is_bodiless: bool,
}

/// What happens to a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Begin. The first run comes soon, the others on a raster of their own, so that not all
    /// checks start in one instant.
    Startup {
        /// Until the first run.
        first: Duration,
        /// Where in the interval the later runs start.
        phase: Duration,
    },
    /// `deadline()` may have come.
    Timer,
    /// The run has ended, or could not be started.
    Ended {
        /// Exit status 0.
        success: bool,
    },
    /// An instance that tracks this check is now in the state of `only_while`, or none is.
    Gate {
        /// Whether one is.
        open: bool,
    },
}

/// What a check wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a run.
    Run,
    /// It has timed out: SIGTERM to its process group.
    Terminate,
    /// It is still there: SIGKILL.
    Kill,
    /// The verdict has changed.
    Verdict(Verdict),
}

/// The run under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    None,
    Running {
        timeout_at: Instant,
        /// The timeout was put off.
        excused: bool,
    },
    Terminated {
        kill_at: Instant,
    },
    Killed,
}

/// One check.
#[derive(Clone, Debug)]
pub struct Check {
    settings: Settings,
    tracker: Tracker,
    run: Run,
    /// The next start; `None` before the beginning and while the gate is closed.
    next_at: Option<Instant>,
    /// Until when a failure outlasts the gate.
    held_until: Option<Instant>,
    /// What is left of the phase; the second start takes it.
    phase: Duration,
}

impl Check {
    /// Not begun.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let verdict = match (settings.gated, settings.init_fail) {
            (true, _) => Verdict::Up,
            (false, true) => Verdict::Down,
            (false, false) => Verdict::Unknown,
        };
        Self {
            tracker: Tracker::new(settings.rise, settings.fall, verdict),
            settings,
            run: Run::None,
            next_at: None,
            held_until: None,
            phase: Duration::ZERO,
        }
    }

    /// What is held to be true until there are results that say otherwise.
    pub fn presume(&mut self, verdict: Verdict) {
        if !self.settings.gated {
            self.tracker.set(verdict);
        }
    }

    /// What is held to be true now.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.tracker.verdict()
    }

    /// Rise, fall and what was counted.
    #[must_use]
    pub const fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// What was asked for.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A run is under way that has not timed out: its end will be a result.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        matches!(self.run, Run::Running { .. })
    }

    /// When `handle` wants to be called with [`Event::Timer`] at the latest.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let run = match self.run {
            Run::None | Run::Killed => None,
            Run::Running { timeout_at, .. } => Some(timeout_at),
            Run::Terminated { kill_at } => Some(kill_at),
        };
        [run, self.next_at, self.held_until].into_iter().flatten().min()
    }

    /// Takes an event and appends what is to be done about it, in order.
    pub fn handle(&mut self, now: Instant, event: Event, out: &mut Vec<Action>) {
        match event {
            Event::Startup { first, phase } if !self.settings.gated => {
                self.next_at = Some(now + first);
                // The raster begins now, not at the first run, or the first runs' spread would
                // shift it and bring checks together that were to be apart.
                self.phase = phase.saturating_sub(first);
            }
            Event::Startup { .. } => {}
            Event::Timer => {
                self.end_hold(now, out);
                self.escalate(now, out);
                self.start(now, out);
            }
            Event::Ended { success } => self.ended(success, out),
            Event::Gate { open: true } if self.settings.gated => self.open(now, out),
            Event::Gate { open: false } if self.settings.gated => self.close(now, out),
            Event::Gate { .. } => {}
        }
    }

    /// The service has had no time to fail yet: OK, unless an earlier failure still counts.
    fn open(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.next_at.is_some() {
            return;
        }
        self.next_at = Some(now + self.settings.start_delay);
        if self.held_until.is_none() {
            self.set(Verdict::Up, out);
        }
    }

    fn close(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.next_at.take().is_none() {
            return;
        }
        if self.tracker.verdict() == Verdict::Down {
            self.held_until = Some(now + self.settings.fault_hold);
        } else {
            self.set(Verdict::Up, out);
        }
    }

    fn end_hold(&mut self, now: Instant, out: &mut Vec<Action>) {
        if self.held_until.is_some_and(|until| now >= until) {
            self.held_until = None;
            self.set(Verdict::Up, out);
        }
    }

    /// A timeout is a failure at the moment it expires; the verdict does not wait for the corpse.
    /// Where we were not there at that moment, the run is given as long as we are late, once.
    fn escalate(&mut self, now: Instant, out: &mut Vec<Action>) {
        match self.run {
            Run::None | Run::Killed => {}
            Run::Running { timeout_at, excused: false } if now.since(timeout_at) >= LATE => {
                let timeout_at = now + now.since(timeout_at).min(KILL_DELAY);
                self.run = Run::Running { timeout_at, excused: true };
            }
            Run::Running { timeout_at, .. } if now >= timeout_at => {
                self.run = match self.settings.is_bodiless {
                    true => Run::None,
                    false => Run::Terminated { kill_at: now + KILL_DELAY },
                };
                out.push(Action::Terminate);
                self.result(false, out);
            }
            Run::Terminated { kill_at } if now >= kill_at => {
                self.run = Run::Killed;
                out.push(Action::Kill);
            }
            Run::Running { .. } | Run::Terminated { .. } => {}
        }
    }

    /// A start that is due while the last run is still there is left out; if that run has timed
    /// out already, it has failed once more. Of several that were missed, one takes place; the
    /// raster stays, or all checks would start in one instant ever after.
    fn start(&mut self, now: Instant, out: &mut Vec<Action>) {
        let Some(at) = self.next_at.filter(|at| now >= *at) else { return };
        let interval = self.settings.interval;
        let next = at + interval + core::mem::take(&mut self.phase);
        self.next_at = Some(if next > now { next } else { on_raster(next, now, interval) });
        match self.run {
            Run::None => {
                let timeout_at = now + self.settings.timeout;
                self.run = Run::Running { timeout_at, excused: false };
                out.push(Action::Run);
            }
            Run::Running { .. } => {}
            Run::Terminated { .. } | Run::Killed => self.result(false, out),
        }
    }

    fn ended(&mut self, success: bool, out: &mut Vec<Action>) {
        let run = core::mem::replace(&mut self.run, Run::None);
        if matches!(run, Run::Running { .. }) {
            self.result(success, out);
        }
    }

    /// What ends after the gate has closed says nothing any more.
    fn result(&mut self, success: bool, out: &mut Vec<Action>) {
        if self.next_at.is_none() {
            return;
        }
        if !success && self.tracker.verdict() == Verdict::Down {
            // It fails again by itself: no longer a matter of the hold.
            self.held_until = None;
        }
        if self.tracker.result(success) {
            self.held_until = None;
            out.push(Action::Verdict(self.tracker.verdict()));
        }
    }

    fn set(&mut self, verdict: Verdict, out: &mut Vec<Action>) {
        if self.tracker.verdict() != verdict {
            out.push(Action::Verdict(verdict));
        }
        self.tracker.set(verdict);
    }
}

/// The first moment of a raster that lies half an interval ahead at least.
fn on_raster(moment: Instant, now: Instant, interval: Duration) -> Instant {
    let passed = now.since(moment) + interval / 2;
    let intervals = passed.as_nanos() / interval.as_nanos().max(1) + 1;
    moment + interval * u32::try_from(intervals).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const SETTINGS: Settings = Settings {
        interval: Duration::from_secs(2),
        timeout: SECOND,
        rise: 2,
        fall: 2,
        init_fail: false,
        gated: false,
        start_delay: Duration::from_secs(3),
        fault_hold: Duration::from_secs(60),
        is_bodiless: false,
    };

    fn at(millis: u64) -> Instant {
        Instant::ZERO + Duration::from_millis(millis)
    }

    fn handle(check: &mut Check, millis: u64, event: Event) -> Vec<Action> {
        let mut out = Vec::new();
        check.handle(at(millis), event, &mut out);
        assert!(check.deadline().is_none_or(|d| event != Event::Timer || d > at(millis)));
        out
    }

    fn started(settings: Settings) -> Check {
        let mut check = Check::new(settings);
        let (first, phase) = (Duration::ZERO, Duration::from_millis(500));
        assert_eq!(handle(&mut check, 0, Event::Startup { first, phase }), []);
        check
    }

    #[test]
    fn runs_on_a_raster_whose_phase_comes_after_the_first_run() {
        let mut check = started(SETTINGS);
        let mut starts = Vec::new();
        while starts.len() < 4 {
            let now = check.deadline().unwrap();
            let mut out = Vec::new();
            check.handle(now, Event::Timer, &mut out);
            assert_eq!(out, [Action::Run]);
            starts.push(now);
            check.handle(now, Event::Ended { success: true }, &mut out);
        }
        assert_eq!(starts, [at(0), at(2500), at(4500), at(6500)]);
        // A later first run does not move it.
        let mut check = Check::new(SETTINGS);
        let (first, phase) = (Duration::from_millis(200), Duration::from_millis(500));
        handle(&mut check, 0, Event::Startup { first, phase });
        assert_eq!(handle(&mut check, 200, Event::Timer), [Action::Run]);
        assert_eq!(check.next_at, Some(at(2500)));
    }

    #[test]
    fn a_timeout_is_a_failure_at_the_moment_it_expires() {
        let mut check = started(SETTINGS);
        assert_eq!(handle(&mut check, 0, Event::Timer), [Action::Run]);
        let timed_out = handle(&mut check, 1000, Event::Timer);
        assert_eq!(timed_out, [Action::Terminate, Action::Verdict(Verdict::Down)]);
        assert_eq!(handle(&mut check, 2000, Event::Timer), [Action::Kill]);
        // What the corpse says does not count.
        assert_eq!(handle(&mut check, 2100, Event::Ended { success: true }), []);
        assert_eq!(check.verdict(), Verdict::Down);
    }

    /// Asleep for long enough to miss four starts: one takes place, the others stay where they were.
    #[test]
    fn missed_starts_become_one_and_the_raster_stays() {
        for (wakes, next) in [(8_000, 10_500), (11_400, 12_500), (11_600, 14_500)] {
            let mut check = started(SETTINGS);
            handle(&mut check, 0, Event::Timer);
            handle(&mut check, 1, Event::Ended { success: true });
            assert_eq!(handle(&mut check, wakes, Event::Timer), [Action::Run]);
            handle(&mut check, wakes + 1, Event::Ended { success: true });
            assert_eq!(check.deadline(), Some(at(next)));
        }
    }

    /// The whole machine stood still, and the run with it.
    #[test]
    fn a_run_that_slept_as_we_did_gets_a_little_longer_once() {
        let mut check = started(SETTINGS);
        handle(&mut check, 0, Event::Timer);
        assert_eq!(handle(&mut check, 1300, Event::Timer), []);
        assert_eq!(check.deadline(), Some(at(1600)));
        assert_eq!(handle(&mut check, 1599, Event::Ended { success: true }).len(), 1);
        assert_eq!(check.verdict(), Verdict::Up);
        assert_eq!(handle(&mut check, 2500, Event::Timer), [Action::Run]);
        assert_eq!(handle(&mut check, 60_000, Event::Timer), []);
        assert_eq!(check.deadline(), Some(at(61_000)));
        assert!(handle(&mut check, 61_000, Event::Timer).contains(&Action::Terminate));
    }

    /// As `track_tcp` and `track_ping` have it by default: the timeout is the interval.
    #[test]
    fn what_has_nothing_to_die_is_tried_again_at_once() {
        let settings = Settings { timeout: 2 * SECOND, is_bodiless: true, ..SETTINGS };
        let mut check = started(settings);
        assert_eq!(handle(&mut check, 0, Event::Timer), [Action::Run]);
        handle(&mut check, 1, Event::Ended { success: true });
        assert_eq!(handle(&mut check, 2500, Event::Timer), [Action::Run]);
        assert_eq!(handle(&mut check, 4500, Event::Timer), [Action::Terminate, Action::Run]);
        assert_eq!(check.verdict(), Verdict::Up, "one failure of two");
        let second = handle(&mut check, 6500, Event::Timer);
        assert_eq!(second, [Action::Terminate, Action::Verdict(Verdict::Down), Action::Run]);
    }

    #[test]
    fn a_child_that_never_dies_keeps_failing() {
        let mut check = started(Settings { fall: 3, ..SETTINGS });
        handle(&mut check, 0, Event::Timer);
        handle(&mut check, 1, Event::Ended { success: true });
        assert_eq!(check.verdict(), Verdict::Up);
        let mut down_at = None;
        while down_at.is_none() {
            let now = check.deadline().unwrap();
            let mut out = Vec::new();
            check.handle(now, Event::Timer, &mut out);
            assert!(now < at(20_000));
            down_at = out.contains(&Action::Verdict(Verdict::Down)).then_some(now);
        }
        // Started at 2.5 s, timed out at 3.5 s, not gone at 4.5 s and 6.5 s.
        assert_eq!(down_at, Some(at(6500)));
    }

    #[test]
    fn a_run_longer_than_the_interval_is_left_alone_until_its_timeout() {
        let mut check = started(Settings { timeout: Duration::from_secs(9), ..SETTINGS });
        assert_eq!(handle(&mut check, 0, Event::Timer), [Action::Run]);
        assert_eq!(handle(&mut check, 2500, Event::Timer), []);
        assert_eq!(handle(&mut check, 4500, Event::Timer), []);
        let ended = handle(&mut check, 5000, Event::Ended { success: true });
        assert_eq!(ended, [Action::Verdict(Verdict::Up)]);
        assert_eq!(handle(&mut check, 6500, Event::Timer), [Action::Run]);
    }

    #[test]
    fn init_fail_is_failed_until_rise_successes() {
        let mut check = started(Settings { init_fail: true, ..SETTINGS });
        assert_eq!(check.verdict(), Verdict::Down);
        handle(&mut check, 0, Event::Timer);
        assert_eq!(handle(&mut check, 1, Event::Ended { success: true }), []);
        handle(&mut check, 2500, Event::Timer);
        let second = handle(&mut check, 2501, Event::Ended { success: true });
        assert_eq!(second, [Action::Verdict(Verdict::Up)]);
    }

    #[test]
    fn only_while_runs_after_the_delay_and_holds_its_failure() {
        let mut check = started(Settings { gated: true, ..SETTINGS });
        assert_eq!(check.verdict(), Verdict::Up);
        assert_eq!(check.deadline(), None);
        assert_eq!(handle(&mut check, 10_000, Event::Gate { open: true }), []);
        assert_eq!(check.deadline(), Some(at(13_000)));
        for start in [13_000, 15_000] {
            assert_eq!(handle(&mut check, start, Event::Timer), [Action::Run]);
            handle(&mut check, start + 1, Event::Ended { success: false });
        }
        assert_eq!(check.verdict(), Verdict::Down);
        assert_eq!(handle(&mut check, 15_002, Event::Gate { open: false }), []);
        assert_eq!(check.deadline(), Some(at(75_002)));
        assert_eq!(handle(&mut check, 75_002, Event::Timer), [Action::Verdict(Verdict::Up)]);
        assert_eq!(check.deadline(), None);
    }

    /// The end of a hold must not pass for a success.
    #[test]
    fn only_while_a_check_that_fails_again_outlasts_its_hold() {
        let mut check = started(Settings { gated: true, fall: 1, ..SETTINGS });
        handle(&mut check, 0, Event::Gate { open: true });
        assert_eq!(handle(&mut check, 3000, Event::Timer), [Action::Run]);
        handle(&mut check, 3001, Event::Ended { success: false });
        handle(&mut check, 3002, Event::Gate { open: false });
        handle(&mut check, 10_000, Event::Gate { open: true });
        for start in (13_000..100_000).step_by(2000) {
            assert_eq!(handle(&mut check, start, Event::Timer), [Action::Run]);
            assert_eq!(handle(&mut check, start + 1, Event::Ended { success: false }), []);
        }
        assert_eq!(check.verdict(), Verdict::Down);
    }

    #[test]
    fn only_while_forgets_what_was_counted_when_the_gate_closes() {
        let mut check = started(Settings { gated: true, ..SETTINGS });
        for opens in [0, 100_000] {
            handle(&mut check, opens, Event::Gate { open: true });
            assert_eq!(handle(&mut check, opens + 3000, Event::Timer), [Action::Run]);
            handle(&mut check, opens + 3001, Event::Ended { success: false });
            handle(&mut check, opens + 3002, Event::Gate { open: false });
            assert_eq!(check.verdict(), Verdict::Up);
            assert_eq!(check.deadline(), None);
        }
    }

    #[test]
    fn a_run_that_ends_after_the_gate_has_closed_says_nothing() {
        let mut check = started(Settings { gated: true, fall: 1, ..SETTINGS });
        handle(&mut check, 0, Event::Gate { open: true });
        assert_eq!(handle(&mut check, 3000, Event::Timer), [Action::Run]);
        handle(&mut check, 3100, Event::Gate { open: false });
        assert_eq!(handle(&mut check, 3200, Event::Ended { success: false }), []);
        assert_eq!(check.verdict(), Verdict::Up);
    }
}
