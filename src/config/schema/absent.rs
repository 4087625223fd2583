//! Words of keepalived that users will bring along and that are not supported: a typo they are not.

/// Section (empty for the sections themselves), word, and what its absence means.
type Absent = (&'static str, &'static str, &'static str);

const GROUPS: &str = "instances do not move together";
const MULTICAST: &str = "adverts go to the multicast group alone";
const SOURCE: &str = "adverts come from the first address of the interface";
const MAC: &str = "addresses keep the MAC address of their interface";
const TRACK: &str = "only scripts are tracked, and the interface of the instance";
const ROUTES: &str = "only addresses move; a notify script can move the rest";
const ACCEPT: &str = "the MASTER always answers on its virtual addresses";
const TIMER: &str = "a MASTER counts as down after 3 intervals, as its RFC has it";
const CONTEST: &str = "an advert of lower priority is always answered";
const OUTPUT: &str = "vipd writes no such file";
const MAIL: &str = "vipd sends no mail; a notify script can";
const BURST: &str = "announcements are not spread out";
const DELAY: &str = "a router takes part from the start";
const NOTIFY: &str = "use notify, which is run for every change of state";
const PROCESS: &str = "priority and memory of the process are for the service manager";
const FIREWALL: &str = "vipd leaves the firewall alone";
const NAMESPACE: &str = "start vipd in the namespace instead";
const STRICT: &str = "no checks are made but those of vipd itself";
const STATIC: &str = "vipd changes only what moves";
const SECURITY: &str = "how scripts are run cannot be changed";
const YIELD: &str = "a MASTER that hears a higher priority gives way without an advert";
const OWNER: &str = "in VRRPv2 an owner ignores adverts, in VRRPv3 it does not";

const ABSENT: &[Absent] = &[
    ("", "vrrp_sync_group", GROUPS),
    ("", "vrrp_track_process", TRACK),
    ("", "vrrp_track_file", TRACK),
    ("", "track_process", TRACK),
    ("", "track_file", TRACK),
    ("", "track_route", TRACK),
    ("", "track_tcp", TRACK),
    ("", "track_ping", TRACK),
    ("", "bfd_instance", TRACK),
    ("", "static_ipaddress", STATIC),
    ("", "static_routes", STATIC),
    ("", "static_rules", STATIC),
    ("", "track_group", STATIC),
    ("", "garp_group", BURST),
    ("", "interface_up_down_delays", TRACK),
    ("", "virtual_server", "vipd balances no load"),
    ("global_defs", "notification_email", MAIL),
    ("global_defs", "notification_email_from", MAIL),
    ("global_defs", "smtp_server", MAIL),
    ("global_defs", "smtp_connect_timeout", MAIL),
    ("global_defs", "smtp_alert", MAIL),
    ("global_defs", "use_symlink_paths", SECURITY),
    ("global_defs", "set_supplementary_groups", SECURITY),
    ("global_defs", "vrrp_mcast_group4", MULTICAST),
    ("global_defs", "vrrp_mcast_group6", MULTICAST),
    ("global_defs", "vrrp_min_garp", "set vrrp_garp_master_repeat and vrrp_garp_master_delay"),
    ("global_defs", "vrrp_garp_interval", BURST),
    ("global_defs", "vrrp_gna_interval", BURST),
    ("global_defs", "vrrp_down_timer_adverts", TIMER),
    ("global_defs", "vrrp_lower_prio_no_advert", CONTEST),
    ("global_defs", "vrrp_higher_prio_send_advert", YIELD),
    ("global_defs", "vrrp_owner_ignore_adverts", OWNER),
    ("global_defs", "v3_checksum_as_v2", "write v3_checksum = \"rfc9568\""),
    ("global_defs", "vrrp_check_unicast_src", MULTICAST),
    ("global_defs", "vrrp_strict", STRICT),
    ("global_defs", "vrrp_iptables", FIREWALL),
    ("global_defs", "nftables", FIREWALL),
    ("global_defs", "dynamic_interfaces", "leave it out: an interface may always come and go"),
    ("global_defs", "vrrp_startup_delay", DELAY),
    ("global_defs", "vrrp_delay_after_boot", DELAY),
    ("global_defs", "log_unknown_vrids", "adverts for ids that are not ours are only counted"),
    ("global_defs", "vrrp_notify_fifo", NOTIFY),
    ("global_defs", "notify_fifo", NOTIFY),
    ("global_defs", "vrrp_notify_priority_changes", NOTIFY),
    ("global_defs", "net_namespace", NAMESPACE),
    ("global_defs", "instance", "give each vipd its own run directory: vipd -r"),
    ("global_defs", "use_pid_dir", "give each vipd its own run directory: vipd -r"),
    ("global_defs", "vrrp_priority", PROCESS),
    ("global_defs", "vrrp_rt_priority", PROCESS),
    ("global_defs", "vrrp_no_swap", PROCESS),
    ("global_defs", "max_auto_priority", PROCESS),
    ("global_defs", "state_dump_file", OUTPUT),
    ("global_defs", "stats_dump_file", OUTPUT),
    ("global_defs", "json_dump_file", OUTPUT),
    ("global_defs", "vip_lease", "addresses stay where a killed vipd left them"),
    ("global_defs", "socket_group", "there is no control socket"),
    ("vrrp_instance", "vrf", SOURCE),
    ("vrrp_instance", "preempt_delay", "it preempts at once, or with nopreempt never"),
    ("vrrp_instance", "timer_expired_backup", "vipd always listens before it concludes"),
    ("vrrp_instance", "down_timer_adverts", TIMER),
    ("vrrp_instance", "lower_prio_no_advert", CONTEST),
    ("vrrp_instance", "higher_prio_send_advert", YIELD),
    ("vrrp_instance", "owner_ignore_adverts", OWNER),
    ("vrrp_instance", "strict_mode", STRICT),
    ("vrrp_instance", "mcast_src_ip", SOURCE),
    ("vrrp_instance", "unicast_src_ip", SOURCE),
    ("vrrp_instance", "track_src_ip", SOURCE),
    ("vrrp_instance", "mcast_dst_ip", MULTICAST),
    ("vrrp_instance", "unicast_peer", MULTICAST),
    ("vrrp_instance", "unicast_ttl", MULTICAST),
    ("vrrp_instance", "check_unicast_src", MULTICAST),
    ("vrrp_instance", "unicast_fault_no_peer", MULTICAST),
    ("vrrp_instance", "use_vmac", MAC),
    ("vrrp_instance", "vmac_xmit_base", MAC),
    ("vrrp_instance", "use_vmac_addr", MAC),
    ("vrrp_instance", "use_ipvlan", MAC),
    ("vrrp_instance", "garp_extra_if", BURST),
    ("vrrp_instance", "accept", ACCEPT),
    ("vrrp_instance", "no_accept", ACCEPT),
    ("vrrp_instance", "promote_secondaries", "set the sysctl of that name"),
    ("vrrp_instance", "v3_checksum_as_v2", "write v3_checksum = \"rfc9568\""),
    ("vrrp_instance", "auth_hmac", "adverts of VRRPv3 are not authenticated"),
    ("vrrp_instance", "dont_track_primary", "an interface that is down is always a FAULT"),
    ("vrrp_instance", "track_interface", TRACK),
    ("vrrp_instance", "track_file", TRACK),
    ("vrrp_instance", "track_process", TRACK),
    ("vrrp_instance", "track_bfd", TRACK),
    ("vrrp_instance", "track_tcp", TRACK),
    ("vrrp_instance", "track_ping", TRACK),
    ("vrrp_instance", "track_route", TRACK),
    ("vrrp_instance", "virtual_ipaddress_excluded", "every address is in the adverts"),
    ("vrrp_instance", "no_virtual_ipaddress", "an instance needs an address"),
    ("vrrp_instance", "virtual_routes", ROUTES),
    ("vrrp_instance", "virtual_rules", ROUTES),
    ("vrrp_instance", "notify_deleted", NOTIFY),
    ("vrrp_instance", "notify_fifo", NOTIFY),
    ("vrrp_instance", "notify_priority_changes", NOTIFY),
    ("vrrp_instance", "notify_master_rx_lower_pri", NOTIFY),
    ("vrrp_instance", "smtp_alert", MAIL),
    ("vrrp_instance", "vip_lease", "addresses stay where a killed vipd left them"),
    ("virtual_ipaddress", "peer", "an address has a prefix length instead"),
    ("virtual_ipaddress", "home", "it is for IPv6"),
    ("virtual_ipaddress", "-nodad", "it is for IPv6"),
    ("virtual_ipaddress", "mngtmpaddr", "it is for IPv6"),
    ("virtual_ipaddress", "noprefixroute", "the kernel makes a route for the prefix"),
    ("virtual_ipaddress", "autojoin", "join the multicast group otherwise"),
    ("virtual_ipaddress", "no_track", TRACK),
    ("virtual_ipaddress", "preferred_lft", "addresses are always preferred"),
    ("virtual_ipaddress", "use_vmac", MAC),
    ("virtual_ipaddress", "track_group", STATIC),
];

/// What the absence of a word means, if it is one that is missing here and not misspelt.
pub fn absent(section: &str, word: &str) -> Option<&'static str> {
    ABSENT.iter().find(|absent| absent.0 == section && absent.1 == word).map(|absent| absent.2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_both_there_and_absent() {
        let sections = super::super::keywords().chain(super::super::sections());
        for (section, word) in sections {
            assert_eq!(absent(section, word), None, "{section} {word}");
        }
        for (index, (section, word, _)) in ABSENT.iter().enumerate() {
            let twice = ABSENT.iter().skip(index + 1).any(|a| (a.0, a.1) == (*section, *word));
            assert!(!twice, "{section} {word}");
        }
    }
}
