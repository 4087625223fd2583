//! Decisions: what a virtual router does, and when. Everything that decides has
//! `handle(now, event, &mut out)` and `deadline()`, and nothing here knows a clock, a descriptor or
//! a log. After construction nothing allocates but the caller's list of actions, which is reused.

pub mod auth_hmac;
pub mod check;
pub mod conflict;
pub mod debounce;
pub mod duplicate;
pub mod event;
pub mod group;
pub mod process;
pub mod reason;
pub mod remarks;
pub mod router;
pub mod settings;
pub mod statistics;
pub mod time;
pub mod timers;
pub mod tracker;

use crate::wire::{Family, Vrid};
use core::fmt;

/// The bounds: how many of everything. A configuration that asks for more is an error.
pub mod bounds {
    /// Virtual addresses of one instance: VRRP counts them in one octet.
    pub const ADDRESSES: usize = crate::wire::MAX_ADDRESSES;
    /// Routers whose signed adverts are kept in order, of one virtual router: those that claim to be
    /// its MASTER at the same time.
    pub const SENDERS: usize = 16;
    /// Keys of one instance: `auth_hmac` numbers them in one octet.
    pub const KEYS: usize = 255;
    /// Lines of a list that is not advertised: routes, rules, excluded and static addresses.
    pub const LINES: usize = 4096;
    /// Trackers of one instance.
    pub const TRACKERS: usize = 64;
    /// Unicast peers of one instance.
    pub const PEERS: usize = 64;
    /// Instances of one daemon.
    pub const INSTANCES: usize = 4096;
    /// Check scripts of one daemon.
    pub const SCRIPTS: usize = 1024;
    /// `track_route` of one daemon.
    pub const ROUTES: usize = 64;
    /// `track_tcp` of one daemon, each of which has one descriptor at most; and `track_ping`.
    pub const PROBES: usize = 512;
    /// `track_file` of one daemon.
    pub const FILES: usize = 256;
    /// `track_process` of one daemon.
    pub const PROCESSES: usize = 128;
    /// Octets of a command line that is compared: name and parameters, each with a NUL behind it.
    pub const COMMAND_LINE: usize = 1024;
    /// Octets of a name: of an instance, a script, a group.
    pub const NAME: usize = 64;
    /// What a weight may say, either way (V3-019: the sum is clamped to 1..=254 in the end).
    pub const WEIGHT: i16 = 253;
    /// The same of a file or a process: times a -1 in the file, it is FAULT.
    pub const HEAVIEST: i16 = 254;
}

/// What makes a virtual router unique (V3-064).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Index of the interface, as the kernel counts.
    pub interface: u32,
    /// Address family.
    pub family: Family,
    /// Virtual router id.
    pub vrid: Vrid,
}

/// The states, by the names that users, scripts and RFC 8347 have for them. RFC 9568 says Active
/// for MASTER; FAULT is its Initialize with a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    /// Before the first decision.
    Init,
    /// Listens to a MASTER.
    Backup,
    /// Holds the addresses.
    Master,
    /// May not be MASTER: the interface, its address or a tracker is in the way.
    Fault,
}

impl StateName {
    /// `INIT`, `BACKUP`, `MASTER`, `FAULT`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Init => "INIT",
            Self::Backup => "BACKUP",
            Self::Master => "MASTER",
            Self::Fault => "FAULT",
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
