//! What instances may not have in common.

use crate::config::error::{Place, Report};
use crate::config::VrrpInstance;
use crate::wire::{is_link_local, Family};
use std::collections::BTreeSet;

/// Two instances cannot be the same virtual router. `places` says where each has its
/// `virtual_router_id`.
pub fn routers(instances: &[&VrrpInstance], places: &[Place], report: &mut Report) {
    let mut keyed = Vec::new();
    for (instance, place) in instances.iter().zip(places) {
        let families = [Family::V4, Family::V6].map(|it| (it, instance.addresses(it).count()));
        for (family, _) in families.into_iter().filter(|(_, count)| *count > 0) {
            let key = (&instance.interface, instance.virtual_router_id, family);
            let destinations = instance.transport.destinations(family);
            keyed.extend(destinations.map(|destination| ((key, destination), place, instance)));
        }
    }
    // Of two that are alike, the first of the file comes first.
    keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.start().cmp(&b.1.start())));
    let mut told = BTreeSet::new();
    for pair in keyed.windows(2) {
        let [(first, _, owner), (second, place, _)] = pair else {
            continue;
        };
        // Two of both families, or with several peers, are told of once.
        if first != second || !told.insert(place.start()) {
            continue;
        }
        let ((interface, vrid, _), destination) = second;
        let (with, help) = match destination.is_multicast() {
            true => (String::new(), "give each instance on an interface its own"),
            false => (
                format!(" with the unicast_peer {destination}"),
                "give each its own, or other peers: by them they are told apart",
            ),
        };
        let message = format!(
            "virtual_router_id {vrid} on {interface}{with} is that of vrrp_instance {} already",
            owner.name
        );
        report.error(**place, message).help(help);
    }
}

/// An address that two instances hold is lost when the first of them gives it up.
pub fn addresses(instances: &[&VrrpInstance], report: &mut Report) {
    let mut all = Vec::new();
    for instance in instances {
        all.extend(instance.virtual_ipaddress.iter().map(|vip| {
            // The same on another link is another address.
            let link = vip.dev.as_ref().unwrap_or(&instance.interface);
            let link = is_link_local(vip.address).then_some(link.as_str());
            ((vip.address, link), vip.place, *instance)
        }));
    }
    all.sort_unstable_by_key(|(address, place, _)| (*address, place.start()));
    for pair in all.windows(2) {
        let [(first, _, owner), (second, place, _)] = pair else {
            continue;
        };
        if first == second {
            let second = second.0;
            let name = &owner.name;
            let message = format!(
                "{second} is an address of vrrp_instance {name}, too: two routers may hold it at \
                 the same time"
            );
            report.warning(*place, message);
        }
    }
}
