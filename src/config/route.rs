//! Routes and rules of the configuration: `virtual_routes`, `virtual_rules`, `static_routes`,
//! `static_rules`. The numbers are those of rtnetlink(7).

use super::error::Place;
use core::fmt;
use core::net::IpAddr;

/// A line of `virtual_routes` or `static_routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualRoute {
    /// What the kernel is to be told.
    pub route: Route,
    /// The line as it was written.
    pub line: Line,
}

/// A line of `virtual_rules` or `static_rules`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualRule {
    /// What the kernel is to be told.
    pub rule: Rule,
    /// The line as it was written.
    pub line: Line,
}

/// What is to be remembered of a line, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Its words, with a blank between.
    pub text: String,
    /// Where it was said.
    pub place: Place,
    /// The interfaces that it names with `dev`, each with its place.
    pub devs: Vec<(String, Place)>,
    /// `no_track`: whether these interfaces are up does not matter to the instance.
    pub no_track: bool,
}

/// A network: an address and the length of the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The address; what is beyond the prefix is 0 in a route.
    pub address: IpAddr,
    /// 0 to 32 or 128 bits.
    pub len: u8,
}

/// A routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// By its number.
    Number(u32),
    /// By a name that `/etc/iproute2/rt_tables` has on the host that is meant.
    Name(String),
}

impl Table {
    /// The table `main`.
    pub const MAIN: Self = Self::Number(254);
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The kind: 1 unicast, 6 blackhole, 7 unreachable, 8 prohibit, 9 throw, and what else
    /// RTN_ has.
    pub kind: u8,
    /// The destination; its family is that of the route.
    pub to: Prefix,
    /// `via`, of either family.
    pub via: Option<IpAddr>,
    /// `dev`
    pub dev: Option<String>,
    /// `onlink`: the gateway is behind the interface, whatever its address.
    pub onlink: bool,
    /// `src`: the address to send from.
    pub src: Option<IpAddr>,
    /// `table`. Default: main.
    pub table: Table,
    /// `metric`. Default: the kernel's.
    pub metric: Option<u32>,
    /// `scope`: 0 global, 253 link, 254 host. Default: as ip(8) has it.
    pub scope: u8,
    /// `tos`, IPv4 only. Default 0.
    pub tos: u8,
    /// `protocol`. Default: our own mark.
    pub protocol: Option<u8>,
    /// `mtu`, `advmss` and the like, each once.
    pub metrics: Vec<Metric>,
    /// `pref` of a router, IPv6 only: 0 medium, 1 high, 3 low.
    pub pref: Option<u8>,
    /// `nexthop`: several ways, instead of `via` and `dev`.
    pub nexthops: Vec<Nexthop>,
}

/// One of the numbers that a route tells the protocols above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Which: RTAX_.
    pub number: u16,
    /// Its value.
    pub value: u32,
    /// `lock`: it stays, whatever the kernel learns.
    pub lock: bool,
}

/// One of several ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nexthop {
    /// `via`
    pub via: Option<IpAddr>,
    /// `dev`
    pub dev: Option<String>,
    /// `weight`, 1 to 256. Default 1.
    pub weight: u16,
    /// `onlink`
    pub onlink: bool,
}

/// A rule that says which table is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// IPv6, and not IPv4.
    pub is_ipv6: bool,
    /// `not`: it is for what does not fit.
    pub not: bool,
    /// `from`
    pub from: Option<Prefix>,
    /// `to`
    pub to: Option<Prefix>,
    /// `tos`. Default 0: any.
    pub tos: u8,
    /// `fwmark` and its mask.
    pub fwmark: Option<(u32, Option<u32>)>,
    /// `iif`
    pub iif: Option<String>,
    /// `oif`
    pub oif: Option<String>,
    /// `uidrange`, first and last.
    pub uidrange: Option<(u32, u32)>,
    /// `ipproto`
    pub ipproto: Option<u8>,
    /// `sport`, first and last.
    pub sport: Option<(u16, u16)>,
    /// `dport`, first and last.
    pub dport: Option<(u16, u16)>,
    /// What is done.
    pub action: RuleAction,
    /// `suppress_prefixlength`: a route of a shorter prefix, or of this length, does not count.
    pub suppress_prefixlength: Option<u32>,
    /// `preference`: rules are gone through from the smallest up.
    pub preference: u32,
    /// `protocol`. Default: our own mark.
    pub protocol: Option<u8>,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// `table`: asks it.
    Table(Table),
    /// `goto`: goes on at the rule with this preference.
    Goto(u32),
    /// `nop`: goes on at the next rule.
    Nop,
    /// `blackhole`: drops the packet.
    Blackhole,
    /// `unreachable`: answers that the network is not to be reached.
    Unreachable,
    /// `prohibit`: answers that it is forbidden.
    Prohibit,
}
