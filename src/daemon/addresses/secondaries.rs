//! The kernel removes the secondary addresses of IPv4 together with the first of their prefix, unless
//! `promote_secondaries` is set. If a virtual address was put back when there was no other, and then
//! came one of somebody else's, that is the secondary: it must not go with ours. And what the host
//! sends comes from the first of them: that should be its own, so ours goes behind it.

use crate::daemon::link::Address;
use crate::sys::sysctl;
use std::net::{IpAddr, Ipv4Addr};

/// The setting.
const PROMOTE: &str = "promote_secondaries";

/// The address of somebody else that would go with this one.
pub fn go_with(
    address: IpAddr,
    prefix_len: u8,
    all: &[Address],
    is_ours: impl Fn(&Address) -> bool,
) -> Option<IpAddr> {
    let first = |it: &&Address| it.address == address && it.prefix_len == prefix_len;
    all.iter().find(first).filter(|it| !it.secondary)?;
    let goes = |it: &&Address| {
        it.secondary
            && same_network((it.address, it.prefix_len), (address, prefix_len))
            && !is_ours(it)
    };
    all.iter().find(goes).map(|it| it.address)
}

/// Whether two addresses of IPv4 have the same prefix.
pub fn same_network(a: (IpAddr, u8), b: (IpAddr, u8)) -> bool {
    match (a, b) {
        ((IpAddr::V4(one), len), (IpAddr::V4(other), other_len)) => {
            len == other_len && network(one, len) == network(other, len)
        }
        _ => false,
    }
}

fn network(address: Ipv4Addr, prefix_len: u8) -> u32 {
    let host = u32::MAX.checked_shr(u32::from(prefix_len)).unwrap_or(0);
    u32::from(address) & !host
}

/// Makes the kernel keep the secondary addresses of an interface, until `end`.
pub fn keep(promoted: &mut Vec<String>, interface: &str) {
    let is_set = |name: &str| sysctl::get("ipv4", name, PROMOTE).is_ok_and(|value| value != 0);
    if is_set("all") || is_set(interface) {
        return;
    }
    match sysctl::set("ipv4", interface, PROMOTE, 1) {
        Ok(()) => promoted.push(interface.to_owned()),
        Err(error) => log::warn!(
            "addresses of others on {interface} go with ours: cannot set {PROMOTE}: {error}"
        ),
    }
}

/// The addresses are removed: the setting is again what it was.
pub fn end(promoted: &mut Vec<String>) {
    for interface in promoted.drain(..) {
        if let Err(error) = sysctl::set("ipv4", &interface, PROMOTE, 0) {
            log::warn!("cannot set {PROMOTE} of {interface} to 0 again: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(addresses: &[(&str, u8, bool, bool)]) -> Vec<Address> {
        let read = |(address, prefix_len, secondary, ours): &(&str, u8, bool, bool)| Address {
            address: address.parse().unwrap(),
            prefix_len: *prefix_len,
            secondary: *secondary,
            tentative: false,
            ours: *ours,
            expected: false,
            created: 0,
        };
        addresses.iter().map(read).collect()
    }

    #[test]
    fn an_address_of_another_goes_with_the_first_of_its_prefix() {
        let ours: IpAddr = "10.0.0.100".parse().unwrap();
        let first = ("10.0.0.100", 24, false, true);
        let other = ("10.0.0.1", 24, true, false);
        let go_with = |address, prefix_len, all: &[Address]| {
            super::go_with(address, prefix_len, all, |it| it.ours).is_some()
        };
        assert!(go_with(ours, 24, &all(&[first, other])));
        for harmless in [
            ("10.0.0.1", 24, false, false),
            ("10.0.0.1", 25, true, false),
            ("10.0.1.1", 24, true, false),
            ("10.0.0.101", 24, true, true),
            ("fe80::1", 24, false, false),
        ] {
            assert!(!go_with(ours, 24, &all(&[first, harmless])), "{harmless:?}");
        }
        // Ours is the secondary, or is not there at all.
        assert!(!go_with(ours, 24, &all(&[("10.0.0.100", 24, true, true), other])));
        assert!(!go_with(ours, 24, &all(&[other])));
        assert!(!go_with("fe80::9".parse().unwrap(), 64, &all(&[other])));
        assert_eq!(network(Ipv4Addr::new(10, 1, 2, 3), 0), 0);
        assert_eq!(network(Ipv4Addr::new(10, 1, 2, 3), 32), 0x0a01_0203);
    }
}
