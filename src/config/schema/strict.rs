//! `strict_mode` and `vrrp_strict`: told where a configuration departs from the letter of the RFCs.
//! Nothing is changed because of it.

use super::settings::Settings;
use crate::config::error::Report;
use crate::config::VrrpInstance;
use crate::wire::{Family, Priority, Version};

/// Warns of whatever RFC 9568 and RFC 3768 do not know or ask otherwise.
pub fn lint(settings: &Settings<'_>, instance: &VrrpInstance, report: &mut Report) {
    if settings.flag("strict_mode") != Some(true) {
        return;
    }
    let owner = instance.priority == Priority::OWNER;
    let ipv6 = instance.addresses(Family::V6).next().is_some();
    let ipv4 = instance.addresses(Family::V4).next().is_some();
    let election = &instance.election;
    let source = "Accept_Mode is false by default";
    let departures: [(bool, &str, &str); 13] = [
        (instance.accept && !owner, "accept", source),
        (instance.auth_pass.is_some(), "authentication", "RFC 3768 removed it from VRRP"),
        (instance.auth_hmac.is_some(), "auth_hmac", "no RFC has it"),
        (!instance.transport.unicast_peer.is_empty(), "unicast_peer", "VRRP is multicast"),
        (instance.use_vmac.is_none(), "use_vmac", "there is none"),
        (!election.preempt_delay.is_zero(), "preempt_delay", "no RFC has it"),
        (election.down_timer_adverts != 3, "down_timer_adverts", "it is 3"),
        (election.lower_prio_no_advert, "lower_prio_no_advert", "a MASTER answers"),
        (election.higher_prio_send_advert, "higher_prio_send_advert", "no RFC has it"),
        (instance.fast_handover, "fast_handover", "a BACKUP discards adverts of lower priority"),
        (instance.skip_check_adv_addr, "skip_check_adv_addr", "VRRPv2 drops such adverts"),
        (
            !instance.virtual_ipaddress_excluded.is_empty(),
            "virtual_ipaddress_excluded",
            "all are advertised",
        ),
        (ipv4 && ipv6, "virtual_ipaddress", "each family is elected by itself"),
    ];
    let v2 = ipv4 && instance.version == Version::V2;
    let version = v2.then_some(("version", "RFC 9568 is VRRPv3"));
    let departs = departures.iter().filter(|(departs, ..)| *departs);
    let all: Vec<String> = departs
        .map(|(_, word, letter)| (*word, *letter))
        .chain(version)
        .map(|(word, letter)| format!("{word} ({letter})"))
        .collect();
    if !all.is_empty() {
        let message =
            format!("strict_mode: {} departs from the RFCs by {}", instance.name, all.join(", "));
        let help = "strict_mode changes nothing: it only tells";
        report.warning(settings.place_of("strict_mode"), message).help(help);
    }
}
