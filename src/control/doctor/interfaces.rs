//! Interfaces: there, up, with multicast, and in the groups that adverts go to.

use super::{Finding, Patient};
use crate::sys::ifaddrs::Interface;
use std::fs;
use std::net::IpAddr;

/// All that virtual routers are on.
pub fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in patient.interfaces() {
        let Some(it) = patient.host.get(name) else {
            findings.push(Finding::wrong(
                format!("there is no interface {name}"),
                "Its instances are in FAULT until it appears.",
                "Correct the name; or vipd is in another network namespace: ip netns exec NAME \
                 vipctl doctor.",
            ));
            continue;
        };
        if !it.up {
            findings.push(Finding::wrong(
                format!("{name} is down"),
                "Its instances are in FAULT until it is up.",
                format!("ip link set {name} up"),
            ));
        }
        if !it.multicast && all_groups(patient, name).next().is_some() {
            findings.push(Finding::wrong(
                format!("{name} has multicast switched off"),
                "Adverts go to a multicast group; what this host hears of them is luck.",
                format!("ip link set {name} multicast on; or use unicast_peer"),
            ));
        }
        findings.extend(all_groups(patient, name).filter_map(|(vrid, group)| {
            let joined = names_of(patient, name, vrid).any(|device| is_in(device, group));
            (it.up && !joined).then(|| not_joined(name, group))
        }));
    }
    findings.dedup();
    if findings.is_empty() {
        findings.push(Finding::Fine(format!(
            "{}: up, with multicast, in their groups",
            patient.interfaces().join(", ")
        )));
    }
    findings
}

fn not_joined(name: &str, group: IpAddr) -> Finding {
    let limit = match group {
        IpAddr::V4(_) => "net.ipv4.igmp_max_memberships",
        IpAddr::V6(_) => "net.core.optmem_max",
    };
    Finding::wrong(
        format!("{name} is not in the group {group}"),
        "Adverts of other routers are not heard.",
        format!("Look into the log of vipd, raise {limit}, and restart vipd."),
    )
}

/// The groups of the virtual routers on an interface, with their ids.
fn all_groups<'a>(
    patient: &'a Patient<'_>,
    interface: &'a str,
) -> impl Iterator<Item = (u8, IpAddr)> + 'a {
    let all = patient.status.at("instances").list();
    let on_it = all.filter(move |it| it.at("interface").text() == interface);
    on_it.flat_map(|it| {
        let vrid = u8::try_from(it.at("virtual_router_id").integer()).unwrap_or_default();
        let to = it.at("destinations").list();
        to.filter_map(|it| it.text().parse().ok())
            .filter(IpAddr::is_multicast)
            .map(move |group| (vrid, group))
    })
}

/// The interface, and macvlans with the virtual MAC address of an id.
fn names_of<'a>(
    patient: &'a Patient<'_>,
    interface: &'a str,
    vrid: u8,
) -> impl Iterator<Item = &'a str> {
    let virtual_mac = move |it: &Interface| {
        it.mac.is_some_and(|mac| matches!(mac, [0x00, 0x00, 0x5e, 0x00, 1 | 2, id] if id == vrid))
    };
    let macvlans = patient.host.iter().filter(move |(_, it)| virtual_mac(it));
    std::iter::once(interface).chain(macvlans.map(|(name, _)| name.as_str()))
}

fn is_in(interface: &str, group: IpAddr) -> bool {
    let file = if group.is_ipv4() { "/proc/net/igmp" } else { "/proc/net/igmp6" };
    match fs::read_to_string(file) {
        Ok(text) => lists(&text, interface, group),
        // Nobody can tell.
        Err(_) => true,
    }
}

/// Whether that file lists a group for an interface.
fn lists(text: &str, interface: &str, group: IpAddr) -> bool {
    match group {
        IpAddr::V4(group) => {
            // As the kernel has it in memory.
            let wanted = format!("{:08X}", u32::from_ne_bytes(group.octets()));
            let mut here = false;
            text.lines().any(|line| {
                let mut words = line.split_ascii_whitespace();
                if line.starts_with(|c: char| c.is_ascii_digit()) {
                    here = words.nth(1).map(|name| name.trim_end_matches(':')) == Some(interface);
                    return false;
                }
                here && words.next() == Some(wanted.as_str())
            })
        }
        IpAddr::V6(group) => {
            let wanted: String = group.octets().iter().map(|it| format!("{it:02x}")).collect();
            text.lines().any(|line| {
                let mut words = line.split_ascii_whitespace().skip(1);
                words.next() == Some(interface) && words.next() == Some(wanted.as_str())
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_read_as_the_kernel_shows_them() {
        let vrrp = format!("{:08X}", u32::from_ne_bytes([224, 0, 0, 18]));
        let v4 = format!(
            "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
             1\tlo        :     1      V3\n\t\t\t\t010000E0     1 0:00000000\t\t0\n\
             2\teth0      :     2      V3\n\t\t\t\t{vrrp}     1 0:00000000\t\t0\n\
             \t\t\t\t010000E0     1 0:00000000\t\t0\n\
             3\teth10     :     1      V3\n"
        );
        let v6 = "2    eth0            ff020000000000000000000000000012     1 00000004 0\n\
                  2    eth1            ff020000000000000000000000000001     1 0000000C 0\n";
        let groups: [IpAddr; 2] = ["224.0.0.18".parse().unwrap(), "ff02::12".parse().unwrap()];
        for (name, is) in [("eth0", true), ("lo", false), ("eth1", false), ("eth10", false)] {
            assert_eq!(lists(&v4, name, groups[0]), is, "{name}");
            assert_eq!(lists(v6, name, groups[1]), is, "{name}");
        }
    }
}
