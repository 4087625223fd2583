//! The kernel's reverse path filter: in strict mode (1) it drops what comes from an address to which it
//! would send through another interface, or through none; in loose mode (2) only the latter. Nothing else
//! tells of that.

use super::{Finding, Patient};
use crate::sys::sysctl;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

const STRICT: i32 = 1;
const LOOSE: i32 = 2;

/// Interfaces of virtual routers, and their macvlans.
pub fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let routes = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let mut findings = Vec::new();
    for name in patient.interfaces() {
        findings
            .extend(dropped(patient, name, &routes).map(|source| finding(name, source, &routes)));
    }
    for (name, it) in &patient.host {
        let is_virtual = matches!(it.mac, Some([0x00, 0x00, 0x5e, 0x00, 1, _]));
        if is_virtual && mode(name) == STRICT {
            findings.push(Finding::wrong(
                format!("{name} has the virtual MAC address and rp_filter = 1 (strict)"),
                "What clients send to the virtual address is dropped, as answers leave by the \
                 interface below.",
                format!("sysctl net.ipv4.conf.{name}.rp_filter=2"),
            ));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::Fine("no advert falls victim to the reverse path filter".into()));
    }
    findings
}

fn finding(name: &str, source: Ipv4Addr, routes: &str) -> Finding {
    let (way, mode_that_helps) = match leads_to(routes, source) {
        Some(other) => (format!("the route to it leads through {other}"), LOOSE),
        None => ("there is no route to it".to_owned(), 0),
    };
    Finding::wrong(
        format!("the adverts of {source} come in on {name}, and {way}"),
        format!(
            "With rp_filter = {} the kernel drops them: this host does not hear {source}.",
            mode(name)
        ),
        format!(
            "Give {name} an address of that subnet, or a route to it; or sysctl \
             net.ipv4.conf.{name}.rp_filter={mode_that_helps}, and the same for all"
        ),
    )
}

/// The senders on an interface whose packets it drops.
pub fn dropped<'a>(
    patient: &'a Patient<'_>,
    name: &'a str,
    routes: &'a str,
) -> impl Iterator<Item = Ipv4Addr> + 'a {
    let mode = mode(name);
    let wire = patient.wire.iter();
    let on_it = wire.flat_map(|wire| wire.incoming()).filter(move |(it, _)| it.interface == name);
    let ours = on_it.filter(|(it, _)| patient.routers().any(|router| router.matches(it)));
    ours.filter_map(move |(it, _)| match it.source {
        IpAddr::V4(source) => is_dropped(mode, leads_to(routes, source), name).then_some(source),
        IpAddr::V6(_) => None,
    })
}

/// Whether what comes in on an interface is dropped; `way`: where the route to its sender leads.
fn is_dropped(mode: i32, way: Option<&str>, interface: &str) -> bool {
    match mode {
        STRICT => way != Some(interface),
        LOOSE => way.is_none(),
        _ => false,
    }
}

/// The kernel takes the greater of that for all and its own.
fn mode(name: &str) -> i32 {
    let get = |name: &str| sysctl::get("ipv4", name, "rp_filter").unwrap_or_default();
    get("all").max(get(name))
}

/// The interface that the longest route to an address leads through, of the main table in
/// `/proc/net/route`.
fn leads_to(routes: &str, to: Ipv4Addr) -> Option<&str> {
    let to = u32::from_ne_bytes(to.octets());
    let matching = routes.lines().skip(1).filter_map(|line| {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let number = |at: usize| u32::from_str_radix(words.get(at)?, 16).ok();
        let (destination, mask, metric) = (number(1)?, number(7)?, words.get(6)?);
        let metric = metric.parse::<u32>().ok()?;
        let fits = to & mask == destination;
        fits.then_some((mask.count_ones(), u32::MAX - metric, *words.first()?))
    });
    matching.max_by_key(|(length, metric, _)| (*length, *metric)).map(|(.., name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_decides() {
        for (mode, way, dropped) in [
            (0, None, false),
            (STRICT, None, true),
            (STRICT, Some("eth1"), true),
            (STRICT, Some("eth0"), false),
            (LOOSE, None, true),
            (LOOSE, Some("eth1"), false),
        ] {
            assert_eq!(is_dropped(mode, way, "eth0"), dropped, "{mode} {way:?}");
        }
    }

    #[test]
    fn the_longest_route_counts() {
        let hex = |octets: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(octets));
        let line = |name: &str, to: [u8; 4], metric: u32, mask: [u8; 4]| {
            format!("{name}\t{}\t00000000\t1\t0\t0\t{metric}\t{}\t0\t0\t0\n", hex(to), hex(mask))
        };
        let table = "Iface\tDestination\tGateway\n".to_owned()
            + &line("eth0", [0, 0, 0, 0], 0, [0, 0, 0, 0])
            + &line("eth1", [10, 77, 0, 0], 100, [255, 255, 255, 0])
            + &line("eth2", [10, 77, 0, 0], 0, [255, 255, 255, 0]);
        for (to, name) in [([10, 77, 0, 9], "eth2"), ([10, 78, 0, 9], "eth0")] {
            assert_eq!(leads_to(&table, to.into()), Some(name));
        }
        assert_eq!(leads_to("", [10, 0, 0, 1].into()), None);
    }
}
