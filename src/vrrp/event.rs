//! What goes into a virtual router and what comes out.

use super::group::Command;
use super::reason::{Fault, Reason};
use super::time::Instant;
use super::tracker::Effect;
use super::StateName;
use crate::wire::advert::{Advert, ChecksumForm};
use crate::wire::trailer::Stamp;
use crate::wire::{Discard, Interval, Priority, Version};
use core::net::IpAddr;
use core::time::Duration;

/// What happens to a virtual router.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Begin: leave INIT.
    Startup {
        /// Until then BACKUP at most, and deaf: what is heard is counted and thrown away. A moment
        /// that has passed delays nothing.
        deaf_until: Instant,
    },
    /// End: resign if MASTER and go to INIT.
    Shutdown,
    /// `deadline()` may have come.
    Timer,
    /// An advertisement for our VRID.
    Advert {
        /// Source address of its IP header.
        source: IpAddr,
        /// What the clock of the day shows, for those that are signed.
        clock: Stamp,
        /// The message.
        advert: &'a Advert<'a>,
    },
    /// A packet that claims our VRID and could not be read.
    Discarded {
        /// Source address of its IP header.
        source: IpAddr,
        /// What was wrong with it.
        reason: Discard,
    },
    /// The state of the interface.
    Link(Link),
    /// The address that we send from; `None` if the interface has none.
    Source(Option<IpAddr>),
    /// What the tracker in this slot does to us from now on.
    Tracker {
        /// Which one: 0 to the number of trackers less 1.
        slot: usize,
        /// What it does.
        effect: Effect,
    },
    /// What our group says.
    Group(Command),
}

/// State of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// There is none of that name.
    Missing,
    /// Administratively down, or no carrier.
    Down,
    /// There, but the virtual MAC address cannot be had on it.
    NoVirtualMac,
    /// Up and running.
    Up,
}

/// What a virtual router wants done. Within one list of actions of one router the order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send an advertisement.
    Advertise {
        /// With this priority; 0 resigns.
        priority: Priority,
        /// With this form of checksum, where there is a choice.
        checksum: ChecksumForm,
    },
    /// Put the virtual addresses on their interfaces.
    Acquire,
    /// Take them off.
    Release,
    /// Announce the virtual addresses to the hosts of the link.
    Announce {
        /// So many times each.
        repeat: u8,
    },
    /// The state has changed: log it, remember it, run the notify scripts.
    Transition {
        /// The state before.
        from: StateName,
        /// The state now.
        to: StateName,
        /// Why.
        reason: Reason,
    },
    /// The effective priority has changed.
    PriorityChange {
        /// Before.
        from: Priority,
        /// Now.
        to: Priority,
    },
    /// As a MASTER we have heard one of lower rank; at most once an interval.
    LowerPriority {
        /// Who.
        source: IpAddr,
        /// The other's priority.
        priority: Priority,
    },
    /// Worth a line in the log. Rate-limited at the source.
    Remark(Remark),
}

/// What a person should know although nothing was done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remark {
    /// Packets are being discarded.
    Discarded {
        /// Who sent the first of them.
        source: IpAddr,
        /// Why.
        reason: Discard,
    },
    /// A peer advertises in another interval than ours (V3-051).
    OtherInterval {
        /// Who.
        source: IpAddr,
        /// The peer's interval.
        interval: Interval,
    },
    /// A peer has other virtual addresses than we (V3-052).
    OtherAddresses {
        /// Who.
        source: IpAddr,
    },
    /// A peer has our virtual addresses in another order (V3-026).
    OtherOrder {
        /// Who.
        source: IpAddr,
    },
    /// A peer has our priority (V3-117).
    EqualPriority {
        /// Who.
        source: IpAddr,
    },
    /// A peer claims to own the addresses as we do (V3-046, V3-116).
    TwoOwners {
        /// Who.
        source: IpAddr,
    },
    /// A peer sends from our own address (V3-089).
    DuplicateSource {
        /// Which address.
        source: IpAddr,
    },
    /// While we are MASTER, somebody of lower rank claims to be MASTER too (V3-088).
    Contest {
        /// Who.
        source: IpAddr,
        /// The other's priority.
        priority: Priority,
    },
    /// A peer does not sign its adverts: with `mode enforce` we would not hear it.
    NotSigned {
        /// Who.
        source: IpAddr,
    },
    /// The clock of a peer differs from ours by more than half of `time_window`.
    ClockApart {
        /// Who.
        source: IpAddr,
        /// How many seconds it is behind ours; negative if it is ahead.
        behind: i32,
    },
    /// We send both versions, and a peer does not (V3-120).
    OneVersion {
        /// Who.
        source: IpAddr,
        /// The one that it sends.
        version: Version,
    },
    /// We stay in FAULT, for another reason than the last that was told.
    OtherFault(Fault),
    /// For another Master_Down_Interval, and 10 s, we have wanted to be MASTER and the group has not
    /// let us.
    GroupWaits {
        /// How long nobody has been MASTER here, or only one that is weaker than we are.
        silent: Duration,
    },
    /// We woke up too late for an advertisement; nobody has taken over meanwhile.
    Late {
        /// How late.
        by: Duration,
    },
}

impl Remark {
    /// A small number for each kind, after those of [`Discard`].
    pub(super) const fn number(&self) -> u32 {
        let first = Discard::ALL.len() as u32;
        match self {
            Self::Discarded { reason, .. } => *reason as u32,
            Self::OtherInterval { .. } => first,
            Self::OtherAddresses { .. } => first + 1,
            Self::OtherOrder { .. } => first + 2,
            Self::EqualPriority { .. } => first + 3,
            Self::TwoOwners { .. } => first + 4,
            Self::DuplicateSource { .. } => first + 5,
            Self::Contest { .. } => first + 6,
            Self::Late { .. } => first + 7,
            Self::OtherFault(_) => first + 8,
            Self::GroupWaits { .. } => first + 9,
            Self::NotSigned { .. } => first + 10,
            Self::ClockApart { .. } => first + 11,
            Self::OneVersion { .. } => first + 12,
        }
    }
}
