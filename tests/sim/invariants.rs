//! What must be true of every single call of a virtual router, whatever happens on the LAN. The
//! watch keeps its own account of what was done; it never asks the router what it meant to do.

use std::time::Duration;
use vipd::vrrp::event::Action;
use vipd::vrrp::reason::{Fault, Reason};
use vipd::vrrp::router::{Heard, Router};
use vipd::vrrp::settings::Settings;
use vipd::vrrp::statistics::Statistics;
use vipd::vrrp::time::Instant;
use vipd::vrrp::timers::master_down_interval;
use vipd::vrrp::tracker::Effect;
use vipd::vrrp::StateName;
use vipd::wire::{Interval, Priority, Version};

/// What was handed to the router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Startup,
    Shutdown,
    Timer,
    /// A packet that could be read.
    Packet {
        priority: Priority,
        interval: Interval,
    },
    /// A packet that could not.
    Refused,
    /// The link, the address, a tracker.
    Local,
    /// What the group says.
    Group,
    /// The settings are others from now on.
    Reload,
}

/// What can be seen of a router from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    state: StateName,
    deadline: Option<Instant>,
    priority: Priority,
    master: Option<Heard>,
    statistics: Statistics,
    /// A tracker without a result holds it back, or a person.
    held: bool,
    /// A person does.
    drained: bool,
}

impl Snapshot {
    pub fn of(router: &Router) -> Self {
        Self {
            state: router.state(),
            deadline: router.deadline(),
            priority: router.effective_priority(),
            master: router.master(),
            statistics: router.statistics().clone(),
            drained: router.is_drained(),
            held: router.is_drained() || router.effects().contains(&Effect::Hold),
        }
    }
}

/// The account of one router's doings since it was started.
#[derive(Clone, Debug)]
pub struct Watch {
    state: StateName,
    holds: bool,
    /// When a MASTER's next regular advertisement is due.
    advert_at: Option<Instant>,
    /// When a MASTER last sent an advertisement because of a packet.
    answered_at: Option<Instant>,
    /// The longest interval heard: what a BACKUP may have adopted.
    longest: Duration,
    sent: u64,
    sent_zero: u64,
    became_master: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            state: StateName::Init,
            holds: false,
            advert_at: None,
            answered_at: None,
            longest: Duration::ZERO,
            sent: 0,
            sent_zero: 0,
            became_master: 0,
        }
    }
}

fn ensure(holds: bool, what: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(what.to_owned())
    }
}

impl Watch {
    /// Judges one call.
    pub fn check(
        &mut self,
        settings: &Settings,
        now: Instant,
        kind: Kind,
        before: &Snapshot,
        after: &Snapshot,
        actions: &[Action],
    ) -> Result<(), String> {
        if let Kind::Packet { interval, .. } = kind {
            self.longest = self.longest.max(interval.duration());
        }
        let taken = before.statistics.advertisement_rcvd != after.statistics.advertisement_rcvd;
        if matches!(kind, Kind::Refused | Kind::Packet { .. }) && !taken {
            refused(before, after, actions)?;
        }
        self.order(kind, before, after, actions)?;
        self.raster(settings, now, kind, before, after, actions)?;
        self.deadline(settings, now, kind, before, after)?;
        self.count(settings, after, actions)?;
        ensure(self.state == after.state, "the last Transition does not lead to the state")
    }

