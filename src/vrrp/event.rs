//! What goes into a virtual router and what comes out.

use super::duplicate::{Duplicate, Sighting};
use super::group::Command;
use super::reason::{Fault, Reason};
use super::router::memory::Memory;
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
    /// The machine was suspended, and the clock of our timers has stood still.
    Suspended {
        /// For so long.
        span: Duration,
    },
    /// A person wants another router to be MASTER: resign if MASTER, and stay away.
    Drain {
        /// Even if nobody takes over.
        force: bool,
    },
    /// The usual election again.
    EndDrain,
    /// Another priority than the configuration's; not an owner's 255.
    Priority(Priority),
    /// Begin where another left off: in its state, without a word of it if it stays, but under our
    /// settings. What is true of the link, the address and the trackers has been said before, and
    /// what came out of that counts for nothing. Of use in INIT alone.
    Resume(&'a Memory),
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
    /// We have resigned because we were drained, and nobody has taken over: that is over.
    NobodyTookOver {
        /// How long we have waited.
        silent: Duration,
    },
    /// We are drained, and nobody is MASTER.
    DrainedAlone {
        /// How long nobody was heard.
        silent: Duration,
    },
    /// Somebody is there who should not be: who it is has to be found out.
    Duplicate {
        /// What is twofold.
        kind: Duplicate,
        /// Who.
        source: IpAddr,
    },
    /// That is over.
    Over(Sighting),
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
            Self::OtherFault(_) => first + 7,
            Self::GroupWaits { .. } => first + 8,
            Self::NotSigned { .. } => first + 9,
            Self::ClockApart { .. } => first + 10,
            Self::OneVersion { .. } => first + 11,
            Self::Duplicate { .. } => first + 12,
            Self::Over(_) => first + 13,
            Self::NobodyTookOver { .. } => first + 14,
            Self::DrainedAlone { .. } => first + 15,
        }
    }
}
