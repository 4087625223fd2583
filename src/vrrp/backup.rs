//! What a BACKUP knows of its MASTERs, and how long it waits for them (RFC 9568 §6.4.2).

use super::reason::Reason;
use super::time::Instant;
use super::timers;
use crate::wire::{Interval, Priority, Version};
use core::net::IpAddr;

/// RFC 9568 §6.4.2.
#[derive(Clone, Debug)]
pub(super) struct Backup {
    /// Active_Down_Timer.
    pub(super) master_down_at: Instant,
    /// Active_Adver_Interval: the MASTER's, at first our own (V3-063, V3-079).
    pub(super) active_adver_interval: Interval,
    /// The timer has fired, but a tracker without a result holds us back.
    pub(super) overdue: bool,
    /// Since when we have been listening.
    pub(super) since: Instant,
    /// The MASTER that we follow.
    pub(super) master: Option<Heard>,
    /// Another that we followed before it: on a LAN that is cut in two it may still be MASTER.
    pub(super) other: Option<Heard>,
    /// A MASTER of lower priority than ours, whom we do not follow; the strongest of them.
    pub(super) lower: Option<Heard>,
    /// Who sent priority 0 last, if that is why the timer runs short.
    pub(super) resigned: Option<IpAddr>,
}

/// What was heard of another router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Source address of its advertisements.
    pub address: IpAddr,
    /// Its priority.
    pub priority: Priority,
    /// Its interval: Active_Adver_Interval (V3-079).
    pub interval: Interval,
    /// When.
    pub at: Instant,
}

impl Backup {
    /// Waits for a whole Master_Down_Interval from `now`.
    pub(super) fn new(now: Instant, version: Version, ours: Priority, interval: Interval) -> Self {
        Self {
            master_down_at: now + timers::master_down_interval(version, ours, interval),
            active_adver_interval: interval,
            overdue: false,
            since: now,
            master: None,
            other: None,
            lower: None,
            resigned: None,
        }
    }

    /// V3-079: from when it was heard.
    pub(super) fn follow(&mut self, heard: Heard, version: Version, ours: Priority) {
        let before = self.master.filter(|master| master.address != heard.address);
        *self = Self {
            since: self.since,
            master: Some(heard),
            other: before.or(self.other),
            ..Self::new(heard.at, version, ours, heard.interval)
        };
    }

    /// V3-080. Of several, the strongest is remembered as long as it can be MASTER still.
    pub(super) fn ignore(&mut self, heard: Heard, version: Version, ours: Priority) {
        let stronger = self.lower.filter(|lower| {
            let wait = timers::master_down_interval(version, ours, lower.interval);
            lower.address != heard.address
                && lower.priority > heard.priority
                && heard.at < lower.at + wait
        });
        self.lower = stronger.or(Some(heard));
    }

    /// Whoever has resigned is nobody's MASTER any more.
    pub(super) fn forget(&mut self, resigned: IpAddr) {
        let other = |heard: &Heard| heard.address != resigned;
        self.master = self.master.filter(other);
        self.other = self.other.filter(other);
        self.lower = self.lower.filter(other);
    }

    /// The timer moves by what the skew changed, but never into the past. A MASTER that was weaker
    /// than we were and no longer is has to be followed, from when it was last heard: its next
    /// advertisement might come after the timer.
    pub(super) fn priority_changed(
        &mut self,
        now: Instant,
        version: Version,
        before: Priority,
        ours: Priority,
    ) {
        if let Some(heard) = self.lower.filter(|lower| lower.priority >= ours) {
            self.follow(heard, version, ours);
        } else {
            let skew = |priority| timers::skew_time(version, priority, self.active_adver_interval);
            self.master_down_at = self.master_down_at - skew(before) + skew(ours);
        }
        self.master_down_at = self.master_down_at.max(now);
    }

    pub(super) fn why_master(&self, now: Instant, ours: Priority) -> Reason {
        match (self.resigned, self.lower, self.master) {
            (Some(master), ..) => Reason::Resigned { master },
            (None, Some(Heard { address: master, priority, .. }), _) => {
                Reason::Preempt { master, priority, ours }
            }
            (None, None, Some(heard)) => {
                Reason::MasterTimeout { master: Some(heard.address), silent: now.since(heard.at) }
            }
            (None, None, None) => {
                Reason::MasterTimeout { master: None, silent: now.since(self.since) }
            }
        }
    }
}
