//! What was asked of a virtual router, and which advertisements agree with it.

use super::timers;
use super::tracker::Effect;
use crate::wire::advert::{Addresses, Advert, ChecksumForm, Fields};
use crate::wire::{is_link_local, Discard, Family, Interval, Priority, Version, Vrid};
use alloc::vec::Vec;
use core::net::IpAddr;
use core::time::Duration;

/// Configuration of one virtual router (RFC 9568 §6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The family of `addresses`.
    pub family: Family,
    /// Version that is spoken.
    pub version: Version,
    /// Virtual router id.
    pub virtual_router_id: Vrid,
    /// Before what trackers do to it; 255 owns the addresses.
    pub priority: Priority,
    /// Advertisement_Interval.
    pub advert_int: Interval,
    /// Preempt_Mode.
    pub preempt: bool,
    /// How it is elected, where the RFC leaves a choice or keepalived takes one.
    pub election: Election,
    /// Member of a group: becomes MASTER when that says so.
    pub grouped: bool,
    /// An interface that is down is no FAULT.
    pub dont_track_primary: bool,
    /// Faster than the RFC where it is safe.
    pub fast_handover: bool,
    /// In VRRPv2, take advertisements with another address list (V2-010).
    pub skip_check_adv_addr: bool,
    /// The checksum to send over IPv4; `None`: the form last heard.
    pub v3_checksum: Option<ChecksumForm>,
    /// VRRPv2's simple text password.
    pub auth_pass: Option<[u8; 8]>,
    /// IPv4_Addresses or IPv6_Addresses, in the order in which they are advertised.
    pub addresses: Vec<IpAddr>,
    /// When and how often the addresses are announced.
    pub garp: Garp,
}

/// Elections, by keepalived's keywords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Election {
    /// `preempt_delay`: so long a MASTER of lower priority is followed, from when it is first
    /// heard; 0 to 1000 s.
    pub preempt_delay: Duration,
    /// `down_timer_adverts`: so many intervals a MASTER may be silent, 1 to 100.
    pub down_timer_adverts: u8,
    /// `lower_prio_no_advert`: a MASTER does not answer one of lower priority.
    pub lower_prio_no_advert: bool,
    /// `higher_prio_send_advert`: a MASTER says a last word to one of higher priority.
    pub higher_prio_send_advert: bool,
    /// `owner_ignore_adverts`: an owner listens to nobody, in VRRPv3 too.
    pub owner_ignore_adverts: bool,
    /// `version 2+3`: VRRPv2 is sent and heard beside VRRPv3 (V3-120).
    pub both_versions: bool,
}

impl Default for Election {
    fn default() -> Self {
        Self {
            preempt_delay: Duration::ZERO,
            down_timer_adverts: 3,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            owner_ignore_adverts: false,
            both_versions: false,
        }
    }
}

/// Announcements, by keepalived's keywords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garp {
    /// `garp_master_delay`: so long after the first announcements come the second; 0: never.
    pub master_delay: Duration,
    /// `garp_master_repeat`
    pub master_repeat: u8,
    /// `garp_master_refresh`: again and again in this interval; 0: never.
    pub master_refresh: Duration,
    /// `garp_master_refresh_repeat`
    pub master_refresh_repeat: u8,
    /// `garp_lower_prio_delay`, after a contest.
    pub lower_prio_delay: Duration,
    /// `garp_lower_prio_repeat`, after a contest; 0: never.
    pub lower_prio_repeat: u8,
}

impl Default for Garp {
    /// keepalived's defaults.
    fn default() -> Self {
        Self {
            master_delay: Duration::from_secs(5),
            master_repeat: 5,
            master_refresh: Duration::ZERO,
            master_refresh_repeat: 1,
            lower_prio_delay: Duration::from_secs(5),
            lower_prio_repeat: 5,
        }
    }
}

impl Settings {
    /// Of VRRPv3 over IPv4, and else what is so by default: an advertisement a second, preemption.
    #[must_use]
    pub fn new(virtual_router_id: Vrid, priority: Priority, addresses: Vec<IpAddr>) -> Self {
        Self {
            family: Family::V4,
            version: Version::V3,
            virtual_router_id,
            priority,
            advert_int: Interval::SECOND,
            preempt: true,
            election: Election::default(),
            grouped: false,
            dont_track_primary: false,
            fast_handover: true,
            skip_check_adv_addr: false,
            v3_checksum: None,
            auth_pass: None,
            addresses,
            garp: Garp::default(),
        }
    }

