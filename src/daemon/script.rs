//! A vrrp_script at work.

use super::command::Runnable;
use crate::config::VrrpScript;
use crate::vrrp::check::{Check, Settings};
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use std::time::Duration;

/// A check and all that belongs to it.
pub struct Script {
    /// Its name.
    pub name: String,
    /// When it runs and what its results say.
    pub check: Check,
    /// What it runs; if it cannot be run, why, and every run is a failure.
    pub runnable: Result<Runnable, String>,
    /// Its number among the trackers.
    pub tracker: usize,
    /// `only_while`
    pub only_while: Option<StateName>,
    /// Its last run.
    pub last: Option<LastRun>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastRun {
    /// It was a success.
    pub success: bool,
    /// `exit 1`, `killed by SIGTERM`, `timed out after 2.00 s`, or why it could not be started.
    pub result: String,
    /// Its exit status, if it has ended by itself.
    pub exit: Option<i32>,
    /// How long it has run, if it was started.
    pub took: Option<Duration>,
    /// The last line that it printed.
    pub output: String,
    /// When it ended.
    pub at: Instant,
}

impl LastRun {
    /// A failure without an exit status.
    #[must_use]
    pub fn failed(at: Instant, result: String) -> Self {
        Self { success: false, result, exit: None, took: None, output: String::new(), at }
    }
}

impl Script {
    /// The result for a log line: with the output, if there was any.
    #[must_use]
    pub fn last_result(&self) -> String {
        match &self.last {
            None => "no result yet".to_owned(),
            Some(last) if last.output.is_empty() => last.result.clone(),
            Some(last) => format!("{}, it said: {}", last.result, last.output),
        }
    }

    /// Remembers how a run ended; true if it ended otherwise than the one before.
    pub fn remember(&mut self, run: LastRun) -> bool {
        let news = self.last.as_ref().is_none_or(|last| last.result != run.result);
        self.last = Some(run);
        news
    }
}

/// The settings of the check that a vrrp_script asks for.
#[must_use]
pub fn settings(script: &VrrpScript) -> Settings {
    Settings {
        interval: script.interval,
        timeout: script.timeout,
        rise: script.rise,
        fall: script.fall,
        init_fail: script.init_fail,
        gated: script.only_while.is_some(),
        start_delay: script.start_delay,
        fault_hold: script.fault_hold,
        is_bodiless: false,
    }
}

/// When the first runs come: one after the other, all within a second or the interval; and where on
/// its interval each check's raster begins.
#[must_use]
pub fn start_times(number: usize, of: usize, interval: Duration) -> (Duration, Duration) {
    let share = |span: Duration| span * number as u32 / of.max(1) as u32;
    (share(interval.min(Duration::from_secs(1))), share(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_spread_and_the_first_come_soon() {
        let minute = Duration::from_secs(60);
        let starts: Vec<_> = (0..4).map(|number| start_times(number, 4, minute)).collect();
        let firsts: Vec<_> = starts.iter().map(|(first, _)| first.as_millis()).collect();
        assert_eq!(firsts, [0, 250, 500, 750]);
        let phases: Vec<_> = starts.iter().map(|(_, phase)| phase.as_secs()).collect();
        assert_eq!(phases, [0, 15, 30, 45]);
    }
}
