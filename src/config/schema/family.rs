//! What the families of an instance's addresses ask of the rest of it.

use super::settings::Settings;
use super::versions::Versions;
use crate::config::error::Report;
use crate::config::{Format, VirtualIpAddress};
use crate::vrrp::bounds;
use crate::wire::{is_link_local, Family, Interval, Version};

/// The families that an instance has addresses of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
    /// Both, in a virtual router each.
    Both,
}

impl Families {
    /// Those of a list; IPv4 for an empty one.
    pub fn of(list: &[VirtualIpAddress]) -> Self {
        let has = |family| list.iter().any(|vip| Family::of(vip.address) == family);
        match (has(Family::V4), has(Family::V6)) {
            (_, false) => Self::V4,
            (false, true) => Self::V6,
            (true, true) => Self::Both,
        }
    }

    /// The version, as far as there is a choice: that of IPv4. IPv6 has VRRPv3 alone.
    pub fn version(self, settings: &Settings<'_>, report: &mut Report) -> Version {
        let asked = settings.version("version");
        if self == Self::V6 {
            if asked != Some(Versions::V3) && settings.has("version") {
                let message = "version 2 is for IPv4 alone, IPv6 has VRRPv3";
                settings.error("version", message.into(), report).help("leave version out");
            }
            return Version::V3;
        }
        match asked {
            Some(Versions::V3 | Versions::Both) => Version::V3,
            Some(Versions::V2) | None => Version::V2,
        }
    }

    /// Whether both versions are spoken over IPv4 (V3-120): a help on the way to VRRPv3, and said to
    /// be no more.
    pub fn both_versions(
        self,
        settings: &Settings<'_>,
        advert_int: Interval,
        report: &mut Report,
    ) -> bool {
        if self == Self::V6 || settings.version("version") != Some(Versions::Both) {
            return false;
        }
        let place = settings.place_of("version");
        let message = "version 2+3 is for the time of a migration: routers of version 2 and of \
                       version 3 do not hear each other";
        report.warning(place, message).help(
            "give those that speak both the highest priorities; write version 3 when none is left \
             that speaks version 2 alone",
        );
        if advert_int < Interval::SECOND {
            // V3-121.
            let message = format!(
                "advert_int {advert_int} holds for version 3: a MASTER of version 2 speaks once a \
                 second at most"
            );
            report.warning(place, message).help("give routers of version 2 lower priorities");
        }
        true
    }

    /// Whether an interval fits every virtual router that there will be.
    pub fn fits(self, interval: Interval, version: Version) -> bool {
        interval.fits(version) && (self == Self::V4 || interval.fits(Version::V3))
    }
}

/// Looks at the families of a list. In keepalived.conf an instance has one; whatever is of another is
/// taken out.
pub fn check(list: &mut Vec<VirtualIpAddress>, settings: &Settings<'_>, report: &mut Report) {
    if report.format() == Format::Keepalived {
        of_one(list, settings, report);
    }
    for family in [Family::V4, Family::V6] {
        let of_family = |vip: &&VirtualIpAddress| Family::of(vip.address) == family;
        if let Some(more) = list.iter().filter(of_family).nth(bounds::ADDRESSES) {
            let message = format!("more than {} addresses: VRRP cannot say so", bounds::ADDRESSES);
            report.error(more.place, message).help(
                "put those that need not be advertised into virtual_ipaddress_excluded, or use a \
                 second instance",
            );
        }
    }
    let first = list.iter().find(|vip| vip.address.is_ipv6());
    if let Some(first) = first.filter(|first| !is_link_local(first.address)) {
        let message = format!(
            "{} is the first IPv6 address, and not link-local: routers that keep to RFC 9568 \
             discard such adverts",
            first.address
        );
        let help = "put a link-local address before it, such as fe80::1/64, on all routers";
        report.warning(first.place, message).help(help);
    }
}

fn of_one(list: &mut Vec<VirtualIpAddress>, settings: &Settings<'_>, report: &mut Report) {
    let Some(first) = list.first().map(|first| Family::of(first.address)) else { return };
    let is_first = |vip: &VirtualIpAddress| Family::of(vip.address) == first;
    for other in list.iter().filter(|vip| !is_first(vip)) {
        let message = format!(
            "{} is not of the family of the first address of {}: keepalived passes it over",
            other.address, settings.label
        );
        report.error(other.place, message).help(
            "put it into virtual_ipaddress_excluded or into an instance of its own; in TOML and \
             UCI an instance can have both",
        );
    }
    list.retain(is_first);
}