    /// What all our advertisements have in common.
    #[must_use]
    pub fn fields(&self) -> Fields<'_> {
        Fields {
            version: self.version,
            vrid: self.virtual_router_id,
            interval: self.advert_int,
            auth_pass: self.auth_pass,
            addresses: &self.addresses,
        }
    }

    /// The same for VRRPv2, if that is spoken beside VRRPv3.
    #[must_use]
    pub fn fields_of_v2(&self) -> Option<Fields<'_>> {
        let interval = self.interval_of(Version::V2);
        let fields = Fields { version: Version::V2, interval, ..self.fields() };
        self.election.both_versions.then_some(fields)
    }

    /// Whether a version is spoken.
    #[must_use]
    pub fn speaks(&self, version: Version) -> bool {
        version == self.version || self.election.both_versions
    }

    /// Our interval as an advertisement of a version says it: VRRPv2 knows whole seconds alone.
    #[must_use]
    pub fn interval_of(&self, version: Version) -> Interval {
        match version {
            Version::V2 => self.advert_int.whole_seconds(),
            Version::V3 => self.advert_int,
        }
    }

    /// The interval that a MASTER is taken to have that was not heard yet: our own (V3-063). One of
    /// VRRPv2 may be there as well, and speaks once a second at most.
    pub(super) fn first_interval(&self) -> Interval {
        if self.election.both_versions {
            self.interval_of(Version::V2)
        } else {
            self.advert_int
        }
    }

    /// How long a router of this priority waits for a MASTER of this interval.
    #[must_use]
    pub fn master_down_interval(&self, ours: Priority, interval: Interval) -> Duration {
        let adverts = self.election.down_timer_adverts;
        timers::master_down_interval(self.version, adverts, ours, interval)
    }

    /// How long a router of this priority waits for a stronger one.
    #[must_use]
    pub fn skew_time(&self, ours: Priority, interval: Interval) -> Duration {
        timers::skew_time(self.version, ours, interval)
    }

    /// Whether it takes over from a weaker MASTER. V3-061: an owner always does.
    #[must_use]
    pub fn preempts(&self) -> bool {
        self.preempt || self.is_owner()
    }

    pub(super) fn is_owner(&self) -> bool {
        self.priority == Priority::OWNER
    }

    /// The checks of RFC 9568 §7.1 and RFC 3768 §7.1 that need the configuration. `ours`: our priority
    /// with everything that trackers add and take.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn accepts(&self, advert: &Advert<'_>, ours: Priority) -> Result<(), Discard> {
        if !self.speaks(advert.version) {
            return Err(Discard::Version);
        }
        let owner = ours == Priority::OWNER;
        match advert.authentication {
            None if owner && self.election.owner_ignore_adverts => Err(Discard::Owner),
            None => self.check_first_address(&advert.addresses),
            // V2-008.
            Some(_) if owner => Err(Discard::Owner),
            Some(authentication) => {
                self.authenticate(authentication.kind, &authentication.data)?;
                // With both versions, the MASTER's rate is what we go by (V3-120).
                if !self.election.both_versions && advert.interval != self.advert_int {
                    return Err(Discard::Interval);
                }
                let exempt = self.skip_check_adv_addr || advert.priority == Priority::OWNER;
                if !exempt && !self.same_addresses(&advert.addresses) {
                    return Err(Discard::AddressList);
                }
                Ok(())
            }
        }
    }

    /// The first address of IPv6 is link-local (V3-048, erratum 8300). Who has none of its own asks
    /// for none: keepalived does without it, and so do its users.
    fn check_first_address(&self, theirs: &Addresses<'_>) -> Result<(), Discard> {
        let is_local = |address: Option<IpAddr>| address.is_some_and(is_link_local);
        if is_local(self.addresses.first().copied()) && !is_local(theirs.iter().next()) {
            return Err(Discard::NotLinkLocal);
        }
        Ok(())
    }

    /// RFC 2338 §5.3.6. The whole password is always looked at, so that the time it takes says
    /// nothing about it.
    fn authenticate(&self, kind: u8, data: &[u8; 8]) -> Result<(), Discard> {
        let password = match (self.auth_pass, kind) {
            (None, 0) => return Ok(()),
            (Some(password), 1) => password,
            (None | Some(_), _) => return Err(Discard::AuthTypeMismatch),
        };
        let difference =
            password.iter().zip(data).fold(0, |all, (ours, theirs)| all | (ours ^ theirs));
        if difference != 0 {
            return Err(Discard::AuthFailure);
        }
        Ok(())
    }

    /// Whether the list is ours, in our order.
    pub(super) fn same_order(&self, theirs: &Addresses<'_>) -> bool {
        theirs.iter().eq(self.addresses.iter().copied())
    }

    /// Whether the list is ours, in any order.
    #[must_use]
    pub fn same_addresses(&self, theirs: &Addresses<'_>) -> bool {
        self.same_order(theirs)
            || theirs.len() == self.addresses.len()
                && theirs.iter().all(|address| self.addresses.contains(&address))
    }

    /// The priority with everything that trackers add and take, 1 to 254; an owner stays one.
    pub(super) fn effective_priority(&self, effects: &[Effect]) -> Priority {
        if self.priority == Priority::OWNER {
            return self.priority;
        }
        let sum: i32 = effects
            .iter()
            .map(|effect| match effect {
                Effect::Add(weight) => i32::from(*weight),
                Effect::Hold | Effect::Fault => 0,
            })
            .sum();
        Priority((i32::from(self.priority.0) + sum).clamp(1, 254) as u8)
    }
}
