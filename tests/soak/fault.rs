//! What is done to the routers, chosen by a seed; and the theory: by when all must be well again.
//!
//! The theory, with A for `advert_int`, S(r) for the Skew_Time of the router that takes over, and
//! M(r) = 3 A + S(r) for its Master_Down_Interval (RFC 9568, section 6.1):
//!
//! | what happened | who should hold the address has taken over after |
//! |---|---|
//! | the MASTER falls silent: killed, stopped, cable cut, other side of a partition | M |
//! | it resigns: SIGTERM | S |
//! | a check fails | the time the check needs, then S, for a router in FAULT resigns |
//! | a check with a weight fails, a file says a lower priority | the time the check needs; A until keepalived's next advert says so; then M with keepalived, that waits its timer out, or S with vipd |
//! | a router that is stronger comes back: started, check good again, cable in | the time the check needs, M |
//! | it goes on after SIGSTOP | M; less if it still thinks that it is MASTER |
//! | a file says a higher priority | A + M |
//! | the partition ends | A, for the weaker one hears the stronger one by then |
//! | one address is removed by hand | vipd: 100 ms; keepalived: M |
//! | a file says one more address | at once; A is more than enough |
//!
//! A check needs `CHECK_COUNT` runs of it, and is noticed by the second of them: 2 × its interval.
//! The first result alone decides after a start, one interval at most.
//!
//! What is required, and what a run fails for, is one bound for all: the weakest router's M and one A
//! more, the time a check needs where one is involved, what the fault itself takes, and a grace for
//! processes to start in. What the machine was late in that time is added: `lag.rs` measures it.

use crate::world::{group_of, vrid, Daemon, Level, Life, Link, World};
use crate::world::{CHECK_COUNT, CHECK_INTERVAL, ROUTERS};
use std::fmt;
use std::time::Duration;

/// So many routers are well at any time, partitions not counted.
pub const WELL: usize = 2;
/// For processes to start, and for ours to be heard.
pub const GRACE: Duration = Duration::from_millis(700);

/// Something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL.
    Kill(usize),
    /// SIGSTOP.
    Stop(usize),
    /// SIGTERM.
    End(usize),
    /// The cable: the router's interface is set down, or the bridge's port.
    Cut(usize, Link),
    /// These routers are on a segment of their own.
    Part([bool; ROUTERS]),
    /// SIGHUP with another priority in the file.
    Priority(usize, usize, Level),
    /// SIGHUP for all: a virtual router has one address more or less.
    Addresses(usize),
    /// SIGUSR2.
    Upgrade(usize),
    /// The check without a weight fails.
    Unsound(usize),
    /// The check with a weight fails.
    Unfit(usize),
    /// An address is removed with ip(8).
    Delete(usize, usize),
    /// The daemon is started again.
    Start(usize),
    /// SIGCONT.
    Continue(usize),
    /// The cable is mended.
    Mend(usize),
    /// The partition ends.
    Join,
    /// The check without a weight succeeds again.
    Sound(usize),
    /// The check with a weight succeeds again.
    Fit(usize),
}

