//! A virtual router goes on where another left off, perhaps with other settings.

use super::backup::{Backup, Heard};
use super::master::Master;
use super::memory::{Memory, State};
use super::Router;
use crate::vrrp::event::Action;
use crate::vrrp::settings::Settings;
use crate::vrrp::time::Instant;
use crate::wire::Priority;
use alloc::vec::Vec;
use core::time::Duration;

impl Router {
    /// What is true of the world was said before: the link, the address, the trackers. Nobody hears
    /// of a state that stays.
    pub(super) fn resume(&mut self, now: Instant, memory: &Memory, out: &mut Vec<Action>) {
        if !matches!(self.state, State::Init) {
            return;
        }
        self.statistics = memory.statistics.clone();
        self.checksum = self.settings.v3_checksum.unwrap_or(memory.checksum);
        if let Some(auth_hmac) = &mut self.auth_hmac {
            auth_hmac.resume(&memory.signatures);
        }
        if matches!(memory.state, State::Init) {
            self.startup(now, memory.deaf_until, out);
            return;
        }
        self.deaf_until = memory.deaf_until;
        self.remarks = memory.remarks.clone();
        if self.settings.election.both_versions {
            self.versions = memory.versions.clone();
        }
        // A member that is in FAULT leaves it with its group, and whoever is none leaves it alone.
        let joins = !memory.grouped && matches!(memory.state, State::Fault(_));
        self.group_fault = self.settings.grouped && (memory.group_fault || joins);
        self.state = match &memory.state {
            State::Init => State::Init,
            State::Fault(fault) => State::Fault(*fault),
            State::Master(master) => State::Master(master.under(now, &self.settings)),
            State::Backup(backup) => State::Backup(self.listening(now, memory, backup.clone())),
        };
        self.tell_priority(now, memory.priority, out);
        self.settle(now, out);
        if self.drained && matches!(self.state, State::Master(_)) {
            self.drain(now, false, out);
        }
    }

    /// A MASTER says so at once, as when a tracker changes it.
    pub(super) fn tell_priority(&mut self, now: Instant, before: Priority, out: &mut Vec<Action>) {
        let ours = self.effective_priority;
        if ours == before {
            return;
        }
        out.push(Action::PriorityChange { from: before, to: ours });
        // After a stall the packets have to be heard first.
        let speaks = self.settings.fast_handover && self.stalled(now).is_none();
        if matches!(self.state, State::Master(_)) && speaks && self.fault().is_none() {
            self.advertise(ours, out);
        }
    }

    /// What a BACKUP knows, with its timer as our settings want it. With the same settings nothing
    /// changes.
    fn listening(&self, now: Instant, memory: &Memory, mut backup: Backup) -> Backup {
        let (settings, ours) = (&self.settings, self.effective_priority);
        let begins = now.max(memory.deaf_until);
        backup.delay_changed(memory, settings);
        if (memory.priority == Priority::OWNER) != settings.is_owner() {
            backup.ownership_changed(begins, memory, settings, ours);
        } else if let Some(lower) = backup.now_to_follow(now, memory, settings, ours) {
            let lower_at = backup.lower_at;
            backup.follow(lower, settings, ours);
            backup.master_down_at = (backup.master_down_at + lower_at.since(lower.at)).max(now);
        } else {
            backup.timer_changed(now, memory, settings, ours);
        }
        if backup.overdue && !self.held() && !settings.grouped {
            // It fires now: not here, but after the packets that may still be waiting (V3-082).
            (backup.overdue, backup.group_waits_at) = (false, None);
            backup.master_down_at = now;
        } else if backup.overdue && memory.grouped != settings.grouped {
            backup.fired(now, settings, ours, self.drained);
        }
        backup
    }
}

impl Master {
    /// Its timers as other settings want them. Others were told when to expect the next advert: it
    /// may come earlier than that, not later. With the same settings nothing changes.
    fn under(&self, now: Instant, settings: &Settings) -> Self {
        let garp = &settings.garp;
        let delay = garp.master_delay.max(garp.lower_prio_delay);
        let again = self.announce_again.filter(|_| !delay.is_zero());
        let refresh = now + garp.master_refresh;
        let refresh_at = self.refresh_at.map_or(refresh, |at| at.min(refresh));
        Self {
            adver_at: self.adver_at.min(now + settings.advert_int.duration()),
            announce_again: again.map(|(at, repeat)| (at.min(now + delay), repeat)),
            refresh_at: (!garp.master_refresh.is_zero()).then_some(refresh_at),
            answered_at: self.answered_at.map(|at| at.min(now)),
        }
    }
}

impl Backup {
    /// `preempt_delay` counts from the same moment as before.
    fn delay_changed(&mut self, old: &Memory, settings: &Settings) {
        let delay = settings.election.preempt_delay;
        let longer = |at: Instant| at + delay - old.preempt_delay;
        self.preempt_at = self.preempt_at.filter(|_| !delay.is_zero()).map(longer);
    }

    /// An owner waits for nobody but another; whoever is none any more begins to listen.
    fn ownership_changed(
        &mut self,
        begins: Instant,
        old: &Memory,
        settings: &Settings,
        ours: Priority,
    ) {
        if !settings.is_owner() {
            let since = self.since;
            *self = Self { since, ..Self::new(begins, settings, ours) };
            return;
        }
        let weaker = self.master.filter(|master| master.priority < ours);
        if let Some(weaker) = weaker {
            (self.master, self.lower, self.lower_at) = (None, Some(weaker), weaker.at);
        }
        if self.master.is_none() {
            (self.overdue, self.resigned, self.handicap) = (false, None, None);
            self.master_down_at = begins;
        } else {
            self.timer_changed(begins, old, settings, ours);
        }
    }

    /// A MASTER that was not followed because of settings that have changed: its next advertisement
    /// might come after the timer.
    fn now_to_follow(
        &mut self,
        now: Instant,
        old: &Memory,
        settings: &Settings,
        ours: Priority,
    ) -> Option<Heard> {
        let lower = self.lower?;
        let delays = old.preempt_delay.is_zero() && self.delays(now, settings);
        (lower.priority >= ours || !settings.preempts() || delays).then_some(lower)
    }

    /// The timer moves by what priority, version and `down_timer_adverts` changed, and by what our
    /// own interval did as long as no other was heard; but never into the past.
    fn timer_changed(&mut self, now: Instant, old: &Memory, settings: &Settings, ours: Priority) {
        let (mut adverts, skew) = old.wait(self.active_adver_interval);
        if self.master.is_none() && self.active_adver_interval == old.first_interval {
            self.active_adver_interval = settings.first_interval();
        }
        let interval = self.active_adver_interval;
        let new_skew = settings.skew_time(ours, interval);
        let mut new_adverts = settings.master_down_interval(ours, interval) - new_skew;
        if self.resigned.is_some() {
            (adverts, new_adverts) = (Duration::ZERO, Duration::ZERO);
        }
        if (adverts, skew) == (new_adverts, new_skew) {
            return;
        }
        // Where fewer adverts are waited for, those above us still come first.
        let earliest = if new_adverts < adverts { now + new_skew } else { now };
        let moved = self.master_down_at + new_adverts + new_skew - adverts - skew;
        self.master_down_at = moved.max(earliest);
    }
}

#[cfg(test)]
mod tests;
