//! What a BACKUP knows of its MASTERs, and how long it waits for them (RFC 9568 §6.4.2).

use crate::vrrp::group::Stand;
use crate::vrrp::reason::Reason;
use crate::vrrp::settings::Settings;
use crate::vrrp::time::Instant;
use crate::wire::{Interval, Priority};
use core::net::IpAddr;
use core::time::Duration;

/// Before a router complains of its group: members of other intervals may still be listening.
const PATIENCE: Duration = Duration::from_secs(10);

/// RFC 9568 §6.4.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// Active_Down_Timer.
    pub master_down_at: Instant,
    /// Active_Adver_Interval: the MASTER's, at first our own (V3-063, V3-079).
    pub active_adver_interval: Interval,
    /// The timer has fired, but a tracker without a result holds us back, or our group.
    pub overdue: bool,
    /// When it is worth a remark that the group holds us back.
    pub group_waits_at: Option<Instant>,
    /// Since when we have been listening.
    pub since: Instant,
    /// The MASTER that we follow.
    pub master: Option<Heard>,
    /// Another that we followed before it: on a LAN that is cut in two it may still be MASTER.
    pub other: Option<Heard>,
    /// A MASTER of lower priority than ours, whom we do not follow; the strongest of them.
    pub lower: Option<Heard>,
    /// When the last of them was heard.
    pub lower_at: Instant,
    /// We were MASTER until another spoke, and the group has not heard of it yet.
    pub yielded: bool,
    /// What the group makes us wait beyond the timer, and until when whoever we follow does not end
    /// that: the last words of a contest are still under way.
    pub handicap: Option<(Duration, Instant)>,
    /// The timer has fired since we last heard a MASTER that we follow.
    pub silent: bool,
    /// The timer has fired so late that it was set once more.
    pub woke_late: bool,
    /// Until when `preempt_delay` lets us follow a MASTER of lower priority.
    pub preempt_at: Option<Instant>,
    /// We were MASTER, have resigned because we were drained, and have heard nobody since.
    pub handing_over: bool,
    /// Who sent priority 0 last, if that is why the timer runs short.
    pub resigned: Option<IpAddr>,
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
    pub(super) fn new(now: Instant, settings: &Settings, ours: Priority) -> Self {
        Self::waiting(now, settings, ours, settings.first_interval())
    }

    /// The same for a MASTER of this interval.
    pub(super) fn waiting(
        now: Instant,
        settings: &Settings,
        ours: Priority,
        interval: Interval,
    ) -> Self {
        Self {
            master_down_at: now + settings.master_down_interval(ours, interval),
            active_adver_interval: interval,
            overdue: false,
            group_waits_at: None,
            since: now,
            master: None,
            other: None,
            lower: None,
            lower_at: now,
            yielded: false,
            handicap: None,
            silent: false,
            resigned: None,
            woke_late: false,
            preempt_at: None,
            handing_over: false,
        }
    }

    /// V3-079: from when it was heard.
    pub(super) fn follow(&mut self, heard: Heard, settings: &Settings, ours: Priority) {
        let before = self.master.filter(|master| master.address != heard.address);
        // `preempt_delay` is about MASTERs of lower priority.
        let preempt_at = self.preempt_at.filter(|_| heard.priority < ours);
        let handicap = self.handicap;
        *self = Self {
            since: self.since,
            master: Some(heard),
            other: before.or(self.other),
            yielded: self.yielded,
            preempt_at,
            ..Self::waiting(heard.at, settings, ours, heard.interval)
        };
        if let Some((span, until)) = handicap.filter(|(_, until)| heard.at < *until) {
            self.wait_longer(span, until);
        }
    }

    /// A group that has yielded comes back later than the one that it has yielded to.
    pub(super) fn wait_longer(&mut self, span: Duration, until: Instant) {
        self.handicap = Some((span, until));
        self.master_down_at = self.master_down_at + span;
    }

    /// Whether `preempt_delay` wants a MASTER of lower priority to be followed still. It begins
    /// with the first that is heard.
    pub(super) fn delays(&mut self, now: Instant, settings: &Settings) -> bool {
        let delay = settings.election.preempt_delay;
        if delay.is_zero() || settings.is_owner() {
            return false;
        }
        now < *self.preempt_at.get_or_insert(now + delay)
    }

    /// V3-080. Of several, the strongest is remembered as long as it can be MASTER still.
    pub(super) fn ignore(&mut self, heard: Heard, settings: &Settings, ours: Priority) {
        let stronger = self.lower.filter(|lower| {
            let wait = settings.master_down_interval(ours, lower.interval);
            lower.address != heard.address
                && lower.priority > heard.priority
                && heard.at < lower.at + wait
        });
        self.handing_over = false;
        self.lower = stronger.or(Some(heard));
        self.lower_at = heard.at;
    }

    /// Whether the timer fires an interval late or more. Who slept so long knows nothing of the MASTER. It
    /// may have slept as well, on the same machine, or its adverts were lost in a full buffer. It is
    /// given one more interval and the skew, once: who is always late has to take over, too.
    pub(super) fn woke_too_late(&self, now: Instant, settings: &Settings) -> bool {
        let late = now.since(self.master_down_at);
        !self.woke_late && !settings.is_owner() && late >= self.active_adver_interval.duration()
    }

    /// One more interval and the skew.
    pub(super) fn listen_again(&mut self, now: Instant, settings: &Settings, ours: Priority) {
        let interval = self.active_adver_interval;
        self.woke_late = true;
        self.master_down_at = now + interval.duration() + settings.skew_time(ours, interval);
    }

    /// The timer has fired. A router that its group or a person holds back says so after as long again.
    pub(super) fn fired(
        &mut self,
        now: Instant,
        settings: &Settings,
        ours: Priority,
        drained: bool,
    ) {
        let wait = settings.master_down_interval(ours, self.active_adver_interval);
        self.overdue = true;
        self.silent = true;
        self.group_waits_at = (settings.grouped || drained).then_some(now + wait.max(PATIENCE));
    }

    /// Where this BACKUP stands in its group.
    pub(super) fn stand(&self, held: bool) -> Stand {
        // Whom it followed may have come down below our own priority.
        let fell = match (self.master, self.lower, self.other) {
            (Some(master), Some(lower), None) => master.address == lower.address,
            (_, _, _) => false,
        };
        if !self.silent && (self.yielded || self.master.is_some() && !fell) {
            Stand::Follows
        } else if held {
            Stand::Held
        } else if self.overdue {
            Stand::Wants
        } else if self.lower.is_some() {
            Stand::Weaker
        } else {
            Stand::Listens
        }
    }

    /// Whoever has resigned is nobody's MASTER any more.
    pub(super) fn forget(&mut self, resigned: IpAddr) {
        let other = |heard: &Heard| heard.address != resigned;
        self.master = self.master.filter(other);
        self.other = self.other.filter(other);
        self.lower = self.lower.filter(other);
    }

    /// The timer moves by what the skew changed, but never into the past. A MASTER that was weaker
    /// than we were and no longer is has to be followed, from when it was last heard, or another
    /// like it: its next advertisement might come after the timer.
    pub(super) fn priority_changed(
        &mut self,
        now: Instant,
        settings: &Settings,
        before: Priority,
        ours: Priority,
    ) {
        if let Some(heard) = self.lower.filter(|lower| lower.priority >= ours) {
            let lower_at = self.lower_at;
            self.follow(heard, settings, ours);
            self.master_down_at = self.master_down_at + lower_at.since(heard.at);
        } else {
            let skew = |priority| settings.skew_time(priority, self.active_adver_interval);
            self.master_down_at = self.master_down_at - skew(before) + skew(ours);
        }
        self.master_down_at = self.master_down_at.max(now);
    }

    pub(super) fn why_master(&self, now: Instant, settings: &Settings, ours: Priority) -> Reason {
        match (self.resigned, self.lower, self.master) {
            (None, _, None) if settings.is_owner() => Reason::Owner,
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
