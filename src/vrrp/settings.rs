//! What was asked of a virtual router, and which advertisements agree with it.

use super::tracker::Effect;
use crate::wire::advert::{Addresses, Advert, ChecksumForm, Fields};
use crate::wire::{Discard, Family, Interval, Priority, Version, Vrid};
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

impl Settings {
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

    /// The checks of RFC 9568 §7.1 and RFC 3768 §7.1 that need the configuration.
    pub(super) fn accepts(&self, advert: &Advert<'_>, ours: Priority) -> Result<(), Discard> {
        if advert.version != self.version {
            return Err(Discard::Version);
        }
        match advert.authentication {
            None => Ok(()),
            Some(_) if ours == Priority::OWNER => Err(Discard::Owner),
            Some(authentication) => {
                self.authenticate(authentication.kind, &authentication.data)?;
                if advert.interval != self.advert_int {
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
    pub(super) fn same_addresses(&self, theirs: &Addresses<'_>) -> bool {
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