    /// The order of actions around a change of state.
    fn order(
        &mut self,
        kind: Kind,
        before: &Snapshot,
        after: &Snapshot,
        actions: &[Action],
    ) -> Result<(), String> {
        for (at, action) in actions.iter().enumerate() {
            let done = &actions[..at];
            match *action {
                Action::Acquire => {
                    ensure(!self.holds, "Acquire, but it holds the addresses")?;
                    ensure(!after.held, "Acquire, but something holds it back")?;
                    self.holds = true;
                }
                Action::Release => {
                    ensure(self.holds, "Release, but it does not hold the addresses")?;
                    self.holds = false;
                }
                Action::Announce { .. } => {
                    ensure(self.holds, "Announce without holding the addresses")?;
                }
                Action::Advertise { priority: Priority::RESIGN, .. } => {
                    ensure(before.state == StateName::Master, "resigns, but is not MASTER")?;
                    let local = matches!(kind, Kind::Shutdown | Kind::Local | Kind::Group);
                    ensure(local, "resigns because of a packet or a timer")?;
                }
                Action::Advertise { .. }
                | Action::PriorityChange { .. }
                | Action::LowerPriority { .. }
                | Action::Remark(_) => {}
                Action::Transition { from, to, reason } => {
                    ensure(from == self.state, "a gap in the chain of Transitions")?;
                    ensure(from != to, "a Transition to the same state")?;
                    self.state = to;
                    transition(from, to, reason, done)?;
                    ensure(self.holds == (to == StateName::Master), "addresses and state differ")?;
                }
            }
        }
        Ok(())
    }

    /// V3-084, V3-088: a MASTER's regular adverts come on a raster that only its own doings and a
    /// priority of 0 (V3-086) move; others' packets cause one more an interval at most.
    fn raster(
        &mut self,
        settings: &Settings,
        now: Instant,
        kind: Kind,
        before: &Snapshot,
        after: &Snapshot,
        actions: &[Action],
    ) -> Result<(), String> {
        let interval = settings.advert_int.duration();
        let adverts = actions.iter().filter(|a| matches!(a, Action::Advertise { .. })).count();
        ensure(adverts <= 1, "more than one advertisement in one call")?;
        if after.state != StateName::Master {
            (self.advert_at, self.answered_at) = (None, None);
            return Ok(());
        }
        if before.state != StateName::Master {
            self.advert_at = Some(now + interval);
            return Ok(());
        }
        let Some(due) = self.advert_at else { return Err("MASTER without a raster".into()) };
        if kind == Kind::Reload {
            self.advert_at = Some(due.min(now + interval));
        }
        match kind {
            Kind::Timer => {
                ensure((adverts == 1) == (due <= now), "a regular advert is missing or early")?;
                if due <= now {
                    let next = due + interval;
                    self.advert_at = Some(if next > now { next } else { now + interval });
                }
            }
            Kind::Packet { priority, .. } if adverts == 1 => {
                let early = self.answered_at.is_some_and(|at| now.since(at) < interval);
                ensure(!early, "two answers within one interval")?;
                self.answered_at = Some(now);
                if priority == Priority::RESIGN {
                    self.advert_at = Some(now + interval);
                }
            }
            Kind::Local | Kind::Reload => {
                ensure(adverts == 0 || before.priority != after.priority, "an advert for nothing")?;
            }
            Kind::Packet { .. } | Kind::Refused | Kind::Startup | Kind::Shutdown | Kind::Group => {
                ensure(adverts == 0, "an advert for nothing")?;
            }
        }
        ensure(after.deadline <= self.advert_at, "a MASTER that would miss its next advert")
    }

    /// A deadline is never in the past, and never later than the RFC allows.
    fn deadline(
        &self,
        settings: &Settings,
        now: Instant,
        kind: Kind,
        before: &Snapshot,
        after: &Snapshot,
    ) -> Result<(), String> {
        let Some(deadline) = after.deadline else {
            return ensure(after.state != StateName::Master, "a MASTER without a deadline");
        };
        if kind == Kind::Timer {
            ensure(deadline > now, "after Timer the deadline is not in the future")?;
        }
        let was_future = before.deadline.is_none_or(|at| at >= now);
        ensure(!was_future || deadline >= now, "the deadline was moved into the past")?;
        if after.state == StateName::Backup {
            let longest = self.longest.max(longest_said(settings));
            // Whose group has yielded waits for an interval more with each member before that which
            // has lost: none of our groups has more than four.
            let ranks = if settings.grouped { 3 } else { 0 };
            let more = settings.advert_int.duration() * ranks;
            // Whoever is held back for good says so at some time, whatever its priority was then.
            let complains = match settings.grouped || after.drained {
                true => patience(settings, Priority(1), longest).max(Duration::from_secs(10)),
                false => Duration::ZERO,
            };
            let wait = patience(settings, after.priority, longest) + more;
            let bound = now + wait.max(complains);
            if deadline > bound {
                let (waits, bound) = (deadline.since(now), bound.since(now));
                return Err(format!("a BACKUP waits for {waits:?}, longer than {bound:?}"));
            }
        }
        Ok(())
    }

