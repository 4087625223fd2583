//! Others with our virtual router id: of another group, CARP, or of ours and configured otherwise.

use super::super::node::Node;
use super::{Finding, Patient};

/// All that were heard while we listened.
pub fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings: Vec<_> = patient.speakers().filter_map(speaker).collect();
    if findings.is_empty() {
        let ours = patient.speakers().filter(|it| it.at("instance").is_some()).count();
        findings.push(Finding::Fine(match ours {
            0 => "nobody else was heard with an id of ours".to_owned(),
            _ => format!("{ours} were heard with an id of ours, and all are heeded"),
        }));
    }
    findings
}

fn speaker(it: Node<'_>) -> Option<Finding> {
    if !it.at("instance").is_some() {
        return None;
    }
    let (name, address) = (it.at("instance").text(), it.at("address").text());
    let (interface, vrid) = (it.at("interface").text(), it.at("virtual_router_id").integer());
    let reason = it.at("rejected").text();
    if it.at("collision").is() {
        let carp = it.at("protocol").text() == "CARP";
        let group = if carp { "CARP" } else { "VRRP, and of another group" };
        let free: Vec<_> =
            it.at("free_virtual_router_ids").list().map(|it| it.integer().to_string()).collect();
        let family = if it.at("family").text() == "ipv6" { "02" } else { "01" };
        return Some(Finding::wrong(
            format!("{address} on {interface} has the id {vrid} of {name}; it is {group}"),
            format!(
                "Both have the MAC address 00:00:5e:00:{family}:{vrid:02x}, if they use virtual ones, \
                 and each fills the log of the other."
            ),
            format!("Give one of the two another id; here these are free: {}", free.join(", ")),
        ));
    }
    if reason.is_empty() {
        return None;
    }
    Some(Finding::wrong(
        format!("{name}: adverts of {address} are not heeded: {reason}"),
        "To this router it is as if that one were not there: both may be MASTER.",
        remedy(it, reason, name, address),
    ))
}

/// What is to be changed, and where.
fn remedy(it: Node<'_>, reason: &str, name: &str, address: &str) -> String {
    let version = it.at("version").integer();
    // Words of the reasons, and what to do: the first that fits.
    let known = [
        (
            "another VRRP version",
            format!(
            "{address} speaks version {version}: set the same version on both routers; version = \
             \"2+3\" speaks both meanwhile"
        ),
        ),
        (
            "checksum",
            format!(
            "Something between the two changes packets, or {address} is broken: vipctl sniff shows \
             what the checksum should be."
        ),
        ),
        ("auth_pass", "Set the same auth_pass on both routers.".to_owned()),
        ("auth_type", "Set the same authentication on both routers, or on none.".to_owned()),
        ("clock", "Set the clocks of both routers, best by NTP.".to_owned()),
        ("sign", "Set the same auth_hmac on all routers of the group.".to_owned()),
        ("interval", "Set the same advert_int on both routers.".to_owned()),
        ("TTL", "Let nothing route or change adverts between the two.".to_owned()),
        ("unicast_peer", format!("Add {address} to unicast_peer of {name}, or stop it.")),
        ("other addresses", "Set the same virtual_ipaddress on both routers.".to_owned()),
    ];
    let fits = known.into_iter().find(|(word, _)| reason.contains(word));
    fits.map_or_else(
        || format!("vipctl sniff {} shows them.", it.at("interface").text()),
        |it| it.1,
    )
}

#[cfg(test)]
mod tests {
    use super::super::super::node::parse;
    use super::*;
    use crate::wire::Discard;

    #[test]
    fn every_reason_has_a_finding_and_strangers_have_none() {
        for reason in Discard::ALL {
            let of = |instance: &str| {
                let text = reason.text();
                format!(
                    "{{\"instance\":{instance},\"address\":\"10.0.0.2\",\"interface\":\"eth0\",\
                     \"version\":2,\"rejected\":\"{text}\"}}"
                )
            };
            let value = parse(&of("\"vip\"")).unwrap();
            let Some(Finding::Wrong { remedy, .. }) = speaker(Node::new(&value)) else {
                panic!("{reason:?}")
            };
            assert!(!remedy.is_empty());
            assert_eq!(speaker(Node::new(&parse(&of("null")).unwrap())), None);
        }
    }
}
