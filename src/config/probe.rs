//! What finds out whether something else works, without a script; and how long an interface must be
//! down or up to count. The names of the fields are the keywords.

use super::error::Place;
use crate::vrrp::tracker::Weight;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// `track_route NAME`: whether a route is in a table of the kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackRoute {
    /// The name after the keyword.
    pub name: String,
    /// Where the section begins.
    pub place: Place,
    /// `to`: the destination, whose family is that of the route, and the length of its prefix.
    pub to: (IpAddr, u8),
    /// `table`. Default 254, main.
    pub table: u32,
    /// `via`: only one through this gateway counts.
    pub via: Option<IpAddr>,
    /// `dev`: only one through this interface counts.
    pub dev: Option<String>,
    /// Where the value of `dev` stands.
    pub dev_place: Place,
    /// `weight` where the instance says nothing else. Default 0: no route means FAULT.
    pub weight: Weight,
}

/// When something is tried, and what the results say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// `interval` between the starts of two tries. Default 1 s.
    pub interval: Duration,
    /// `timeout`: one that takes longer has failed. Default: the interval.
    pub timeout: Duration,
    /// `rise`: so many successes in a row end a failure. Default 1.
    pub rise: u32,
    /// `fall`: so many failures in a row are a failure. Default 1.
    pub fall: u32,
    /// `weight` where the instance says nothing else. Default 0: failed means FAULT.
    pub weight: Weight,
}

/// `track_tcp NAME`: whether somebody can be connected to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackTcp {
    /// The name after the keyword.
    pub name: String,
    /// Where the section begins.
    pub place: Place,
    /// `connect`: address and port.
    pub connect: SocketAddr,
    /// `source`: the address to come from, of the same family. Default: what the kernel chooses.
    pub source: Option<IpAddr>,
    /// `dev`: the interface to go through, whatever the routes say.
    pub dev: Option<String>,
    /// Where the value of `dev` stands.
    pub dev_place: Place,
    /// When, and what it is worth.
    pub schedule: Schedule,
}

/// `track_ping NAME`: whether a host answers echo requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackPing {
    /// The name after the keyword.
    pub name: String,
    /// Where the section begins.
    pub place: Place,
    /// `host`: its address.
    pub host: IpAddr,
    /// `dev`: the interface to go through, whatever the routes say.
    pub dev: Option<String>,
    /// Where the value of `dev` stands.
    pub dev_place: Place,
    /// When, and what it is worth.
    pub schedule: Schedule,
}

/// `interface_up_down_delays NAME`: so long an interface must have changed before it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceDelays {
    /// The interface.
    pub name: String,
    /// Where its name stands.
    pub place: Place,
    /// `down_delay`: as long as it is down for less, it counts as up.
    pub down_delay: Duration,
    /// `up_delay`: as long as it is up for less, it counts as down. Default: `down_delay`.
    pub up_delay: Duration,
}
