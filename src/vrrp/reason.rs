//! Why. A reason travels from the decision to the log, the notify scripts and the status.

use crate::wire::Priority;
use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

/// What keeps a virtual router in FAULT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The interface does not exist.
    InterfaceMissing,
    /// The interface is down or has no carrier.
    InterfaceDown,
    /// The virtual MAC address cannot be used.
    NoVirtualMac,
    /// The interface has no address to send from (V3-001).
    NoPrimaryAddress,
    /// The tracker in this slot says so.
    Tracker(usize),
    /// Another member of the group has a cause.
    Group,
}

/// Why a virtual router changed its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The daemon started, or the instance is new.
    Startup,
    /// The daemon stops, or the instance is removed.
    Shutdown,
    /// Nothing was heard until the Master_Down_Timer fired.
    MasterTimeout {
        /// Who was MASTER, if anybody was heard.
        master: Option<IpAddr>,
        /// How long ago that was, or since when we have been listening.
        silent: Duration,
    },
    /// The MASTER sent priority 0 and nobody else took over within our skew time.
    Resigned {
        /// Who resigned.
        master: IpAddr,
    },
    /// The MASTER's priority is lower than ours.
    Preempt {
        /// Who was MASTER.
        master: IpAddr,
        /// The MASTER's priority.
        priority: Priority,
        /// Our own.
        ours: Priority,
    },
    /// We own the addresses: priority 255.
    Owner,
    /// Another MASTER has a higher priority.
    HigherPriority {
        /// Who it is.
        master: IpAddr,
        /// The other's priority.
        priority: Priority,
        /// Our own.
        ours: Priority,
    },
    /// Another MASTER has the same priority and a greater address.
    GreaterAddress {
        /// Who it is.
        master: IpAddr,
        /// Our own address.
        ours: IpAddr,
    },
    /// We had not run for longer than a peer waits, and somebody has taken over.
    Stalled {
        /// Who is MASTER now.
        master: IpAddr,
        /// How late our advertisement was.
        late: Duration,
    },
    /// The machine was suspended for longer than a peer waits: somebody may have taken over.
    Suspended {
        /// For so long.
        span: Duration,
    },
    /// A person wants another router to be MASTER.
    Drained,
    /// Another member of the group has yielded to a MASTER.
    GroupBackup,
    /// Something is in the way.
    Fault(Fault),
    /// What was in the way is gone.
    Recovered(Fault),
}

impl Reason {
    /// The other router that has brought it about.
    #[must_use]
    pub const fn peer(self) -> Option<IpAddr> {
        match self {
            Self::MasterTimeout { master, .. } => master,
            Self::Resigned { master }
            | Self::Preempt { master, .. }
            | Self::HigherPriority { master, .. }
            | Self::GreaterAddress { master, .. }
            | Self::Stalled { master, .. } => Some(master),
            Self::Startup
            | Self::Shutdown
            | Self::Owner
            | Self::Suspended { .. }
            | Self::Drained
            | Self::GroupBackup
            | Self::Fault(_)
            | Self::Recovered(_) => None,
        }
    }

    /// RFC 8347's `last-event`.
    #[must_use]
    pub const fn last_event(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Shutdown => "shutdown",
            Self::MasterTimeout { .. } | Self::Resigned { .. } => "master-timeout",
            Self::Preempt { .. } => "lower-priority-master",
            Self::Owner => "owner-preempt",
            Self::HigherPriority { .. }
            | Self::GreaterAddress { .. }
            | Self::Stalled { .. }
            | Self::Suspended { .. }
            | Self::Drained
            | Self::GroupBackup => "higher-priority-backup",
            Self::Fault(Fault::InterfaceMissing | Fault::InterfaceDown | Fault::NoVirtualMac) => {
                "interface-down"
            }
            Self::Recovered(
                Fault::InterfaceMissing | Fault::InterfaceDown | Fault::NoVirtualMac,
            ) => "interface-up",
            Self::Fault(Fault::NoPrimaryAddress) => "no-primary-ip-address",
            Self::Recovered(Fault::NoPrimaryAddress) => "primary-ip-address",
            Self::Fault(Fault::Tracker(_)) => "tracker-down",
            Self::Recovered(Fault::Tracker(_)) => "tracker-up",
            Self::Fault(Fault::Group) => "group-down",
            Self::Recovered(Fault::Group) => "group-up",
        }
    }

    /// RFC 8347's `new-master-reason`.
    #[must_use]
    pub const fn new_master_reason(self) -> &'static str {
        match self {
            Self::MasterTimeout { .. } | Self::Resigned { .. } => "no-response",
            Self::Preempt { .. } => "preempted",
            Self::Owner => "priority",
            Self::Startup
            | Self::Shutdown
            | Self::HigherPriority { .. }
            | Self::GreaterAddress { .. }
            | Self::Stalled { .. }
            | Self::Suspended { .. }
            | Self::Drained
            | Self::GroupBackup
            | Self::Fault(_)
            | Self::Recovered(_) => "not-master",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Startup => f.write_str("started"),
            Self::Shutdown => f.write_str("stopping"),
            Self::MasterTimeout { master: Some(master), silent } => {
                write!(f, "no advert from {master} for {}", Span(silent))
            }
            Self::MasterTimeout { master: None, silent } => {
                write!(f, "no advert from anybody for {}", Span(silent))
            }
            Self::Resigned { master } => write!(f, "{master} resigned (priority 0)"),
            Self::Preempt { master, priority, ours } => {
                write!(f, "{master} has priority {priority}, lower than our {ours}")
            }
            Self::Owner => f.write_str("we own the addresses (priority 255)"),
            Self::HigherPriority { master, priority, ours } => {
                write!(f, "{master} has priority {priority}, higher than our {ours}")
            }
            Self::GreaterAddress { master, ours } => {
                write!(f, "{master} has our priority and a greater address than our {ours}")
            }
            Self::Stalled { master, late } => {
                write!(f, "we woke up {} late and {master} has taken over", Span(late))
            }
            Self::Suspended { span } => {
                write!(f, "the machine was suspended for {}: listening first", Span(span))
            }
            Self::Drained => f.write_str("drained"),
            Self::GroupBackup => f.write_str("another member of its group has yielded"),
            Self::Fault(fault) => fault.fmt(f),
            Self::Recovered(fault) => write!(f, "over: {fault}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InterfaceMissing => f.write_str("the interface does not exist"),
            Self::InterfaceDown => f.write_str("the interface is down"),
            Self::NoVirtualMac => f.write_str("the virtual MAC address cannot be used"),
            Self::NoPrimaryAddress => f.write_str("the interface has no address to send from"),
            Self::Tracker(slot) => write!(f, "tracker {slot} failed"),
            Self::Group => f.write_str("another member of its group is in FAULT"),
        }
    }
}

/// A span of time for people: `3.61 s`, `36.1 ms`.
#[derive(Clone, Copy, Debug)]
pub struct Span(pub Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            0..=999_999 => write!(f, "{}.{} ms", micros / 1000, micros / 100 % 10),
            _ => write!(f, "{}.{:02} s", micros / 1_000_000, micros / 10_000 % 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn spans_read_well() {
        for (micros, text) in
            [(3_609_375, "3.60 s"), (36_093, "36.0 ms"), (700, "0.7 ms"), (61_000_000, "61.00 s")]
        {
            assert_eq!(Span(Duration::from_micros(micros)).to_string(), text);
        }
    }
}
