//! What we have done to the routers, and who therefore should hold which address. Nothing here looks
//! at a router: this is what they are judged by.

use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How many routers there are.
pub const ROUTERS: usize = 4;
/// How many virtual routers; each has an address, and another one that comes and goes.
pub const GROUPS: usize = 3;
/// How many addresses there can be: of each virtual router the constant one, then the others.
pub const ADDRESSES: usize = 2 * GROUPS;
/// From one run of a check to the next.
pub const CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// So many results change a check's verdict.
pub const CHECK_COUNT: u32 = 2;
/// What the check with a weight takes away while it fails. With it, too, no two priorities of one
/// virtual router are equal: a test looks.
pub const WEIGHT: u8 = 71;

/// The priorities of the routers in each virtual router. Each prefers another router; the last
/// router is nobody's first choice.
const PRIORITIES: [[u8; ROUTERS]; GROUPS] =
    [[200, 160, 180, 140], [160, 180, 200, 140], [160, 200, 140, 180]];

/// A virtual router's id.
pub fn vrid(group: usize) -> u8 {
    51 + group as u8
}

/// An address by its number.
pub fn vip(address: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, 101 + address as u8)
}

/// Whose address it is.
pub fn group_of(address: usize) -> usize {
    address % GROUPS
}

/// What runs on a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Daemon {
    Vipd,
    Keepalived,
}

impl fmt::Display for Daemon {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Vipd => "vipd",
            Self::Keepalived => "keepalived",
        })
    }
}

/// What has become of a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Runs,
    /// SIGSTOP.
    Stopped,
    /// SIGKILL.
    Killed,
    /// SIGTERM.
    Ended,
}

/// What has become of a cable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Up,
    /// `ip link set eth0 down` on the router.
    DownHere,
    /// The port of the bridge is down: the router's carrier is gone.
    DownThere,
}

/// What a file says of a priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Usual,
    Raised,
    Lowered,
}

/// A router.
#[derive(Clone, Copy, Debug)]
pub struct Router {
    pub daemon: Daemon,
    pub life: Life,
    pub link: Link,
    /// The segment that it is on: 0, or 1 while there is a partition.
    pub side: usize,
    /// The check without a weight succeeds.
    pub sound: bool,
    /// The check with a weight succeeds.
    pub fit: bool,
    pub levels: [Level; GROUPS],
}

impl Router {
    fn new(daemon: Daemon) -> Self {
        let (life, link, levels) = (Life::Runs, Link::Up, [Level::Usual; GROUPS]);
        Self { daemon, life, link, side: 0, sound: true, fit: true, levels }
    }

    /// It can be MASTER of something.
    pub fn is_able(&self) -> bool {
        self.life == Life::Runs && self.link == Link::Up && self.sound
    }

    /// It has lost its daemon, which cannot remove addresses any more. The addresses of keepalived
    /// stay and are answered for, for ever; those of vipd are not (`vip_lease`).
    pub fn is_undead(&self) -> bool {
        self.daemon == Daemon::Keepalived && matches!(self.life, Life::Stopped | Life::Killed)
    }
}

/// The routers and their files.
#[derive(Clone, Debug)]
pub struct World {
    pub routers: [Router; ROUTERS],
    /// Which virtual routers have their second address.
    pub second: [bool; GROUPS],
    pub advert_int: Duration,
    /// The `vip_lease` of vipd, if not the usual one.
    pub vip_lease: Option<&'static str>,
}

impl World {
    /// All is well.
    pub fn new(daemons: [Daemon; ROUTERS], advert_int: Duration) -> Self {
        Self {
            routers: daemons.map(Router::new),
            second: [false; GROUPS],
            advert_int,
            vip_lease: None,
        }
    }

    /// The priority in the file of a router.
    pub fn configured(&self, router: usize, group: usize) -> u8 {
        let usual = PRIORITIES[group][router];
        match self.routers[router].levels[group] {
            Level::Usual => usual,
            Level::Raised => usual + 44,
            Level::Lowered => usual - 66,
        }
    }

    /// The priority of a router, checks included.
    pub fn priority(&self, router: usize, group: usize) -> u8 {
        let configured = self.configured(router, group);
        if self.routers[router].fit {
            configured
        } else {
            configured - WEIGHT
        }
    }

    /// Who should hold an address on a segment: the strongest that is able to.
    pub fn holder(&self, side: usize, address: usize) -> Option<usize> {
        let group = group_of(address);
        if !self.has(address) {
            return None;
        }
        let able =
            |router: &usize| self.routers[*router].is_able() && self.routers[*router].side == side;
        (0..ROUTERS).filter(able).max_by_key(|router| self.priority(*router, group))
    }

    /// The address is configured.
    pub fn has(&self, address: usize) -> bool {
        address < GROUPS || self.second[group_of(address)]
    }

    /// Addresses and segments, with whoever should hold them.
    pub fn holders(&self) -> Vec<(usize, usize, Option<usize>)> {
        let pairs = (0..2).flat_map(|side| (0..ADDRESSES).map(move |address| (side, address)));
        pairs.map(|(side, address)| (side, address, self.holder(side, address))).collect()
    }

    /// Skew_Time of VRRPv3.
    pub fn skew(&self, router: usize, group: usize) -> Duration {
        self.advert_int * (256 - u32::from(self.priority(router, group))) / 256
    }

    /// Master_Down_Interval of VRRPv3: how long a router waits for adverts before it takes over.
    pub fn master_down(&self, router: usize, group: usize) -> Duration {
        3 * self.advert_int + self.skew(router, group)
    }

    /// The longest Master_Down_Interval of all.
    pub fn longest_master_down(&self) -> Duration {
        let pairs = (0..ROUTERS).flat_map(|router| (0..GROUPS).map(move |group| (router, group)));
        pairs.map(|(router, group)| self.master_down(router, group)).max().unwrap_or_default()
    }

    /// The name of a router.
    pub fn name(router: usize) -> String {
        format!("r{}", router + 1)
    }
}

#[test]
fn no_two_priorities_are_ever_equal() {
    use std::collections::BTreeSet;
    for group in 0..GROUPS {
        let mut all = BTreeSet::new();
        for router in 0..ROUTERS {
            for level in [Level::Usual, Level::Raised, Level::Lowered] {
                for fit in [true, false] {
                    let mut world = World::new([Daemon::Vipd; ROUTERS], Duration::from_secs(1));
                    world.routers[router].levels[group] = level;
                    world.routers[router].fit = fit;
                    let priority = world.priority(router, group);
                    assert!((1..=254).contains(&priority) && all.insert(priority), "{priority}");
                }
            }
        }
    }
}
