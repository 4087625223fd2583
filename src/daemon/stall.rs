//! Waking up late: the process was stopped or starved, or the whole machine was. What others have
//! said meanwhile is heard before anything is decided or sent, however it came to be decided: a
//! timer, a check that has failed, a signal, an address that has vanished.

use super::{now, Daemon, Source};
use crate::vrrp::event::Action;
use crate::vrrp::reason::Span;
use crate::vrrp::time::Instant;
use crate::vrrp::StateName;
use crate::wire::Priority;
use mio::Events;
use std::io;
use std::time::Duration;

/// Later than this, others may have waited for us in vain: less than the shortest interval.
const LATE: Duration = Duration::from_millis(5);
/// The same is not told twice within this span.
const QUIET: Duration = Duration::from_secs(60);
/// So often the loop is asked what else is ready; each time it tells of hundreds.
const ROUNDS: usize = 16;

/// How late we are, and what of that was told.
#[derive(Debug, Default)]
pub struct Stall {
    /// How late this turn is, by the timer.
    late: Duration,
    /// How long the oldest packet of this turn has waited.
    waited: Duration,
    /// When the last turn was.
    before: Instant,
    told: Option<(Instant, Duration)>,
    /// How often it was not told since.
    again: u32,
}

impl Stall {
    /// A packet has waited for so long.
    pub fn waited(&mut self, age: Duration) {
        self.waited = self.waited.max(age);
    }

    /// How late this turn is. What has waited longer than since the last turn was not there then: a
    /// clock was set.
    fn worst(&self, now: Instant) -> Duration {
        self.late.max(self.waited.min(now.since(self.before)))
    }

    /// Whether it is to be told, and how often it was not since the last time.
    fn news(&mut self, now: Instant, late: Duration) -> Option<u32> {
        let known = |(at, worst): &(Instant, Duration)| now.since(*at) < QUIET && late < *worst * 2;
        if self.told.as_ref().is_some_and(known) {
            self.again = self.again.saturating_add(1);
            return None;
        }
        self.told = Some((now, late));
        Some(std::mem::take(&mut self.again))
    }
}

impl Daemon {
    /// A turn begins. If it is late, every socket is read out first, and who has to give way gives
    /// way: then nothing that follows can make it speak. Then everything else that is ready is looked
    /// at, whatever the poll has told of: it may be older than the stall.
    pub(super) fn drain_all(&mut self, events: &mut Events) -> io::Result<()> {
        self.stall.late = self.armed.map_or(Duration::ZERO, |armed| self.now.since(armed));
        let late = self.stall.late >= LATE;
        if late {
            self.hear_all();
            self.perform();
        }
        for event in events.iter() {
            self.ready(Source::of(event.token()));
        }
        for _ in 0..if late { ROUNDS } else { 0 } {
            match self.poll.poll(events, Some(Duration::ZERO)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                Err(_) => continue,
                Ok(()) if events.is_empty() => break,
                Ok(()) => {}
            }
            for event in events.iter() {
                self.ready(Source::of(event.token()));
            }
        }
        Ok(())
    }

    fn hear_all(&mut self) {
        for net in 0..self.nets.len() {
            self.hear_out(net);
        }
    }

    /// Before anything is sent: if this turn has lasted so long that it is late by now, we were
    /// stopped in the middle of it. Then the sockets are read out once more, and who has given way
    /// does not send what it had decided before.
    pub(super) fn look_up(&mut self) {
        self.settle_groups();
        let sends = |(_, action): &(usize, Action)| {
            matches!(action, Action::Advertise { .. } | Action::Acquire | Action::Announce { .. })
        };
        if !self.pending.iter().any(sends) {
            return;
        }
        let now = now();
        let late = now.since(self.now);
        if late < LATE {
            return;
        }
        self.stall.late = self.stall.late.max(late);
        self.now = now;
        self.hear_all();
        self.settle_groups();
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|(router, action)| match action {
            Action::Advertise { priority, .. } => {
                *priority == Priority::RESIGN || self.is_in(*router, StateName::Master)
            }
            _ => true,
        });
        self.pending = pending;
    }

    /// A turn has ended. Says how late it was, if that is as long as the shortest interval.
    pub(super) fn tell_of_stall(&mut self) {
        let late = self.stall.worst(self.now);
        (self.stall.late, self.stall.waited) = (Duration::ZERO, Duration::ZERO);
        self.stall.before = self.now;
        if late < LATE {
            return;
        }
        let intervals = self.routers.iter().map(|it| it.core.settings().advert_int.duration());
        if intervals.min().is_none_or(|shortest| late < shortest) {
            return;
        }
        let Some(again) = self.stall.news(self.now, late) else { return };
        let often = match again {
            0 => String::new(),
            again => format!(" ({again} times more since this was last told)"),
        };
        log::warn!(
            "woke up {} late{often}: was vipd stopped, or is the machine overloaded or was it \
             suspended?",
            Span(late)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_told_is_told_again_when_it_is_worse_or_a_minute_later() {
        let mut stall = Stall::default();
        let at = |seconds| Instant::ZERO + SECOND * seconds;
        assert_eq!(stall.news(at(1), SECOND), Some(0));
        assert_eq!(stall.news(at(2), SECOND), None);
        assert_eq!(stall.news(at(3), SECOND * 3 / 2), None);
        assert_eq!(stall.news(at(4), SECOND * 2), Some(2));
        assert_eq!(stall.news(at(63), SECOND * 3), None);
        assert_eq!(stall.news(at(64), SECOND), Some(1));
    }

    #[test]
    fn a_clock_that_was_set_makes_nobody_late() {
        let before = Instant::ZERO + SECOND * 10;
        let mut stall = Stall { before, ..Stall::default() };
        stall.waited(SECOND * 3600);
        assert_eq!(stall.worst(before + SECOND / 2), SECOND / 2);
        stall.waited = SECOND / 4;
        assert_eq!(stall.worst(before + SECOND / 2), SECOND / 4);
        stall.late = SECOND;
        assert_eq!(stall.worst(before + SECOND / 2), SECOND);
    }
}
