//! What a virtual router knows, to be handed to another in its place: after a reload, to the
//! daemon that takes over from us, or to the next one. The new one may have other settings; whoever
//! watches the wire sees nothing but what these demand.

pub use super::backup::Backup;
pub use super::master::Master;
pub use super::versions::Versions;
use super::Router;
use crate::vrrp::auth_hmac;
use crate::vrrp::reason::Fault;
use crate::vrrp::remarks::Remarks;
use crate::vrrp::settings::Settings;
use crate::vrrp::statistics::Statistics;
use crate::vrrp::time::Instant;
use crate::vrrp::timers::{master_down_interval, skew_time};
use crate::wire::advert::ChecksumForm;
use crate::wire::{Interval, Priority, Version};
use core::time::Duration;

/// What a virtual router remembers of its state. A timer lives in the state that uses it: leaving
/// the state is cancelling the timer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Not begun, or ended.
    Init,
    /// Listens.
    Backup(Backup),
    /// Holds the addresses.
    Master(Master),
    /// Something is in the way: the first thing, as it was last told.
    Fault(Fault),
}

/// What a virtual router knows, and the settings by which its timers were set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// The state with its timers.
    pub state: State,
    /// The effective priority, which others were told if it is MASTER.
    pub priority: Priority,
    /// Which version's skew time the timers were set by.
    pub version: Version,
    /// The interval that others were told if it is MASTER.
    pub advert_int: Interval,
    /// The interval that a MASTER is taken to have that was not heard yet.
    pub first_interval: Interval,
    /// `down_timer_adverts`, 1 to 100.
    pub down_timer_adverts: u8,
    /// `preempt_delay`
    pub preempt_delay: Duration,
    /// It was a member of a group.
    pub grouped: bool,
    /// The group was in FAULT.
    pub group_fault: bool,
    /// The end of the delay of the start.
    pub deaf_until: Instant,
    /// The form of checksum that was heard last.
    pub checksum: ChecksumForm,
    /// Who was heard in which version.
    pub versions: Versions,
    /// What need not be told again.
    pub remarks: Remarks,
    /// The counters.
    pub statistics: Statistics,
    /// What keeps signed adverts in order.
    pub signatures: auth_hmac::Memory,
}

impl Memory {
    /// Of a router with these settings that has not begun.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Router::new(settings.clone(), 0).memory()
    }

    /// Of a MASTER: when the most eager of its peers takes over if it stays silent.
    #[must_use]
    pub fn master_until(&self) -> Option<Instant> {
        let State::Master(master) = &self.state else { return None };
        let eager = Priority(254);
        let patience =
            master_down_interval(self.version, self.down_timer_adverts, eager, self.advert_int);
        Some(master.adver_at + patience - self.advert_int.duration())
    }

    /// How long a BACKUP waits for a MASTER of this interval: for its adverts, and the skew.
    pub(super) fn wait(&self, interval: Interval) -> (Duration, Duration) {
        let adverts = interval.duration() * u32::from(self.down_timer_adverts);
        (adverts, skew_time(self.version, self.priority, interval))
    }
}

impl Router {
    /// What it knows now.
    #[must_use]
    pub fn memory(&self) -> Memory {
        let settings = &self.settings;
        Memory {
            state: self.state.clone(),
            priority: self.effective_priority,
            version: settings.version,
            advert_int: settings.advert_int,
            first_interval: settings.first_interval(),
            down_timer_adverts: settings.election.down_timer_adverts,
            preempt_delay: settings.election.preempt_delay,
            grouped: settings.grouped,
            group_fault: self.group_fault,
            deaf_until: self.deaf_until,
            checksum: self.checksum,
            versions: self.versions.clone(),
            remarks: self.remarks.clone(),
            statistics: self.statistics.clone(),
            signatures: self.auth_hmac.as_ref().map(|it| it.memory()).unwrap_or_default(),
        }
    }
}