    fn count(
        &mut self,
        settings: &Settings,
        after: &Snapshot,
        actions: &[Action],
    ) -> Result<(), String> {
        let versions = 1 + u64::from(settings.election.both_versions);
        for action in actions {
            match *action {
                Action::Advertise { priority, .. } => {
                    self.sent += versions;
                    let zero = u64::from(priority == Priority::RESIGN);
                    self.sent_zero += versions * zero;
                }
                Action::Acquire => self.became_master += 1,
                _ => {}
            }
        }
        let counted = &after.statistics;
        ensure(counted.advertisement_sent == self.sent, "advertisement_sent is wrong")?;
        ensure(counted.priority_zero_pkts_sent == self.sent_zero, "priority_zero_pkts_sent")?;
        ensure(counted.master_transitions == self.became_master, "master_transitions is wrong")
    }
}

/// V3-053: it is counted, perhaps remarked upon, and that is all.
fn refused(before: &Snapshot, after: &Snapshot, actions: &[Action]) -> Result<(), String> {
    let silent = actions.iter().all(|action| matches!(action, Action::Remark(_)));
    ensure(silent, "a refused packet had consequences")?;
    let counted: u64 = after.statistics.discarded.iter().sum();
    let was: u64 = before.statistics.discarded.iter().sum();
    ensure(counted == was + 1, "a refused packet was not counted once")?;
    let after = Snapshot { statistics: before.statistics.clone(), ..after.clone() };
    ensure(*before == after, "a refused packet changed something")
}

/// What stands before a Transition in the list of actions.
fn transition(
    from: StateName,
    to: StateName,
    reason: Reason,
    done: &[Action],
) -> Result<(), String> {
    let resigned = done
        .iter()
        .any(|action| matches!(action, Action::Advertise { priority: Priority::RESIGN, .. }));
    if to == StateName::Master {
        let entered = matches!(
            done,
            [.., Action::Advertise { priority, .. }, Action::Acquire, Action::Announce { .. }]
                if *priority != Priority::RESIGN
        );
        return ensure(entered, "MASTER without Advertise, Acquire, Announce before it");
    }
    if from != StateName::Master {
        return ensure(!resigned, "resigns, but is not MASTER");
    }
    ensure(matches!(done, [.., Action::Release]), "out of MASTER without a Release before it")?;
    match reason {
        Reason::Shutdown => ensure(resigned, "stops without resigning"),
        Reason::Drained => ensure(resigned, "is drained without resigning"),
        Reason::HigherPriority { .. }
        | Reason::GreaterAddress { .. }
        | Reason::Stalled { .. }
        | Reason::Suspended { .. }
        | Reason::GroupBackup => ensure(!resigned, "yields and resigns"),
        // With the interface or its address gone there is nothing to resign with.
        Reason::Fault(Fault::Tracker(_) | Fault::Group) => {
            ensure(resigned, "fails without resigning")
        }
        Reason::Fault(_) => ensure(!resigned, "resigns on an interface that cannot send"),
        _ => Err(format!("leaves MASTER because {reason}")),
    }
}

/// The longest interval that our own adverts say: VRRPv2 knows whole seconds alone.
pub fn longest_said(settings: &Settings) -> Duration {
    let versions = [Version::V2, Version::V3].into_iter().filter(|it| settings.speaks(*it));
    let all = versions.map(|version| settings.interval_of(version).duration());
    all.max().unwrap_or_default()
}

/// Master_Down_Interval for an interval that was heard.
pub fn patience(settings: &Settings, priority: Priority, interval: Duration) -> Duration {
    let centis = u16::try_from(interval.as_millis() / 10).unwrap_or(u16::MAX);
    let interval = Interval::from_centiseconds(centis).unwrap_or(settings.advert_int);
    master_down_interval(settings.version, settings.election.down_timer_adverts, priority, interval)
}