impl Fault {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill(_) => "killed",
            Self::Stop(_) => "stopped",
            Self::End(_) => "terminated",
            Self::Cut(_, Link::DownThere) => "port of the bridge down",
            Self::Cut(..) => "interface down",
            Self::Part(_) => "partition",
            Self::Priority(_, _, Level::Lowered) => "reload, lower priority",
            Self::Priority(_, _, Level::Raised) => "reload, higher priority",
            Self::Priority(..) => "reload, usual priority",
            Self::Addresses(_) => "reload, one address more or less",
            Self::Upgrade(_) => "upgrade",
            Self::Unsound(_) => "check fails",
            Self::Unfit(_) => "check with weight fails",
            Self::Delete(..) => "address deleted by hand",
            Self::Start(_) => "started again",
            Self::Continue(_) => "continued",
            Self::Mend(_) => "link up again",
            Self::Join => "partition ends",
            Self::Sound(_) => "check succeeds",
            Self::Fit(_) => "check with weight succeeds",
        }
    }

    /// Whom it is done to; nobody if to all, or to the network.
    pub fn router(self) -> Option<usize> {
        match self {
            Self::Part(_) | Self::Addresses(_) | Self::Join => None,
            Self::Kill(router)
            | Self::Stop(router)
            | Self::End(router)
            | Self::Cut(router, _)
            | Self::Priority(router, _, _)
            | Self::Upgrade(router)
            | Self::Unsound(router)
            | Self::Unfit(router)
            | Self::Delete(router, _)
            | Self::Start(router)
            | Self::Continue(router)
            | Self::Mend(router)
            | Self::Sound(router)
            | Self::Fit(router) => Some(router),
        }
    }

    /// What becomes of the world.
    pub fn apply(self, world: &mut World) {
        let routers = &mut world.routers;
        match self {
            Self::Kill(router) => routers[router].life = Life::Killed,
            Self::Stop(router) => routers[router].life = Life::Stopped,
            Self::End(router) => routers[router].life = Life::Ended,
            Self::Start(router) | Self::Continue(router) => routers[router].life = Life::Runs,
            Self::Cut(router, how) => routers[router].link = how,
            Self::Mend(router) => routers[router].link = Link::Up,
            Self::Part(away) => {
                (0..ROUTERS).for_each(|router| routers[router].side = usize::from(away[router]));
            }
            Self::Join => routers.iter_mut().for_each(|router| router.side = 0),
            Self::Priority(router, group, level) => routers[router].levels[group] = level,
            Self::Addresses(group) => world.second[group] = !world.second[group],
            Self::Unsound(router) => routers[router].sound = false,
            Self::Sound(router) => routers[router].sound = true,
            Self::Unfit(router) => routers[router].fit = false,
            Self::Fit(router) => routers[router].fit = true,
            Self::Upgrade(_) | Self::Delete(..) => {}
        }
    }

    /// What undoes it.
    pub fn end(self) -> Option<Self> {
        match self {
            Self::Kill(router) | Self::End(router) => Some(Self::Start(router)),
            Self::Stop(router) => Some(Self::Continue(router)),
            Self::Cut(router, _) => Some(Self::Mend(router)),
            Self::Part(_) => Some(Self::Join),
            Self::Unsound(router) => Some(Self::Sound(router)),
            Self::Unfit(router) => Some(Self::Fit(router)),
            _ => None,
        }
    }

    /// How long a check needs to notice.
    fn check(self) -> Duration {
        match self {
            Self::Unsound(_) | Self::Unfit(_) | Self::Sound(_) | Self::Fit(_) => {
                CHECK_INTERVAL * CHECK_COUNT
            }
            Self::Start(_) => CHECK_INTERVAL,
            _ => Duration::ZERO,
        }
    }

    /// In theory, how long `taker` needs to take over an address from whoever had it: see above.
    /// `world` is what it is after the fault.
    pub fn theory(self, world: &World, address: usize, taker: usize) -> Duration {
        let (group, a) = (group_of(address), world.advert_int);
        let (skew, down) = (world.skew(taker, group), world.master_down(taker, group));
        let by_vipd = world.routers[taker].daemon == Daemon::Vipd;
        let after = match self {
            Self::End(_) | Self::Unsound(_) => skew,
            Self::Unfit(_) | Self::Priority(_, _, Level::Lowered) if by_vipd => a + skew,
            Self::Unfit(_) | Self::Priority(..) => a + down,
            Self::Join | Self::Addresses(_) => a,
            Self::Upgrade(_) => Duration::ZERO,
            Self::Delete(..) if by_vipd => Duration::from_millis(100),
            _ => down,
        };
        self.check() + after
    }

    /// By when all addresses have to have the one holder that they should have.
    pub fn bound(self, world: &World) -> Duration {
        self.check() + world.longest_master_down() + world.advert_int + GRACE
    }

    /// What is not well, and can be mended.
    pub fn ends(world: &World) -> Vec<Self> {
        let mut ends = Vec::new();
        for (number, router) in world.routers.iter().enumerate() {
            match router.life {
                Life::Runs => {}
                Life::Stopped => ends.push(Self::Continue(number)),
                Life::Killed | Life::Ended => ends.push(Self::Start(number)),
            }
            if router.link != Link::Up {
                ends.push(Self::Mend(number));
            }
            if !router.sound {
                ends.push(Self::Sound(number));
            }
            if !router.fit {
                ends.push(Self::Fit(number));
            }
        }
        if world.routers.iter().any(|router| router.side != 0) {
            ends.push(Self::Join);
        }
        ends
    }

    /// It can be done to this world.
    pub fn is_possible(self, world: &World) -> bool {
        let able = world.routers.iter().filter(|router| router.is_able()).count();
        let parted = world.routers.iter().any(|router| router.side != 0);
        // What runs and is of no use is left alone, so that each fault shows something.
        let is_able = self.router().is_some_and(|router| world.routers[router].is_able());
        match self {
            Self::Kill(_) | Self::Stop(_) | Self::End(_) | Self::Cut(..) | Self::Unsound(_) => {
                is_able && able > WELL
            }
            Self::Unfit(router) => is_able && world.routers[router].fit,
            Self::Part(_) => !parted,
            Self::Priority(router, group, level) => {
                is_able && world.routers[router].levels[group] != level
            }
            // A keepalived that starts knows nothing of an address that is not in its file any more.
            Self::Addresses(_) => !world.routers.iter().any(|router| router.is_undead()),
            Self::Upgrade(router) => is_able && world.routers[router].daemon == Daemon::Vipd,
            Self::Delete(..) => is_able,
            _ => Self::ends(world).contains(&self),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(router) = self.router() {
            write!(to, "{} ", World::name(router))?;
        }
        to.write_str(self.name())?;
        match *self {
            Self::Part(away) => {
                let away: Vec<String> =
                    (0..ROUTERS).filter(|it| away[*it]).map(World::name).collect();
                write!(to, ": {} away", away.join(", "))
            }
            Self::Priority(_, group, _) | Self::Addresses(group) => {
                write!(to, " (VRID {})", vrid(group))
            }
            Self::Delete(_, address) => write!(to, " ({})", crate::world::vip(address)),
            _ => Ok(()),
        }
    }
}
