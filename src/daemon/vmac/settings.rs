//! What the kernel is told about an interface so that a virtual address has its virtual MAC address
//! and no other: and how what was there before is kept until it is put back.
//!
//! What is changed on the interface below, which is not ours, is written into the alias of the
//! macvlan on top of it. So it outlives a crash, it goes when the interface goes, and it cannot be
//! taken for that of another one, as a file could.

use crate::sys::netlink::link;
use crate::sys::sysctl;
use crate::wire::Family;
use std::fmt::Write;
use std::io;

/// How the alias of every macvlan of ours begins.
const MARK: &str = "vipd: ";
/// Between the name of the instance and what was set before.
const BEFORE: &str = " before: ";

/// On the interface below. Without the first it answers for the address of the macvlan with its own
/// MAC address (V3-094); without the second it asks for others in the name of that address.
const BELOW: [(&str, i32); 2] = [("arp_ignore", 1), ("arp_announce", 2)];

/// On the macvlan, for IPv4: it answers for its own addresses alone, hears what has come from an
/// address of this host (somebody else uses it too: that is to be told), and keeps its other
/// addresses when the first one goes.
const V4: [(&str, i32); 4] =
    [("arp_ignore", 1), ("arp_announce", 2), ("accept_local", 1), ("promote_secondaries", 1)];

/// For IPv6: nothing is learnt there, and its answers say that they are a router's (V3-097).
/// Whether anything is forwarded is decided by the setting for all interfaces.
const V6: [(&str, i32); 3] = [("accept_ra", 0), ("autoconf", 0), ("forwarding", 1)];

/// What was set on an interface before us; the settings that we changed, and no others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before([Option<i32>; BELOW.len()]);

/// A setting that could not be changed.
#[derive(Debug)]
pub struct Failure {
    /// Which one, as sysctl(8) calls it.
    pub what: String,
    /// Why.
    pub error: io::Error,
}

/// Prepares a macvlan: what could not be set.
pub fn prepare(interface: &str, family: Family) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut set = |version, (name, value)| {
        if let Err(error) = sysctl::set(version, interface, name, value) {
            failures
                .push(Failure { what: format!("net.{version}.conf.{interface}.{name}"), error });
        }
    };
    // Even a macvlan for IPv6 hears ARP, and must not answer it for the interface below.
    for setting in V4 {
        set("ipv4", setting);
    }
    set("ipv4", ("rp_filter", reverse_path_filter()));
    if family == Family::V6 {
        for setting in V6 {
            set("ipv6", setting);
        }
    }
    failures
}

/// What is sent to the virtual MAC address may well be answered through the interface below, so the
/// reverse path must not matter. The kernel takes the stricter of this and the setting for all
/// interfaces, but for loose (2), which is taken before strict (1): so there is no need to touch
/// what holds for all.
fn reverse_path_filter() -> i32 {
    match sysctl::get("ipv4", "all", "rp_filter") {
        Ok(0) => 0,
        Ok(_) | Err(_) => 2,
    }
}

impl Before {
    /// Remembers what of the interface below is to be changed. What is remembered already stays: it
    /// is what was there before us, and what is there now may be ours.
    pub fn remember(&mut self, interface: &str) {
        for ((name, wanted), before) in BELOW.into_iter().zip(&mut self.0) {
            let now = sysctl::get("ipv4", interface, name).ok().filter(|now| *now < wanted);
            *before = before.or(now);
        }
    }

    /// What is known from another macvlan on the same interface.
    pub fn learn(&mut self, other: &Self) {
        for (before, other) in self.0.iter_mut().zip(other.0) {
            *before = before.or(other);
        }
    }

    /// Changes the settings of the interface below, after they are remembered.
    pub fn change(&self, interface: &str) -> Vec<Failure> {
        let mut failures = Vec::new();
        for ((name, wanted), _) in
            BELOW.into_iter().zip(self.0).filter(|(_, before)| before.is_some())
        {
            if let Err(error) = sysctl::set("ipv4", interface, name, wanted) {
                failures.push(Failure { what: format!("net.ipv4.conf.{interface}.{name}"), error });
            }
        }
        failures
    }

    /// Puts back what was there before, unless somebody has changed it since.
    pub fn restore(&mut self, interface: &str) -> Vec<Failure> {
        let mut failures = Vec::new();
        for ((name, ours), before) in BELOW.into_iter().zip(&mut self.0) {
            let Some(before) = before.take() else { continue };
            let restored = sysctl::get("ipv4", interface, name).and_then(|now| match now {
                now if now == ours => sysctl::set("ipv4", interface, name, before),
                _ => Ok(()),
            });
            if let Err(error) = restored {
                failures.push(Failure { what: format!("net.ipv4.conf.{interface}.{name}"), error });
            }
        }
        failures
    }
}

/// The alias of a macvlan: whose it is, the interface below, and what was set on that.
#[must_use]
pub fn alias(instance: &str, interface: &str, before: &Before) -> String {
    let mut alias = format!("{MARK}{instance}{BEFORE}{interface}");
    for ((name, _), value) in BELOW.into_iter().zip(before.0) {
        if let Some(value) = value {
            let _ = write!(alias, " {name}={value}");
        }
    }
    debug_assert!(alias.len() <= link::ALIAS);
    alias
}

/// What stands in an alias of ours: the interface below, and what was set on it. `None` if it is
/// not ours.
#[must_use]
pub fn read_alias(alias: &str) -> Option<(&str, Before)> {
    // The name of an instance may hold anything, what we append comes last.
    let (_, rest) = alias.strip_prefix(MARK)?.rsplit_once(BEFORE)?;
    let mut words = rest.split(' ');
    let interface = words.next()?;
    let mut before = Before::default();
    for (name, value) in words.filter_map(|word| word.split_once('=')) {
        let slot = BELOW.iter().position(|(known, _)| *known == name);
        if let Some(slot) = slot.and_then(|slot| before.0.get_mut(slot)) {
            *slot = value.parse().ok();
        }
    }
    Some((interface, before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vrrp::bounds;

    #[test]
    fn an_alias_keeps_what_was_before() {
        for before in [
            Before::default(),
            Before([Some(0), None]),
            Before([None, Some(1)]),
            Before([Some(0), Some(0)]),
        ] {
            for name in ["vip", "before: arp_ignore=7", "a b", &"x".repeat(bounds::NAME)] {
                let alias = alias(name, "eth0", &before);
                assert!(alias.len() <= link::ALIAS, "{alias}");
                assert_eq!(read_alias(&alias), Some(("eth0", before.clone())), "{alias}");
            }
        }
        let alias = alias("vip", "eth0", &Before([Some(0), Some(0)]));
        assert_eq!(alias, "vipd: vip before: eth0 arp_ignore=0 arp_announce=0");
    }

    #[test]
    fn an_alias_of_somebody_else_is_none_of_ours() {
        for alias in ["", "uplink", "vipd", "VIPD: x before: e", "vipd: x", "x before: eth0"] {
            assert_eq!(read_alias(alias), None, "{alias}");
        }
        let odd = read_alias("vipd: x before: eth0 arp_ignore=none what=3");
        assert_eq!(odd, Some(("eth0", Before::default())));
    }
}
