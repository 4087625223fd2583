//! What instances may not have in common.

use crate::config::error::{Place, Report};
use crate::config::VrrpInstance;
use crate::wire::Family;

/// Two instances cannot be the same virtual router. `places` says where each has its
/// `virtual_router_id`.
pub fn routers(instances: &[&VrrpInstance], places: &[Place], report: &mut Report) {
    let key = |instance: &VrrpInstance| {
        let family = instance.virtual_ipaddress.first().map(|vip| Family::of(vip.address));
        (instance.interface.clone(), instance.virtual_router_id, family)
    };
    let mut keyed: Vec<_> = instances
        .iter()
        .zip(places)
        .map(|(instance, place)| (key(instance), place, instance))
        .collect();
    // Of two that are alike, the first of the file comes first.
    keyed.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.start().cmp(&b.1.start())));
    for pair in keyed.windows(2) {
        let [(first, _, owner), (second, place, _)] = pair else {
            continue;
        };
        if first == second {
            let message = format!(
                "virtual_router_id {} on {} is that of vrrp_instance {} already",
                second.1, second.0, owner.name
            );
            report.error(**place, message).help("give each instance on an interface its own");
        }
    }
}

/// An address that two instances hold is lost when the first of them gives it up.
pub fn addresses(instances: &[&VrrpInstance], report: &mut Report) {
    let mut all = Vec::new();
    for instance in instances {
        all.extend(
            instance.virtual_ipaddress.iter().map(|vip| (vip.address, vip.place, *instance)),
        );
    }
    all.sort_unstable_by_key(|(address, place, _)| (*address, place.start()));
    for pair in all.windows(2) {
        let [(first, _, owner), (second, place, _)] = pair else {
            continue;
        };
        if first == second {
            let name = &owner.name;
            let message = format!(
                "{second} is an address of vrrp_instance {name}, too: two routers may hold it at \
                 the same time"
            );
            report.warning(*place, message);
        }
    }
}
